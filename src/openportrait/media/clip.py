"""Reads every kind of file in one way: a clip is a sequence of frames at a constant exact rate."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from openportrait.media.animation import AnimationReader
from openportrait.media.files import Budget, existing
from openportrait.media.pixels import find_picture
from openportrait.media.stills import FolderReader, StillReader
from openportrait.media.timing import DEFAULT_RATE, Mark, Timed, at_constant_rate
from openportrait.media.video import VideoReader
from openportrait.options import CropOptions
from openportrait.records import Frame, MediaInfo
from openportrait.trim import WHOLE, Trim


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
    """Frames that one thread may take and another close; closing waits for the frame under way."""

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

    def __init__(self, reader: Reader, trim: Trim = WHOLE) -> None:
        """Raises MediaError where more is promised than may be decoded, or nothing of the `trim`; a still has none."""
        self._reader = reader
        self._trim = trim if reader.info.kind == "video" else WHOLE
        self._wanted = self._trim.frames(self._rate)
        """Numbers of the frames in the file."""
        self.info = self._described()
        """What the frames will be like."""
        reader.budget.check(self.info.frames)
        self._running: list[_Frames] = []
        self.marks: list[Mark] = []
        """After an iteration: places from which its file may be read another time."""

    def _described(self) -> MediaInfo:
        whole = self._reader.info
        if whole.frames is None or self._trim == WHOLE:
            return whole
        frames = len(self._trim.frames(self._rate, whole.frames))
        if not frames:
            raise self._trim.nothing_left(whole.path, whole.frames / self._rate)
        return replace(whole, frames=frames, duration_seconds=float(frames / self._rate))

    @property
    def trim(self) -> Trim:
        """Which part of the file it is, by limits between two frames."""
        return self._trim.at(self._rate)

    @property
    def truncated(self) -> str | None:
        """After an iteration: where and why decoding broke off; None where the clip is whole."""
        return self._reader.truncated

    def __iter__(self) -> Iterator[Frame]:
        self.marks = []
        return self._read(0, (), self.marks)

    def frames(self, first: int, marks: Sequence[Mark] = ()) -> Iterator[Frame]:
        """The frames from number `first` on: as iteration gives them, sooner.

        `marks`: those of an iteration, of this clip or of another one of the same part of the same file.
        """
        return self._read(first, marks, None)

    @property
    def _rate(self) -> Fraction:
        return self._reader.info.rate or DEFAULT_RATE

    def _read(self, first: int, marks: Sequence[Mark], noted: list[Mark] | None) -> Iterator[Frame]:
        wanted = range(self._wanted.start + first, self._wanted.stop)
        pictures, start = self._pictures(wanted.start, marks)
        counted = self._reader.budget.over(pictures)
        laid_out = at_constant_rate(counted, self._rate, wanted=wanted, start=start, marks=noted)
        # Surplus pictures count too, and so do repeated ones.
        read = _Frames(self._reader.budget.over(self._numbered(laid_out, first)))
        self._running.append(read)
        return read

    def _pictures(self, first: int, marks: Sequence[Mark]) -> tuple[Iterator[Timed], int]:
        """The file's pictures from before its frame `first` on, and the number of the frame that they begin with."""
        if isinstance(self._reader, VideoReader):
            place = bisect_right(marks, first, key=lambda mark: mark.index) - 1
            # A clip that begins late is always read from the same place on, unless a mark lies behind it.
            mark = marks[place] if place >= 0 else self._reader.mark_before(self._wanted.start)
            if mark is not None:
                pictures = self._reader.pictures(mark)
                opening = next(pictures, None)
                if opening is not None and opening.mark is not None and opening.mark.pts == mark.pts:
                    return chain([opening], pictures), mark.index
        return self._reader.pictures(), 0

    def _numbered(self, frames: Generator[Frame, None, None], first: int) -> Generator[Frame, None, None]:
        """The file's frames by their numbers in the clip. Raises MediaError where the file ends before its part."""
        start, index = self._wanted.start, -1
        with closing(frames):
            for frame in frames:
                index = frame.index - start
                yield replace(frame, index=index, pts_seconds=index / self._rate) if start else frame
        if index < 0 and not first and start:
            raise self._trim.nothing_left(self.info.path)

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


def open_clip(
    path: Path, *, max_size: int = 0, max_gigapixels: float = CropOptions.max_gigapixels, trim: Trim = WHOLE
) -> Clip:
    """Open a video, an animation (GIF, WebP, PNG), a folder of numbered pictures or a still picture.

    The content decides, not the name. Frames are upright, RGB, with square pixels, longer side at most
    `max_size` px (0: as it is), at a constant exact rate to which the file's timestamps are fitted. A
    still picture is a clip of one frame; of another clip `trim` is the part that is read. Raises MediaError
    where the file cannot be read from its start, ends before that part, or all its frames together are more
    than `max_gigapixels`; where it breaks off later, the iteration ends and `Clip.truncated` says why.
    """
    return Clip(_reader(path, max_size, max_gigapixels), trim)


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
