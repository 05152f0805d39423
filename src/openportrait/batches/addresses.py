"""Files at URLs that fsspec knows: inputs are copied here before a job, and results are copied there after it.

Only the schemes named here are taken for URLs; none of them reaches arbitrary hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openportrait.errors import MediaError, OpenPortraitError
from openportrait.extras import install
from openportrait.files import spell_bytes, told

MOST_BYTES = 2**34
"""Most that is copied of one input: two hours, which is what `max_gigapixels` admits by default, at 19 Mbit/s."""
_PIECE_BYTES = 2**20
"""Copied at a time."""
_URL = re.compile(r"(gs|memory|s3):/+(.+)")
"""A URL as it is written, or as a Path holds it, with one slash less."""
_FILE = re.compile(r"file:/+(.+)")


def without_scheme(path: Path) -> Path:
    """`/tmp/a.png` for `file:///tmp/a.png`; anything else as it is."""
    found = _FILE.fullmatch(str(path))
    return Path(f"/{found[1]}") if found else path


def url_of(path: Path) -> str | None:
    """The URL that a path is, None for a file of this machine."""
    found = _URL.fullmatch(str(path))
    return f"{found[1]}://{found[2]}" if found else None


def fingerprint(url: str) -> str:
    """A text that changes when the content changes. Raises MediaError where there is no such file."""
    with _explained(url):
        return str(_system(url).ukey(url))


def exists(url: str) -> bool:
    """Whether there is such a file. Raises MediaError where that cannot be told."""
    with _explained(url):
        return bool(_system(url).exists(url))


def fetch(url: str, folder: Path) -> Path:
    """Copy the file into `folder`. Raises MediaError for one that is not there or too large."""
    copied = folder / url.rpartition("/")[2]
    left = MOST_BYTES
    with _explained(url), _system(url).open(url, "rb") as given, copied.open("wb") as taken:
        while piece := given.read(_PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise MediaError(f"{url}: is larger than {spell_bytes(MOST_BYTES)}; give a smaller file")
            taken.write(piece)
    return copied


def send(path: Path, url: str) -> None:
    """Copy a file to a URL, where it appears complete or not at all. Raises MediaError."""
    with _explained(url):
        _system(url).put_file(str(path), url)


def _system(url: str) -> Any:
    import fsspec

    return fsspec.filesystem(url.partition(":")[0])


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except OpenPortraitError:
        raise
    except ImportError as error:
        raise MediaError(f"{url}: needs a package ({told(error)}); {install('batch')}") from error
    except FileNotFoundError as error:
        raise MediaError(f"{url}: there is no such file; check the address") from error
    except Exception as error:  # each kind of storage raises errors of its own
        raise MediaError(f"{url}: cannot be reached ({told(error)}); check the address and your access") from error
