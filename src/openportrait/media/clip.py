"""One way to read everything: a clip is frames at a constant exact rate, whatever the file is."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from openportrait.media.animation import AnimationReader
from openportrait.media.budget import Budget
from openportrait.media.files import existing
from openportrait.media.folder import FolderReader
from openportrait.media.pixels import find_picture
from openportrait.media.stills import StillReader
from openportrait.media.timing import DEFAULT_RATE, Mark, Timed, at_constant_rate
from openportrait.media.video import VideoReader
from openportrait.options import CropOptions
from openportrait.records import Frame, MediaInfo


class Reader(Protocol):
    """One kind of file; tells what it holds when it is opened, decodes when asked."""

    info: MediaInfo
    budget: Budget
    """How many frames of the file may be decoded."""
    truncated: str | None
    """Why the last reading ended before the file's own end; None where it did not."""

    def pictures(self) -> Iterator[Timed]:
        """The file's own pictures with their times, from the start."""
        ...


class _Frames(Iterator[Frame]):
    """Frames that may be taken in one thread and closed by another, which then waits for the one under way."""

    def __init__(self, frames: Generator[Frame, None, None]) -> None:
        self._frames = frames
        self._turn = threading.Lock()

    def __next__(self) -> Frame:
        with self._turn:
            return next(self._frames)

    def close(self) -> None:
        """Close the file; there are no further frames."""
        with self._turn:
            self._frames.close()


class Clip:
    """An opened clip. A context manager; each iteration reads from the start and holds one frame at a time."""

    def __init__(self, reader: Reader) -> None:
        """Raises MediaError where the file promises more than may be decoded."""
        reader.budget.check(reader.info.frames)
        self._reader = reader
        self._running: list[_Frames] = []
        self.marks: list[Mark] = []
        """After an iteration: from where its file may be read another time."""

    @property
    def info(self) -> MediaInfo:
        """What the frames will be like."""
        return self._reader.info

    @property
    def truncated(self) -> str | None:
        """After an iteration: where and why decoding broke off; None where the clip is whole."""
        return self._reader.truncated

    def __iter__(self) -> Iterator[Frame]:
        self.marks = []
        return self._read(at_constant_rate(self._counted(self._reader.pictures()), self._rate, marks=self.marks))

    def frames(self, first: int, marks: Sequence[Mark] = ()) -> Iterator[Frame]:
        """The frames from number `first` on: as iteration gives them, sooner.

        `marks`: those of an iteration, of this clip or of another one of the same file.
        """
        place = bisect_right(marks, first, key=lambda mark: mark.index) - 1
        if place >= 0 and isinstance(self._reader, VideoReader):
            mark = marks[place]
            pictures = self._reader.pictures(mark)
            opening = next(pictures, None)
            if opening is not None and opening.mark is not None and opening.mark.pts == mark.pts:
                found = self._counted(chain([opening], pictures))
                return self._read(at_constant_rate(found, self._rate, first=first, start=mark.index))
        return self._read(at_constant_rate(self._counted(self._reader.pictures()), self._rate, first=first))

    @property
    def _rate(self) -> Fraction:
        return self.info.rate or DEFAULT_RATE

    def _counted(self, pictures: Iterator[Timed]) -> Iterator[Timed]:
        return self._reader.budget.over(pictures)

    def _read(self, frames: Generator[Frame, None, None]) -> Iterator[Frame]:
        # Pictures too many are counted, and also those that are repeated.
        read = _Frames(self._reader.budget.over(frames))
        self._running.append(read)
        return read

    def close(self) -> None:
        """Close the file, also in the midst of an iteration, and of one in another thread."""
        for frames in self._running:
            frames.close()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_clip(path: Path, *, max_size: int = 0, max_gigapixels: float = CropOptions.max_gigapixels) -> Clip:
    """Open a video, an animation (GIF, WebP, PNG), a folder of numbered pictures or a still picture.

    The content decides, not the name. Frames are upright, RGB, with square pixels, longer side at most
    `max_size` px (0: as it is), at a constant exact rate to which the file's timestamps are fitted. A
    still picture is a clip of one frame. Raises MediaError where the file cannot be read from its start
    or all its frames together are more than `max_gigapixels`; where it breaks off later, the iteration
    ends and `Clip.truncated` says why.
    """
    return Clip(_reader(path, max_size, max_gigapixels))


def probe(path: Path) -> MediaInfo:
    """What a picture, clip or folder holds, as `open_clip` would deliver it. Raises MediaError."""
    return open_clip(path).info


def _reader(path: Path, max_size: int, max_gigapixels: float) -> Reader:
    existing(path)
    if path.is_dir():
        return FolderReader(path, max_size, max_gigapixels)
    with find_picture(path) as picture:
        if picture is None:
            return VideoReader(path, max_size, max_gigapixels)
        animated = getattr(picture, "is_animated", False) and picture.format in ("GIF", "WEBP", "PNG", "AVIF")
    if animated:
        return AnimationReader(path, max_size, max_gigapixels)
    return StillReader(path, max_size, max_gigapixels)
