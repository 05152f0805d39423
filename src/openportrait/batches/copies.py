"""Sends files to another machine of a cluster, piece by piece, and keeps the copies there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from openportrait.media.target import hidden_folder

_PIECE_BYTES = 2**22
"""Copied at a time."""


def pieces(files: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    """The content of files, and of the files in folders, by the names of their copies."""
    for name, path in files.items():
        inside = {f"{name}/{one.name}": one for one in path.iterdir() if one.is_file()} if path.is_dir() else {}
        for copy, one in (inside or {name: path}).items():
            with one.open("rb") as given:
                while piece := given.read(_PIECE_BYTES):
                    yield copy, piece


class Copies:
    """The files that were sent here, in a folder of their own until it is closed. If the process is killed, the
    next one removes the folder."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(hidden_folder(Path(tempfile.gettempdir())))

    def take(self, name: str, piece: bytes) -> None:
        """The next bytes of a copy."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as copy:
            copy.write(piece)

    def give(self, name: str, place: int) -> bytes:
        """The bytes of a file from a place on; none at its end."""
        with (self.folder / name).open("rb") as given:
            given.seek(place)
            return given.read(_PIECE_BYTES)

    def close(self) -> None:
        """Remove them."""
        self._stack.close()
