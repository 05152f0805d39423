"""Keeps pictures that were sent to be edited for a while: a client that moves a slider sends the same picture many
times.

The name of a file is the hash of its content, so that a worker recognizes a portrait that it has analysed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openportrait.media.target import remove
from openportrait.serve.forms import Part, copied

KEPT_SECONDS = 600.0
"""A picture that is not sent again within so long is removed."""
MOST = 64
"""Pictures that are kept; those sent longest ago go first."""


class Portraits:
    """Its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        """What an earlier service left in `folder` is removed."""
        self._folder = folder
        remove(folder)
        folder.mkdir(mode=0o700)
        self._turn = threading.Lock()
        self._used: dict[Path, float] = {}
        """When each was sent last, in that order."""
        self._busy: dict[Path, int] = {}

    @contextmanager
    def held(self, part: Part, most_megabytes: int) -> Iterator[Path]:
        """The picture as a file, which stays as long as it is held. Raises Refused for one that is too large."""
        fresh = self._folder / f"{secrets.token_hex(16)}.part"
        try:
            digest = copied(part, fresh, most_megabytes)
            path = self._folder / f"{digest}{part.suffix}"
            with self._turn:
                self._busy[path] = self._busy.get(path, 0) + 1
                self._used.pop(path, None)
                self._used[path] = time.monotonic()
                # A file that is there keeps its time of change, by which a worker recognizes it.
                if not path.exists():
                    fresh.rename(path)
        finally:
            remove(fresh)
        try:
            yield path
        finally:
            with self._turn:
                self._busy[path] -= 1
                if not self._busy[path]:
                    del self._busy[path]
            self.sweep()

    def place(self, suffix: str) -> Path:
        """A name for what is made of a picture."""
        return self._folder / f"{secrets.token_hex(16)}{suffix}"

    def sweep(self) -> None:
        """Remove those that nobody sends any more."""
        with self._turn:
            idle = [path for path in self._used if path not in self._busy]
            late = time.monotonic() - KEPT_SECONDS
            for place, path in enumerate(idle):
                if self._used[path] < late or len(idle) - place > MOST:
                    del self._used[path]
                    remove(path)
