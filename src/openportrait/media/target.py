"""A file that appears complete or not at all; until then it has a hidden name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from openportrait import leaving
from openportrait.errors import MediaError
from openportrait.media.files import FileId, file_ids, unwritable

_NAME = re.compile(
    r"\..*\.(?P<host>[0-9a-f]{8})-(?P<pid>[1-9][0-9]{0,8})-(?P<born>[0-9a-f]{8})-[0-9a-f]{8}\.part(\..*)?", re.DOTALL
)
_MOST_OF_A_STEM = 40
"""Characters of the output's name that its temporary name repeats: enough to tell what it is."""
_ENDED = (b"Z", b"X")
"""States in /proc of a process that has ended, but whose parent has not collected it yet."""


def hidden_in(folder: Path, name: str) -> Path:
    """A free name in `folder` for a file that will be called `name`; it tells which process writes the file."""
    path = Path(name)
    owner = f"{_host()}-{os.getpid()}-{_born(os.getpid())}-{secrets.token_hex(4)}"
    return folder / f".{path.stem[:_MOST_OF_A_STEM]}.{owner}.part{path.suffix}"


@contextlib.contextmanager
def hidden_folder(folder: Path, first: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """A hidden folder in `folder`, removed at the end. If this process is killed, the next one that writes there
    removes it.

    `first`: what is done before it is removed, also where a signal ends the process. Raises MediaError.
    """

    def removed(hidden: Path) -> None:
        first()
        remove(hidden)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        hidden = hidden_in(folder, "openportrait")
        leaving.unfinished(hidden, removed)
        hidden.mkdir(mode=0o700)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield hidden
    finally:
        removed(hidden)
        leaving.finished(hidden)


def is_temporary(name: str) -> bool:
    """Whether `name` is one of `hidden_in`."""
    return _NAME.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove temporary files in `folder` that ended processes of this machine left. A file that cannot be removed
    stays."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found and found["host"] == _host() and _gone(int(found["pid"]), found["born"]):
                remove(Path(entry.path))


def remove(path: Path) -> None:
    """Remove a temporary file or folder, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@cache
def _host() -> str:
    """A mark of this machine and, in a container, of its process numbers: within it, process numbers are unique."""
    numbering = ""
    with contextlib.suppress(OSError):
        numbering = str(Path("/proc/self/ns/pid").readlink())
    return _short(f"{platform.node()} {_content('/etc/machine-id')!r} {numbering}")


def _born(pid: int) -> str:
    """A mark of when a process began, where the system tells: a later process of the same number has another."""
    began = _stat(pid)[19:20]
    return _short(f"{_content('/proc/sys/kernel/random/boot_id')!r} {began}") if began else "0" * 8


def _gone(pid: int, born: str) -> bool:
    """Whether the process has ended for certain."""
    if os.name != "posix":
        return False  # on Windows, asking could end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's
    fields = _stat(pid)
    return bool(fields) and (fields[0] in _ENDED or _born(pid) != born)


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat behind the name, which may hold anything: state, parent, ...; empty elsewhere."""
    return _content(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


# A file that appears complete or not at all


_waiting: ContextVar[list[Target] | None] = ContextVar("_waiting", default=None)
"""Complete targets that wait to appear together with others; None outside of `together`."""


@contextmanager
def together() -> Iterator[None]:
    """A context: targets that are committed inside appear together at its end, or none of them after an exception."""
    if _waiting.get() is not None:
        yield
        return
    complete: list[Target] = []
    token = _waiting.set(complete)
    try:
        yield
    except BaseException:
        _waiting.reset(token)
        for target in complete:
            target.discard()
        raise
    _waiting.reset(token)
    with leaving.undivided():
        for target in complete:
            target.publish()


class Target:
    """Where an output is built: hidden beside the place it is renamed to at the end.

    A context manager: renames on a clean exit, removes everything it made on an exception, the
    folders it had to make for it included. Raises MediaError where that place cannot be written,
    or is one of the inputs. What killed runs left there is removed.
    """

    temporary: Path
    """What to write to: an empty file."""

    def __init__(self, path: Path, inputs: frozenset[FileId] = frozenset()) -> None:
        self.path = path
        self._inputs = inputs
        self._made: list[Path] = []
        self._done = False
        try:
            self._place = Path(os.path.realpath(path))
            standing = self._standing()
            if standing is not None and (standing.st_dev, standing.st_ino) in inputs:
                raise MediaError(f"{path}: is an input and the output at once; choose another name for the output")
            self._check(standing)
            self._make_parents()
            folder = self._folder_of_temporary()
            sweep(folder)
            self.temporary = hidden_in(folder, path.name)
            leaving.unfinished(self.temporary, remove)
            self._make_temporary()
        except (OSError, ValueError) as error:
            self._remove_parents()
            raise unwritable(path, error) from error

    def _standing(self) -> os.stat_result | None:
        """What is at the place now. Raises OSError where there can be nothing."""
        try:
            return self._place.stat()
        except FileNotFoundError:
            return None

    def _check(self, standing: os.stat_result | None) -> None:
        """Raise MediaError where the output may not take the place of what stands there."""
        if standing is None or stat.S_ISREG(standing.st_mode):
            return
        if stat.S_ISDIR(standing.st_mode):
            raise MediaError(f"{self.path}: is a folder; name a file in it")
        raise MediaError(f"{self.path}: is a pipe or a device; name a file for the output")

    def _folder_of_temporary(self) -> Path:
        return self._place.parent

    def _make_temporary(self) -> None:
        self.temporary.touch(exist_ok=False)

    def _make_parents(self) -> None:
        missing = [parent for parent in self._place.parents if not parent.exists()]
        for parent in reversed(missing):
            leaving.unfinished(parent, Path.rmdir)
            self._made.append(parent)
            parent.mkdir(exist_ok=True)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns a failure to write into MediaError."""
        try:
            yield
        except (OSError, ValueError, av.FFmpegError) as error:
            raise unwritable(self.path, error) from error

    def commit(self) -> None:
        """Rename to the final place: now, or where a context of `together` is left."""
        waiting = _waiting.get()
        if waiting is None:
            self.publish()
        else:
            waiting.append(self)

    def publish(self) -> None:
        """Rename to the final place now, without waiting for other targets."""
        with self.guarded(), leaving.undivided():
            self._commit()
            self._done = True
            leaving.finished(self.temporary, *self._made)

    def _commit(self) -> None:
        self.temporary.replace(self._place)

    def discard(self) -> None:
        """Remove what was made; nothing happens after a commit."""
        if self._done or self in (_waiting.get() or ()):
            return
        self._done = True
        remove(self.temporary)
        leaving.finished(self.temporary)
        self._remove_parents()

    def _remove_parents(self) -> None:
        for parent in reversed(self._made):
            with contextlib.suppress(OSError):
                parent.rmdir()
            leaving.finished(parent)

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


def check_file(path: Path, inputs: Iterable[Path]) -> None:
    """MediaError where no file can be written at `path`, or an input lies there; tried out, and nothing is left."""
    Target(path, file_ids(inputs)).discard()
