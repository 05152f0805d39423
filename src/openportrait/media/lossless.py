"""Clips kept for a while, bit for bit: MagicYUV in AVI, whose clock is the clip's own rate."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

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
