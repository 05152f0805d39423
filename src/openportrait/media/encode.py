"""Encoders: pictures in, one growing file (or folder) out. Each holds a few pictures at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from PIL import Image as Pillow

from openportrait.media.sound import SoundTrack
from openportrait.media.stills import on_white, save
from openportrait.records import Image


class Encoder(Protocol):
    """Takes pictures of one size; raises OSError or av.FFmpegError when the file cannot be written."""

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
    """Sound codecs that players expect in it."""
    options: Mapping[str, str]


_MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus"))
_MOV_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"))
_MKV_SOUND = _MP4_SOUND | _MOV_SOUND | {"vorbis", "flac", "dts", "truehd", "pcm_f32le", "pcm_s32le", "pcm_u8", "mp2"}
_FAST_START = {"movflags": "+faststart"}
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", "libx264", "aac", _MP4_SOUND, _FAST_START),
    ".m4v": Container("mp4", "libx264", "aac", _MP4_SOUND, _FAST_START),
    ".mov": Container("mov", "libx264", "aac", _MOV_SOUND, _FAST_START),
    ".mkv": Container("matroska", "libx264", "aac", _MKV_SOUND, {}),
    ".webm": Container("webm", "libvpx-vp9", "libopus", frozenset(("opus", "vorbis")), {}),
}
_BT709 = 1
_LIMITED = 1


def _video_options(codec: str, quality: int) -> dict[str, str]:
    """Constant quality: 0, 75, 100 are crf 40, 18, 10 of H.264 and 55, 23, 13 of VP9."""
    if codec == "libx264":
        return {"crf": str(round(40 - 0.3 * quality)), "preset": "veryfast"}
    return {"crf": str(round(55 - 0.42 * quality)), "b:v": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}


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
    ) -> None:
        self._rate = rate
        self._count = 0
        width, height = size
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._output = av.open(f"file:{path}", mode="w", format=container.muxer, options=dict(container.options))
        self._stream = self._output.add_stream(
            container.video, rate=rate, options=_video_options(container.video, quality)
        )
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = 1 / rate
        context.color_range = _LIMITED
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._sound = SoundTrack(sound, self._output, container.copies, container.sound) if sound else None

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture and the sound up to its end."""
        picture = on_white(image, alpha)
        if any(after for _, after in self._padding):
            picture = np.pad(picture, self._padding, mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._output.mux(self._stream.encode(frame))
        if self._sound:
            self._sound.advance(self._count / self._rate)

    def finish(self) -> None:
        """Flush the encoders and close the file."""
        self._output.mux(self._stream.encode(None))
        if self._sound:
            self._sound.finish(self._count / self._rate)
        self._output.close()

    def abandon(self) -> None:
        """Close without caring for the file."""
        if self._sound:
            self._sound.close()
        try:
            self._output.close()
        except (OSError, av.FFmpegError):
            return  # the file is removed anyway


class SequenceEncoder:
    """One PNG a frame, numbered from 0 by a printf pattern, with alpha."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._count = 0

    def write(self, image: Image, alpha: Image | None) -> None:
        """Write the next file."""
        picture = Pillow.fromarray(image)
        if alpha is not None:
            picture.putalpha(Pillow.fromarray(alpha))
        save(picture, self._folder / (self._pattern % self._count), "PNG", 100)
        self._count += 1

    def finish(self) -> None:
        """Every file is complete already."""

    def abandon(self) -> None:
        """Every file is closed already."""
