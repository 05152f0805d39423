"""A folder of numbered pictures as a clip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from openportrait.errors import MediaError
from openportrait.media.budget import Budget
from openportrait.media.pixels import has_alpha, open_picture, pixels, upright_size
from openportrait.media.shrink import fitted
from openportrait.media.timing import DEFAULT_RATE, Timed
from openportrait.records import Image, MediaInfo

_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif", ".heic", ".heif")
)
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


class FolderReader:
    """The pictures of a folder in the order of their numbers, at 25 a second. Raises MediaError for gaps."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int, max_gigapixels: float) -> None:
        self._path = path
        self._max_size = max_size
        self._files = numbered(path)
        with open_picture(self._files[0]) as first:
            self._size = upright_size(first)
            clear, kind = has_alpha(first), first.format or ""
        self.budget = Budget(path, self._size, max_gigapixels)
        width, height = fitted(*self._size, max_size)
        self.info = MediaInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            rate=DEFAULT_RATE,
            frames=len(self._files),
            duration_seconds=float(len(self._files) / DEFAULT_RATE),
            has_alpha=clear,
            container="folder",
            codec=kind.lower(),
        )

    def pictures(self) -> Iterator[Timed]:
        """Every picture, decoded when it is shown."""
        for index, file in enumerate(self._files):
            yield Timed(index / DEFAULT_RATE, 1 / DEFAULT_RATE, partial(self._picture, file))

    def _picture(self, file: Path) -> tuple[Image, Image | None]:
        with open_picture(file) as picture:
            if upright_size(picture) != self._size:
                width, height = self._size
                raise MediaError(
                    f"{file}: is {picture.width} × {picture.height}, the folder's first picture {width} × {height}; "
                    "give all the same size"
                )
            return pixels(file, picture, self._max_size, clear=self.info.has_alpha)


def numbered(folder: Path) -> list[Path]:
    """The folder's pictures by their numbers, which must follow one another without a gap. Raises MediaError."""
    try:
        files = [f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and not f.name.startswith(".")]
    except OSError as error:
        raise MediaError(f"{folder}: the folder cannot be listed; change its permissions") from error
    if not files:
        raise MediaError(f"{folder}: the folder holds no pictures; give one with numbered pictures, or a file")
    by_number: dict[int, Path] = {}
    for file in files:
        found = _LAST_NUMBER.search(file.stem)
        if found is None:
            raise MediaError(f"{file}: has no number in its name; number all pictures of the folder or take it out")
        number = int(found.group())
        if number in by_number:
            raise MediaError(f"{file}: has the same number as {by_number[number].name}; keep one of them")
        by_number[number] = file
    first, last = min(by_number), max(by_number)
    if last - first + 1 != len(by_number):
        missing = next(n for n in range(first, last) if n not in by_number)
        raise MediaError(
            f"{folder}: picture number {missing} is missing between {first} and {last}; add it or number them anew"
        )
    return [by_number[number] for number in sorted(by_number)]
