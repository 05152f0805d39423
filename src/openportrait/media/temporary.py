"""Names of what is still being written, and the sweep of what killed runs left under such names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from openportrait import leaving
from openportrait.media.files import unwritable

_NAME = re.compile(
    r"\..*\.(?P<host>[0-9a-f]{8})-(?P<pid>[1-9][0-9]{0,8})-(?P<born>[0-9a-f]{8})-[0-9a-f]{8}\.part(\..*)?", re.DOTALL
)
_MOST_OF_A_STEM = 40
"""Characters of the output's name that its temporary name repeats: enough to tell what it is."""
_ENDED = (b"Z", b"X")
"""States of a process in /proc that has ended and is not yet forgotten."""


def hidden_in(folder: Path, name: str) -> Path:
    """A name in `folder` that nothing else has, for what will be called `name`: it says which process writes it."""
    path = Path(name)
    owner = f"{_host()}-{os.getpid()}-{_born(os.getpid())}-{secrets.token_hex(4)}"
    return folder / f".{path.stem[:_MOST_OF_A_STEM]}.{owner}.part{path.suffix}"


@contextlib.contextmanager
def hidden_folder(folder: Path, first: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """One of its own in `folder`, removed at the end; should this process be killed, by the next that writes there.

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
    """Remove what runs on this machine left in `folder` whose process is gone. What cannot be removed stays."""
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
    """This machine and, in a container, its own numbering of processes: what process numbers are unique in."""
    numbering = ""
    with contextlib.suppress(OSError):
        numbering = str(Path("/proc/self/ns/pid").readlink())
    return _short(f"{platform.node()} {_content('/etc/machine-id')!r} {numbering}")


def _born(pid: int) -> str:
    """A mark that no later process of the same number has, where the system tells when a process began."""
    began = _stat(pid)[19:20]
    return _short(f"{_content('/proc/sys/kernel/random/boot_id')!r} {began}") if began else "0" * 8


def _gone(pid: int, born: str) -> bool:
    """Whether the process has ended for certain."""
    if os.name != "posix":
        return False  # Windows has no way to ask that does no harm
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
