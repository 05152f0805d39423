"""The one folder in which all files of a running app lie; what a killed app left is removed by the next."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openportrait import leaving
from openportrait.media.target import hidden_in, remove, sweep

NAME = "openportrait-web"


@contextmanager
def own_folder() -> Iterator[Path]:
    """An empty folder that nobody else may look into; it is removed at the end, and where the process leaves early."""
    parent = Path(tempfile.gettempdir()).resolve()
    sweep(parent)
    root = hidden_in(parent, NAME)
    leaving.unfinished(root, remove)
    root.mkdir(mode=0o700)
    try:
        yield root
    finally:
        remove(root)
        leaving.finished(root)
