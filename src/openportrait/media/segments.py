"""Encodes segments (stretches of a clip) into files of their own, and joins them packet by packet.

Each begins with a key frame, and its bytes depend on its pictures alone: neither on the machine's cores nor on what
comes before. So a joined clip is the same file wherever its segments were made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.stream import VideoStream

from openportrait.media.encode import CONTAINERS, Container, VideoEncoder, VideoFile
from openportrait.media.files import open_container, unwritable
from openportrait.media.sound import Sound
from openportrait.records import Image


def is_joined(path: Path) -> bool:
    """Whether clips of this name can be joined from segments: video files can."""
    return path.suffix.lower() in CONTAINERS


class SegmentWriter:
    """A stretch of the clip `goal`, without sound or alpha. A context manager: what was made before an exception stays.

    Raises MediaError, which names the goal, when the file cannot be written.
    """

    def __init__(self, path: Path, goal: Path, *, rate: Fraction, quality: int) -> None:
        """`path`: the segment's file. `rate` and `quality` as for the clip."""
        self._path, self._goal, self._rate, self._quality = path, goal, rate, quality
        self._encoder: VideoEncoder | None = None

    def write(self, image: Image, alpha: Image | None = None) -> None:
        """Add a frame: (H, W, 3) RGB, laid on white where it has alpha (H, W)."""
        with self._guarded():
            if self._encoder is None:
                whole = CONTAINERS[self._goal.suffix.lower()]
                self._encoder = VideoEncoder(
                    self._path,
                    Container(whole.segments, whole.video, whole.sound, whole.copies),
                    size=(image.shape[1], image.shape[0]),
                    rate=self._rate,
                    quality=self._quality,
                    sound=None,
                    threads=1,
                )
            self._encoder.write(image, alpha)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, av.FFmpegError) as error:
            raise unwritable(self._goal, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._encoder is not None:
            with self._guarded():
                self._encoder.finish()


class JoinedVideo(VideoFile):
    """A video file made of segments, with sound. Raises OSError or av.FFmpegError when it cannot be written."""

    def __init__(
        self, path: Path, container: Container, first: Path, *, rate: Fraction, sound: Sound | None, description: str
    ) -> None:
        """`first`: a segment; the others are encoded like it."""
        super().__init__(path, container, description)
        self._rate = rate
        with open_container(first) as segment:
            self._stream: VideoStream = self._output.add_stream_from_template(segment.streams.video[0])
        self._add_sound(sound)

    def join(self, path: Path, frames: int) -> None:
        """Add a segment of so many frames, and the sound up to its end."""
        with open_container(path) as segment:
            stream = segment.streams.video[0]
            assert stream.time_base is not None, "segments have a clock"
            scale = stream.time_base * self._rate
            for packet in segment.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue  # The mark of the end.
                packet.pts = self.frames + round(packet.pts * scale)
                packet.dts = self.frames + round(packet.dts * scale)
                packet.duration, packet.time_base, packet.stream = 1, 1 / self._rate, self._stream
                self._output.mux(packet)
                if self._sound:
                    self._sound.advance(packet.dts / self._rate)
        self.frames += frames

    def finish(self) -> None:
        """Write the rest of the sound, and the end of the file."""
        if self._sound:
            self._sound.advance(self.frames / self._rate)
        super().finish()
