"""Opens plain files only; the kind of a file is known before anything is read from it.

A pipe waits for ever for its writer, and a device has no end: neither is opened.
"""

from __future__ import annotations

import os
import stat
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from openportrait.errors import MediaError

_MOST_TOLD = 160
"""Characters that are repeated of what an error says: some libraries put the whole wrong value into it."""


AnyPath = str | PathLike[str]
"""A path as callers give it."""


def status(path: Path, wanted: str) -> os.stat_result:
    """What `path` is: a plain file or a folder. `wanted` says what to give instead of anything else.

    Raises MediaError: there is no such file, it may not be looked at, or it is a pipe, a socket or a device.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "download it first" if "://" in str(path) or ":/" in str(path) else "check the path"
        raise MediaError(f"{path}: there is no such file; {hint}") from error
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read; change its permissions") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be opened ({told(error)}); check the path") from error
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise MediaError(f"{path}: is {_kind(found.st_mode)} and no plain file; give {wanted}")
    return found


def open_plain(path: Path, wanted: str) -> BinaryIO:
    """The plain file `path`, opened for reading. Raises MediaError as `status`, and for a folder.

    The opened file itself is checked, so that it cannot be replaced in between.
    """
    if stat.S_ISDIR(status(path, wanted).st_mode):
        raise MediaError(f"{path}: is a folder; give {wanted}")
    try:
        # Without waiting: should a pipe stand here by now, opening it does not block.
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read; change its permissions") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be opened ({told(error)}); check the path") from error
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise MediaError(f"{path}: is {_kind(mode)} and no plain file; give {wanted}")
    return file


def read_start(path: Path, most: int, wanted: str) -> bytes:
    """The first `most` bytes of a plain file, or all where it has fewer. Raises MediaError as `open_plain`."""
    with open_plain(path, wanted) as file:
        try:
            # Python allocates as much as is asked for, so no more than the file has is asked for.
            return file.read(min(most, os.fstat(file.fileno()).st_size + 1))
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({told(error)}); check the disk") from error


def read_plain(path: Path, most: int, wanted: str) -> bytes:
    """The whole content of a plain file of at most `most` bytes. Raises MediaError as `open_plain`, and for more."""
    content = read_start(path, most + 1, wanted)
    if len(content) > most:
        raise MediaError(f"{path}: is larger than {spell_bytes(most)}; give {wanted}")
    return content


def told(error: BaseException) -> str:
    """The text of an error without its number and path: one short line."""
    said = str(getattr(error, "strerror", None) or error or "")
    return " ".join(said.split())[:_MOST_TOLD] or type(error).__name__


def spell_bytes(count: float) -> str:
    """`64 MB`, `4 kB`."""
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a folder" if stat.S_ISDIR(mode) else "a device"
