"""Video files through FFmpeg: timed pictures, decoded with threads, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openportrait.bounds import fraction
from openportrait.errors import MediaError
from openportrait.files import told
from openportrait.media.colour import has_alpha, rgb
from openportrait.media.files import MAX_CLIP_PIXELS, Budget, check_size, is_locked, may_be_sought, open_container
from openportrait.media.pixels import Turn, fitted
from openportrait.media.timing import DEFAULT_RATE, LONGEST_REST, Mark, Timed, guess_rate
from openportrait.records import Image, MediaInfo
from openportrait.trim import SEEK_MARGIN

_PACKETS_FOR_RATE = 1000
"""Packets from whose times the rate is told."""
_REORDERED = 16
"""Packets by which decoding order and time order differ at most: the limit of H.264."""
_PIXELS_FOR_FRAME_THREADS = 10_000_000
"""4096 × 2304 fits."""
_BYTES_OF_MATRIX = 36
"""Of a display matrix: nine numbers of 32 bits."""
_LONGEST_SECONDS = 1_000_000
"""Eleven days: a header that states more says nothing."""
_MICROSECOND = Fraction(1, 1_000_000)
"""s, FFmpeg's own unit of time."""
_REMEDY = "give an MP4, MOV, MKV, WebM, AVI or GIF file, or export it again"
# FFmpeg's own decoders of these leave the transparency out.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class _Upright:
    """How to turn a decoded frame into a delivered picture."""

    path: Path
    width: int
    """Before the turn, after sample aspect ratio and reduction."""
    height: int
    turn: Turn

    def picture(self, frame: VideoFrame) -> tuple[Image, Image | None]:
        """RGB and alpha. Raises MediaError."""
        try:
            image, alpha = rgb(frame, self.width, self.height)
        except (av.FFmpegError, ValueError, TypeError) as error:
            raise MediaError(f"{self.path}: a frame cannot be converted ({told(error)}); {_REMEDY}") from error
        return self.turn(image), None if alpha is None else self.turn(alpha)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as delivered."""
        return (self.height, self.width) if self.turn.transpose else (self.width, self.height)


class VideoReader:
    """The picture track of one video file. Raises MediaError where none can be decoded."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int, max_gigapixels: float) -> None:
        """Reads the header, the first timestamps and the first picture."""
        self._path = path
        self._failures = 0
        try:
            with open_container(path) as container:
                stream = self._stream(container)
                rate, varies = _rate(container, stream)
            with open_container(path) as container:
                stream = self._stream(container)
                first = next(self._frames(container, stream), None)
                if first is None:
                    raise MediaError(f"{path}: holds no picture that can be decoded, it is damaged; {_REMEDY}")
                self.budget = Budget(path, (first.width, first.height), max_gigapixels)
                self._upright = self._orientation(first, stream.sample_aspect_ratio, max_size)
                self._promised = _duration(container, stream)
                self.info = self._describe(container, stream, first, rate, varies)
        except av.FFmpegError as error:
            raise MediaError(f"{path}: cannot be read as a picture or clip ({error.strerror}); {_REMEDY}") from error

    def _describe(
        self, container: InputContainer, stream: VideoStream, first: VideoFrame, rate: Fraction, varies: bool
    ) -> MediaInfo:
        duration = self._promised or _length(container.duration, _MICROSECOND)
        width, height = self._upright.size
        return MediaInfo(
            path=self._path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            frames=max(1, round(duration * rate)) if duration else None,
            duration_seconds=float(duration) if duration else None,
            has_audio=bool(container.streams.audio),
            has_alpha=has_alpha(first),
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            variable_rate=varies,
        )

    def pictures(self, mark: Mark | None = None) -> Iterator[Timed]:
        """Every picture in order of time, counted from the start of the track; or those from a mark on.

        Where the file cannot be read from there, the first is another one than the mark's.
        """
        self.truncated = None
        self._failures = 0
        reason, end = "the file ends early", Fraction(0)
        try:
            with open_container(self._path) as container:
                for picture in self._timed(container, mark):
                    end = max(end, picture.seconds + picture.duration)
                    yield picture
        except av.FFmpegError as error:
            reason = error.strerror or str(error)
        if self._failures:
            reason += f", {self._failures} damaged parts were left out"
        promised = self._promised
        if promised and promised - end > max(Fraction(3, 10), promised / 100):
            self.truncated = f"{self._path}: breaks off after {float(end):.2f} of {float(promised):.2f} s ({reason})"

    def mark_before(self, frame: int) -> Mark | None:
        """Where reading may begin for a frame, by its number; None where that is the start of the file.

        Nothing is decoded. In files whose clock may be set anew nothing is sought.
        """
        rate = self.info.rate or DEFAULT_RATE
        wanted = frame / rate - SEEK_MARGIN
        if wanted <= 0:
            return None
        with open_container(self._path) as container, suppress(av.FFmpegError):
            stream = self._stream(container)
            base, start = stream.time_base or Fraction(1, 1000), stream.start_time
            if start is None or not may_be_sought(container):
                return None
            container.seek(start + int(wanted / base), stream=stream)
            packets = (packet for packet in islice(container.demux(stream), _PACKETS_FOR_RATE) if packet.is_keyframe)
            pts = next((packet.pts for packet in packets), None)
            seconds = (pts - start) * base if pts is not None else Fraction(0)
            if pts is not None and 0 < seconds <= frame / rate:
                return Mark(pts, start, seconds, Fraction(0), round(seconds * rate))
        return None

    def _timed(self, container: InputContainer, mark: Mark | None) -> Iterator[Timed]:
        stream = self._stream(container)
        base, start = stream.time_base or Fraction(1, 1000), stream.start_time
        usual = 1 / (self.info.rate or DEFAULT_RATE)
        end, shift = Fraction(0), Fraction(0)
        frames: Iterator[VideoFrame] = self._frames(container, stream)
        if mark is not None:
            start, end, shift = mark.start, mark.end, mark.shift
            container.seek(mark.pts, stream=stream)
            frames = dropwhile(lambda frame: frame.pts is None or frame.pts < mark.pts, frames)
        for frame in frames:
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:
                seconds = end
            else:
                start = pts if start is None else start
                seconds = (pts - start) * base + shift
            if not end - 1 <= seconds <= end + LONGEST_REST:  # the clock was set anew, as in joined recordings
                shift += end - seconds
                seconds = end
            duration = min(frame.duration * base, LONGEST_REST) if frame.duration > 0 else usual
            yield Timed(seconds, duration, partial(self._upright.picture, frame), self._mark(frame, start, end, shift))
            end = seconds + duration

    @staticmethod
    def _mark(frame: VideoFrame, start: int | None, end: Fraction, shift: Fraction) -> Mark | None:
        if not frame.key_frame or frame.pts is None or start is None:
            return None
        return Mark(frame.pts, start, end, shift)

    def _frames(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decoded frames; packets that cannot be decoded are counted and left out, as players do."""
        decoder = _decoder(stream)
        for packet in container.demux(stream):
            if packet.has_sidedata("encryption_info"):
                raise self._locked()  # its content may decode, but to noise
            try:
                # An empty packet marks the end; with its size it would be none to a decoder of our own.
                yield from decoder.decode(packet if packet.size else None)
            except av.InvalidDataError:
                self._failures += 1
            except av.EOFError:
                return

    def _locked(self) -> MediaError:
        return MediaError(f"{self._path}: its video is encrypted or of an unknown kind; {_REMEDY}")

    def _stream(self, container: InputContainer) -> VideoStream:
        streams = [item for item in container.streams.video if not item.disposition & Disposition.attached_pic]
        if not streams:
            raise MediaError(f"{self._path}: holds no picture track; give a picture or a clip with pictures")
        known = [item for item in streams if not is_locked(item)]
        if not known:
            raise self._locked()
        stream = max(known, key=lambda item: item.width * item.height)
        if stream.width and stream.height:
            self._check_size(stream.width, stream.height)
        return stream

    def _check_size(self, width: int, height: int) -> None:
        check_size(self._path, width, height, most=MAX_CLIP_PIXELS, what="a frame of a clip")

    def _orientation(self, frame: VideoFrame, aspect: Fraction | None, max_size: int) -> _Upright:
        """Sample aspect ratio widens (or heightens) the picture, the display matrix turns it in quarters."""
        width, height = frame.width, frame.height
        if aspect and Fraction(1, 8) <= aspect <= 8:
            width, height = (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))
        self._check_size(width, height)
        matrix = frame.side_data.get("DISPLAYMATRIX")
        turn = _turn(bytes(matrix)) if isinstance(matrix, SideData) else Turn()
        return _Upright(self._path, *fitted(width, height, max_size), turn)


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """The stream's decoder with threads, or the one that knows of its transparency."""
    decoder = stream.codec_context
    name = decoder.codec.canonical_name
    if name in _ALPHA_DECODERS and stream.metadata.get("alpha_mode") == "1":
        other = CodecContext.create(_ALPHA_DECODERS[name], "r")
        assert isinstance(other, VideoCodecContext)
        decoder = other
    # Threads that share a frame hold no further ones, which matters where a frame has 50 MB and more.
    decoder.thread_type = "AUTO" if stream.width * stream.height <= _PIXELS_FOR_FRAME_THREADS else "SLICE"
    decoder.options = {"max_pixels": str(MAX_CLIP_PIXELS)}
    return decoder


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds of the picture track as the header promises them; None where it says nothing sure of it."""
    stated = _length(stream.duration, stream.time_base) or _stated_length(stream)
    if stated is None and not container.streams.audio:
        return _length(container.duration, _MICROSECOND)
    return stated


def _stated_length(stream: VideoStream) -> Fraction | None:
    """By the tag of a Matroska file: when the last frame ends, as hours:minutes:seconds."""
    parts = stream.metadata.get("DURATION", "").split(":")
    if len(parts) != 3:
        return None
    try:
        hours, minutes, seconds = (fraction(part, 0, _LONGEST_SECONDS, "DURATION") for part in parts)
    except ValueError:
        return None
    end = hours * 3600 + minutes * 60 + seconds
    return _length(end - (stream.start_time or 0) * (stream.time_base or 0), Fraction(1))


def _length(count: Fraction | int | None, unit_seconds: Fraction | None) -> Fraction | None:
    """Seconds that a header states; None where there is nothing, or nothing that can be a clip's length."""
    seconds = (count or 0) * (unit_seconds or Fraction(0))
    return Fraction(seconds) if 0 < seconds <= _LONGEST_SECONDS else None


def _rate(container: InputContainer, stream: VideoStream) -> tuple[Fraction, bool]:
    """From the timestamps of the first packets; nothing is decoded."""
    tick = stream.time_base or Fraction(1, 1000)
    stamps = (p.pts if p.pts is not None else p.dts for p in islice(container.demux(stream), _PACKETS_FOR_RATE))
    times = sorted({stamp for stamp in stamps if stamp is not None})
    if len(times) > 2 * _REORDERED:  # where the scan or the file breaks off, some of the last ones are missing
        times = times[:-_REORDERED]
    hints = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    return guess_rate([time * tick for time in times], tick, hints)


def _turn(matrix: bytes) -> Turn:
    """Of a display matrix: nine numbers of 32 bits; a point (x, y) goes to (a·x + c·y, b·x + d·y)."""
    if len(matrix) != _BYTES_OF_MATRIX:
        return Turn()
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return Turn(True, c < 0, b < 0)
    return Turn(False, a < 0, d < 0)
