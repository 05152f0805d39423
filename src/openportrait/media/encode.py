"""The interface of encoders, and video with sound; also temporary clips without loss (MagicYUV in AVI)."""

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

from openportrait.media.colour import converted
from openportrait.media.provenance import SOURCE_TYPE, TAG, add_to_mp4
from openportrait.media.sound import Sound, SoundTrack
from openportrait.media.stills import on_white
from openportrait.records import Image

SUFFIX = ".avi"
# Measured on speech of 512 × 512: a quarter of the bytes of bare pixels, 300 pictures a second written and read.
# FFV1 has a fifth, but 50 and 80 a second; UT Video refuses low pictures; ffvhuff makes half as much again of noise.
_MUXER, _CODEC, _OPTIONS = "avi", "magicyuv", {"pred": "median"}
_LAYOUTS = {3: ("rgb24", "gbrp"), 4: ("rgba", "gbrap")}
"""Channels of a picture: how it is given, and FFmpeg's name of the same pixels as they are kept."""


class LosslessWriter:
    """A clip whose pictures come back as they were, at exactly its rate. Raises OSError or av.FFmpegError."""

    def __init__(self, path: Path, shape: tuple[int, ...], rate: Fraction) -> None:
        """`shape`: (H, W, 3 or 4) of every picture; `rate`: frames a second."""
        height, width, channels = shape
        self._given, kept = _LAYOUTS[channels]
        self._frames = 0
        self._base = 1 / rate
        self._output = av.open(f"file:{path}", mode="w", format=_MUXER)
        stream = self._output.add_stream(_CODEC, rate=rate, options=_OPTIONS)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        stream.width, stream.height = width, height
        stream.pix_fmt = kept
        stream.codec_context.time_base = self._base

    def write(self, picture: Image) -> None:
        """Add one picture."""
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=self._given)
        frame = frame.reformat(format=self._stream.pix_fmt)
        frame.pts, frame.time_base = self._frames, self._base
        self._frames += 1
        self._output.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write the end of the file."""
        self._output.mux(self._stream.encode(None))
        self._output.close()

    def close(self) -> None:
        """Close the file, finished or not."""
        with contextlib.suppress(OSError, av.FFmpegError):
            self._output.close()


# Video with sound


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
class Codec:
    """An encoder, and the pixels it is given."""

    name: str
    pixels: str
    """FFmpeg's name of the pixel format."""


@dataclass(frozen=True)
class Container:
    """What one output suffix means."""

    muxer: str
    video: Codec
    sound: str
    """Encoder for sound that cannot be copied."""
    copies: frozenset[str]
    """Sound codecs that its players expect."""
    options: Mapping[str, str] = field(default_factory=dict)
    clear: Codec | None = None
    """For pictures with alpha; None where players of the format do not show it."""
    segments: str = "mp4"
    """Muxer of segments that are joined to such a file: it keeps both times of a packet as they are."""


_MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus"))
_MOV_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"))
_MKV_SOUND = frozenset(
    ("aac", "mp2", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "dts", "pcm_s16le", "pcm_s24le", "pcm_f32le")
)
_H264 = Codec("libx264", "yuv420p")
_FAST_START = {"movflags": "+faststart"}
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", _H264, "aac", _MP4_SOUND, _FAST_START),
    ".m4v": Container("mp4", _H264, "aac", _MP4_SOUND, _FAST_START),
    ".mov": Container("mov", _H264, "aac", _MOV_SOUND, _FAST_START, Codec("prores_ks", "yuva444p10le")),
    ".mkv": Container("matroska", _H264, "aac", _MKV_SOUND),
    ".webm": Container(
        "webm",
        Codec("libvpx-vp9", "yuv420p"),
        "libopus",
        frozenset(("opus", "vorbis")),
        clear=Codec("libvpx-vp9", "yuva420p"),
        segments="webm",
    ),
}
_BT709, _LIMITED = 1, 1


def _video_options(codec: str, quality: int) -> dict[str, str]:
    """Settings for constant quality: 0, 75, 100 are crf 40, 18, 10 of H.264 and 55, 24, 13 of VP9, at their fast
    settings."""
    if codec == "libx264":
        return {"crf": str(round(40 - 0.3 * quality)), "preset": "veryfast"}
    if codec == "prores_ks":
        return {"profile": "4444", "vendor": "apl0"}
    return {"crf": str(round(55 - 0.42 * quality)), "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}


class VideoFile:
    """A video file that is being written, with sound; its stream of pictures is added by who writes it."""

    _sound: SoundTrack | None = None

    def __init__(self, path: Path, container: Container, description: str) -> None:
        """Opens the file."""
        self.frames = 0
        self._container = container
        self._path, self._description = path, description
        self._output = av.open(f"file:{path}", mode="w", format=container.muxer, options=dict(container.options))
        if description:
            self._output.metadata["comment"] = description
            self._output.metadata[TAG] = SOURCE_TYPE

    def _add_sound(self, sound: Sound | None) -> None:
        """After the stream of pictures: players take the first stream for the picture."""
        if sound:
            self._sound = SoundTrack(sound, self._output, self._container.copies, self._container.sound)

    def finish(self) -> None:
        """Write the rest of the sound, and the end of the file."""
        if self._sound:
            self._sound.close()
        self._output.close()
        if self._container.muxer in ("mp4", "mov"):
            add_to_mp4(self._path, self._description)

    def abandon(self) -> None:
        """Close without caring for the file."""
        with contextlib.suppress(OSError, av.FFmpegError):
            if self._sound:
                self._sound.close()
            self._output.close()


class VideoEncoder(VideoFile):
    """H.264 or VP9, 4:2:0, or with alpha ProRes 4444 or VP9; BT.709, with sound.

    An odd side is made even by repeating its last row or column.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        *,
        size: tuple[int, int],
        rate: Fraction,
        quality: int,
        sound: Sound | None,
        clear: bool = False,
        description: str = "",
        threads: int = 0,
    ) -> None:
        """Opens the file; `size` is (width, height), `sound` a file that has some; `clear`: pictures have alpha.

        `threads`: of the encoder, on which its bytes depend; 0: as many as it finds best.
        """
        self._clear = clear and container.clear is not None
        self._codec = container.clear if clear and container.clear is not None else container.video
        self._rate = rate
        width, height = size
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        super().__init__(path, container, description)
        stream = self._output.add_stream(self._codec.name, rate=rate, options=_video_options(self._codec.name, quality))
        assert isinstance(stream, VideoStream)
        self._stream = stream
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = self._codec.pixels
        context = stream.codec_context
        context.time_base = 1 / rate
        context.thread_count = threads
        context.color_range = _LIMITED
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._add_sound(sound)

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture, and the sound up to its end."""
        picture = _with_alpha(image, alpha) if self._clear else on_white(image, alpha)
        if any(after for _, after in self._padding):
            picture = np.pad(picture, self._padding, mode="edge")
        given = "rgba" if self._clear else "rgb24"
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=given)
        frame = converted(frame, format=self._codec.pixels, dst_colorspace=_BT709, dst_color_range=_LIMITED)
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        self.frames += 1
        self._output.mux(self._stream.encode(frame))
        if self._sound:
            self._sound.advance(self.frames / self._rate)

    def finish(self) -> None:
        """Write what is still held, and the end of the file."""
        self._output.mux(self._stream.encode(None))
        super().finish()


def _with_alpha(image: Image, alpha: Image | None) -> Image:
    """(H, W, 4); opaque where there is no alpha."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8) if alpha is None else alpha])
