"""Real little files for the tests of reading and writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openportrait.media.video import VideoReader
from openportrait.records import Image

PRINT_PEAK = """
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""
"""Ends a script with the most memory it held, in MB; `getrusage` would count what its parent held when starting it."""

GREY, RED, GREEN = (40, 40, 40), (240, 40, 40), (40, 240, 40)


def picture(width: int = 96, height: int = 64, blue: int = 40) -> Image:
    """(height, width, 3) grey, red in the top left corner, green in the top right, `blue` in the middle."""
    image = np.full((height, width, 3), GREY, np.uint8)
    image[: height // 4, : width // 4] = RED
    image[: height // 4, -width // 4 :] = GREEN
    image[height // 4 : -height // 4, width // 4 : -width // 4, 2] = blue
    return image


def corners(image: Image) -> tuple[str, str, str, str]:
    """What stands in the corners, clockwise from the top left: r, g or . (grey)."""
    seen = []
    for y, x in ((3, 3), (3, -4), (-4, -4), (-4, 3)):
        red, green, _ = (int(v) for v in image[y, x])
        seen.append("r" if red - green > 100 else "g" if green - red > 100 else ".")
    return seen[0], seen[1], seen[2], seen[3]


@dataclass
class Video:
    """How a clip is made; `save` makes it."""

    frames: int = 20
    size: tuple[int, int] = (96, 64)
    rate: Fraction = Fraction(25)
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    times: Sequence[int] | None = None
    """Timestamps in ticks of 1/90000 s; None: even."""
    turn_degrees: int = 0
    """Counter-clockwise, by the display matrix."""
    aspect: Fraction | None = None
    alpha: bool = False
    colour: tuple[int, int, int, int] | None = None
    """Matrix, range, transfer, primaries as in H.273."""
    flat: tuple[int, int, int] | None = None
    """One colour instead of the picture."""

    def save(self, path: Path) -> Path:
        with av.open(str(path), "w", options=self.container) as output:
            stream = output.add_stream(self.codec, rate=self.rate, options=self.options)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = self.size
            stream.pix_fmt = self.pixels
            context = stream.codec_context
            base = Fraction(1, 90000) if self.times else 1 / self.rate
            context.time_base = base
            if self.aspect:
                context.sample_aspect_ratio = self.aspect
            if self.turn_degrees:
                stream.set_display_rotation(self.turn_degrees)
            if self.colour:
                context.colorspace, context.color_range, context.color_trc, context.color_primaries = self.colour
            for index in range(self.frames):
                frame = self._frame(index)
                frame.pts, frame.time_base = (self.times[index] if self.times else index), base
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    def _frame(self, index: int) -> VideoFrame:
        image = picture(*self.size, blue=blue_of(index))
        if self.flat:
            image[:] = self.flat
        if not self.alpha:
            frame = VideoFrame.from_ndarray(image, format="rgb24")
        else:
            opacity = np.full(image.shape[:2], 255, np.uint8)
            opacity[self.size[1] // 2 :] = 0
            frame = VideoFrame.from_ndarray(np.dstack((image, opacity)), format="rgba")
        matrix, span = self.colour[:2] if self.colour else (5, 1)
        return frame.reformat(format=self.pixels, dst_colorspace=matrix, dst_color_range=span)


def blue_of(index: int) -> int:
    """The blue in the middle of frame `index`; 16 frames can be told apart."""
    return 40 + 12 * (index % 16)


def index_of(image: Image) -> int:
    """Which frame (modulo 16) a picture shows."""
    height, width = image.shape[:2]
    return round((float(image[height // 2 - 4 : height // 2 + 4, width // 2, 2].mean()) - 40) / 12)


def count_decoded(patch: pytest.MonkeyPatch) -> list[object]:
    """From now on a list grows by one entry with each picture of a video file that is decoded."""
    decoded: list[object] = []
    mark = VideoReader._mark

    def counted(*args: object) -> object:
        decoded.append(args[0])
        return mark(*args)  # type: ignore[arg-type]

    patch.setattr(VideoReader, "_mark", staticmethod(counted))
    return decoded
