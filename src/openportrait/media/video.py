"""Video files through FFmpeg: timed pictures, decoded with threads, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openportrait.errors import MediaError
from openportrait.media.colour import has_alpha, rgb
from openportrait.media.files import MAX_PIXELS, check_size, fitted, open_container
from openportrait.media.timing import Timed, guess_rate
from openportrait.records import Image, MediaInfo

_PACKETS_FOR_RATE = 1000
_STRANGE = "give an MP4, MOV, MKV, WebM, AVI or GIF file, or export it again"


@dataclass(frozen=True)
class _Upright:
    """How a decoded frame becomes a delivered picture."""

    width: int
    """Before the turn, after sample aspect ratio and reduction."""
    height: int
    transpose: bool
    flip_x: bool
    flip_y: bool

    def picture(self, frame: VideoFrame) -> tuple[Image, Image | None]:
        image, alpha = rgb(frame, self.width, self.height)
        return self._turn(image), None if alpha is None else self._turn(alpha)

    def _turn(self, image: Image) -> Image:
        if not (self.transpose or self.flip_x or self.flip_y):
            return image
        turned = image.swapaxes(0, 1) if self.transpose else image
        return np.ascontiguousarray(turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as delivered."""
        return (self.height, self.width) if self.transpose else (self.width, self.height)


class VideoReader:
    """The picture track of one video file. Raises MediaError when there is none that can be decoded."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int = 0) -> None:
        self._path = path
        try:
            with open_container(path) as container:
                stream = self._stream(container)
                rate, varies = _rate(container, stream)
                facts = _facts(container, stream)
            with open_container(path) as container:
                first = next(self._frames(container, self._stream(container)), None)
        except av.FFmpegError as error:
            raise self._unreadable(error) from error
        if first is None:
            raise MediaError(f"{path}: no picture in it can be decoded; it is damaged or protected, {_STRANGE}")
        self._upright = _orientation(first, max_size, facts.sample_aspect)
        self._end_seconds = facts.duration
        width, height = self._upright.size
        check_size(path, width, height)
        self.info = MediaInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            frames=max(1, round(facts.duration * rate)) if facts.duration else None,
            duration_seconds=float(facts.duration) if facts.duration else None,
            has_audio=facts.has_audio,
            has_alpha=has_alpha(first),
            container=facts.container,
            codec=facts.codec,
            variable_rate=varies,
        )

    def pictures(self) -> Iterator[Timed]:
        """Every picture in order of time, the first at its offset from the start of the track."""
        self.truncated = None
        with open_container(self._path) as container:
            stream = self._stream(container)
            base, start = stream.time_base or Fraction(1, 1000), stream.start_time
            end = Fraction(0)
            for frame in self._frames(container, stream):
                pts = frame.pts if frame.pts is not None else frame.dts
                if start is None:
                    start = pts
                seconds = (pts - start) * base if pts is not None and start is not None else end
                duration = (frame.duration or 0) * base
                end = max(end, seconds + (duration or 1 / (self.info.rate or 25)))
                yield Timed(seconds, duration, partial(self._upright.picture, frame))

    def _frames(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            yield from packet.decode()

    def _stream(self, container: InputContainer) -> VideoStream:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise MediaError(f"{self._path}: holds no picture track, only sound; give a clip with pictures")
        stream = streams[0]
        check_size(self._path, stream.width, stream.height)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        return stream

    def _unreadable(self, error: av.FFmpegError) -> MediaError:
        return MediaError(f"{self._path}: cannot be read as a picture or clip ({error.strerror}); {_STRANGE}")


@dataclass(frozen=True)
class _Facts:
    duration: Fraction | None
    has_audio: bool
    container: str
    codec: str
    sample_aspect: Fraction


def _facts(container: InputContainer, stream: VideoStream) -> _Facts:
    duration = None
    if stream.duration and stream.time_base:
        duration = stream.duration * stream.time_base
    elif container.duration:
        duration = Fraction(container.duration, 1_000_000)
    return _Facts(
        duration=duration,
        has_audio=bool(container.streams.audio),
        container=container.format.name,
        codec=stream.codec_context.name,
        sample_aspect=stream.sample_aspect_ratio or Fraction(1),
    )


def _rate(container: InputContainer, stream: VideoStream) -> tuple[Fraction, bool]:
    """From the timestamps of the first packets; nothing is decoded."""
    tick = stream.time_base or Fraction(1, 1000)
    stamps = (p.pts if p.pts is not None else p.dts for p in islice(container.demux(stream), _PACKETS_FOR_RATE))
    times = sorted({stamp for stamp in stamps if stamp is not None})
    hints = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return guess_rate([time * tick for time in times], tick, hints)


def _orientation(frame: VideoFrame, max_size: int, aspect: Fraction) -> _Upright:
    """Sample aspect ratio widens (or heightens) the picture, the display matrix turns it in quarters."""
    width, height = frame.width, frame.height
    if Fraction(1, 8) <= aspect <= 8:
        width, height = (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))
    width, height = fitted(width, height, max_size)
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return _Upright(width, height, False, False, False)
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    # A point (x, y) goes to (a·x + c·y, b·x + d·y).
    if abs(b) > abs(a):
        return _Upright(width, height, True, bool(c < 0), bool(b < 0))
    return _Upright(width, height, False, bool(a < 0), bool(d < 0))
