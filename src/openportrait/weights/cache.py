"""The folders in which this package keeps files that can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`OPENPORTRAIT_CACHE`, or the folder that the system has for caches of this package. Not created here."""
    named = os.environ.get("OPENPORTRAIT_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("openportrait", appauthor=False)


def weights_folder() -> Path:
    """Where downloads go unless told otherwise."""
    return cache_folder() / "weights"


def converted_folder() -> Path:
    """Where checkpoints lie once converted for fast loading."""
    return cache_folder() / "converted"
