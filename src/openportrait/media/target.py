"""A file or folder that appears complete or not at all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from openportrait.errors import MediaError
from openportrait.media.files import unwritable


class Target:
    """Where an output is built: hidden beside the place it is renamed to at the end.

    A context manager: renames on a clean exit, removes everything it made on an exception, the
    folders it had to make for it included. Raises MediaError where that place cannot be written.
    """

    temporary: Path
    """What to write to; an empty file, or an empty folder where `folder`."""

    def __init__(self, path: Path, *, folder: bool = False) -> None:
        self.path = path
        self._place = path.resolve()
        self._folder = folder
        self._made: list[Path] = []
        self._done = False
        try:
            if not folder and path.is_dir():
                raise MediaError(f"{path}: is a folder; name a file in it")
            if folder and path.is_file():
                raise MediaError(f"{path}: is a file, and a folder is needed; choose another name or add a suffix")
            self._make_parents()
            self.temporary = self._make_temporary()
        except OSError as error:
            self._remove_parents()
            raise unwritable(path, error) from error

    def _make_parents(self) -> None:
        missing = [parent for parent in self._place.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
            self._made.append(parent)

    def _make_temporary(self) -> Path:
        hidden = self._place.with_name(f".{self.path.stem[:40]}.{secrets.token_hex(4)}.part{self.path.suffix}")
        if self._folder:
            hidden.mkdir()
        else:
            hidden.touch(exist_ok=False)
        return hidden

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns a failure to write into MediaError."""
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            raise unwritable(self.path, error) from error

    def commit(self) -> None:
        """Rename to the final place."""
        with self.guarded():
            if self._folder and self._place.exists():
                for item in self.temporary.iterdir():
                    item.replace(self._place / item.name)
                self.temporary.rmdir()
            else:
                self.temporary.replace(self._place)
        self._done = True

    def discard(self) -> None:
        """Remove what was made; nothing happens after a commit."""
        if self._done:
            return
        self._done = True
        if self._folder:
            shutil.rmtree(self.temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                self.temporary.unlink()
        self._remove_parents()

    def _remove_parents(self) -> None:
        for parent in reversed(self._made):
            with contextlib.suppress(OSError):
                parent.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._done:
                self.commit()
        finally:
            self.discard()
