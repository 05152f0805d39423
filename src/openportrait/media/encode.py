"""The encoder's seam, and video with sound."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openportrait.media.sound import SoundTrack
from openportrait.media.stills import on_white
from openportrait.records import Image


class Encoder(Protocol):
    """Takes pictures of one size and holds a few at most; raises OSError or av.FFmpegError when it cannot write."""

    frames: int
    """How many pictures the file will have."""

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture, (H, W, 3) RGB, (H, W) alpha."""
        ...

    def finish(self) -> None:
        """Write what is still held, and the end of the file."""
        ...

    def abandon(self) -> None:
        """Close without caring for the file."""
        ...


@dataclass(frozen=True)
class Container:
    """What one output suffix means."""

    muxer: str
    video: str
    sound: str
    """Encoder for sound that cannot be copied."""
    copies: frozenset[str]
    """Sound codecs that its players expect."""
    options: Mapping[str, str] = field(default_factory=dict)


_MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus"))
_MOV_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"))
_MKV_SOUND = frozenset(
    ("aac", "mp2", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "dts", "pcm_s16le", "pcm_s24le", "pcm_f32le")
)
_FAST_START = {"movflags": "+faststart"}
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", "libx264", "aac", _MP4_SOUND, _FAST_START),
    ".m4v": Container("mp4", "libx264", "aac", _MP4_SOUND, _FAST_START),
    ".mov": Container("mov", "libx264", "aac", _MOV_SOUND, _FAST_START),
    ".mkv": Container("matroska", "libx264", "aac", _MKV_SOUND),
    ".webm": Container("webm", "libvpx-vp9", "libopus", frozenset(("opus", "vorbis"))),
}
_BT709, _LIMITED = 1, 1


def _video_options(codec: str, quality: int) -> dict[str, str]:
    """Constant quality: 0, 75, 100 are crf 40, 18, 10 of H.264 and 55, 24, 13 of VP9, at their fast settings."""
    if codec == "libx264":
        return {"crf": str(round(40 - 0.3 * quality)), "preset": "veryfast"}
    return {"crf": str(round(55 - 0.42 * quality)), "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}


class VideoEncoder:
    """H.264 or VP9, 4:2:0, BT.709, with sound. An odd side is made even by repeating its last row or column."""

    def __init__(
        self,
        path: Path,
        container: Container,
        *,
        size: tuple[int, int],
        rate: Fraction,
        quality: int,
        sound: Path | None,
        description: str = "",
    ) -> None:
        """Opens the file; `size` is (width, height), `sound` a file that has some."""
        self._rate = rate
        self.frames = 0
        width, height = size
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._output = av.open(f"file:{path}", mode="w", format=container.muxer, options=dict(container.options))
        if description:
            self._output.metadata["comment"] = description
        stream = self._output.add_stream(container.video, rate=rate, options=_video_options(container.video, quality))
        assert isinstance(stream, VideoStream)
        self._stream = stream
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / rate
        context.color_range = _LIMITED
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._sound = SoundTrack(sound, self._output, container.copies, container.sound) if sound else None

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture, and the sound up to its end."""
        picture = on_white(image, alpha)
        if any(after for _, after in self._padding):
            picture = np.pad(picture, self._padding, mode="edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        self.frames += 1
        self._output.mux(self._stream.encode(frame))
        if self._sound:
            self._sound.advance(self.frames / self._rate)

    def finish(self) -> None:
        """Write what is still held, and the end of the file."""
        self._output.mux(self._stream.encode(None))
        if self._sound:
            self._sound.close()
        self._output.close()

    def abandon(self) -> None:
        """Close without caring for the file."""
        with contextlib.suppress(OSError, av.FFmpegError):
            if self._sound:
                self._sound.close()
            self._output.close()
