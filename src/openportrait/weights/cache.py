"""Where this package keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`OPENPORTRAIT_CACHE`, or `openportrait` in the user's cache folder. Not created here."""
    named = os.environ.get("OPENPORTRAIT_CACHE")
    if named:
        return Path(named).expanduser()
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "openportrait"


def weights_folder() -> Path:
    """Where downloads go unless told otherwise."""
    return cache_folder() / "weights"


def converted_folder() -> Path:
    """Where checkpoints lie once converted for fast loading."""
    return cache_folder() / "converted"
