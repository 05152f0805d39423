"""Encoders for animated pictures and picture sequences."""

from __future__ import annotations

import contextlib
import errno
import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image as Pillow

from openportrait.media.provenance import add_to_gif, xmp
from openportrait.media.stills import on_white, save
from openportrait.records import Image

_MOST_WEBP_BYTES = 2**32 - 2**16
"""Its header counts the bytes in 32 bits; a chunk has some of its own."""


class GifEncoder:
    """GIF with a palette of its own for each frame, ordered dither (which does not crawl), no transparency.

    The format counts in 1/100 s and players slow down steps below 2/100 s: faster clips lose frames, not pace.
    """

    def __init__(self, path: Path, *, size: tuple[int, int], rate: Fraction, description: str = "") -> None:
        """Opens the file."""
        self._path, self._description = path, description
        self._rate = rate
        self._count = 0
        self.frames = 0
        self._last = -2
        self._graph = _palette_graph(*size)
        self._output = av.open(f"file:{path}", mode="w", format="gif", options={"loop": "0"})
        stream = self._output.add_stream("gif", rate=100)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        stream.width, stream.height = size
        stream.pix_fmt = "pal8"
        stream.codec_context.time_base = Fraction(1, 100)

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture."""
        stamp = round(self._count * 100 / self._rate)
        self._count += 1
        if stamp < self._last + 2:
            return
        self._last = stamp
        self.frames += 1
        frame = VideoFrame.from_ndarray(on_white(image, alpha), format="rgb24")
        frame.pts, frame.time_base = stamp, Fraction(1, 100)
        self._graph.vpush(frame)
        self._drain()

    def finish(self) -> None:
        """Write what is still held, and the end of the file."""
        self._graph.vpush(None)
        self._drain()
        self._mux(None)
        self._output.close()
        add_to_gif(self._path, self._description)

    def abandon(self) -> None:
        """Close without caring for the file."""
        with contextlib.suppress(OSError, av.FFmpegError):
            self._output.close()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            frame.time_base = Fraction(1, 100)
            self._mux(frame)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            packet.duration = max(2, round(100 / self._rate))  # of the last frame; for others the next one's time rules
            self._output.mux(packet)


def _palette_graph(width: int, height: int) -> Graph:
    graph = Graph()
    source = graph.add("buffer", video_size=f"{width}x{height}", pix_fmt="rgb24", time_base="1/100", pixel_aspect="1/1")
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    apply = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(apply, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(apply, 0, 1)
    apply.link_to(sink)
    graph.configure()
    return graph


class WebpEncoder:
    """Animated WebP, each frame a whole picture, with alpha; written chunk by chunk (RFC 9649)."""

    def __init__(
        self, path: Path, *, size: tuple[int, int], rate: Fraction, quality: int, clear: bool, description: str = ""
    ) -> None:
        """Writes the header; `clear` says that frames have alpha."""
        self._packet = xmp(description)
        self._rate = rate
        self._quality = quality
        self._size = size
        self.frames = 0
        self._file = path.open("wb")
        animated, transparent, described = 0x02, 0x10 if clear else 0, 0x04 if self._packet else 0
        canvas = _int24(size[0] - 1) + _int24(size[1] - 1)
        self._file.write(b"RIFF\0\0\0\0WEBP")
        self._file.write(_chunk(b"VP8X", bytes((animated | transparent | described, 0, 0, 0)) + canvas))
        self._file.write(_chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)))

    def write(self, image: Image, alpha: Image | None) -> None:
        """Add one picture."""
        encoded = io.BytesIO()
        picture = Pillow.fromarray(image)
        if alpha is not None:
            picture.putalpha(Pillow.fromarray(alpha))
        save(picture, encoded, "WEBP", self._quality)
        start, self.frames = round(self.frames * 1000 / self._rate), self.frames + 1
        duration = round(self.frames * 1000 / self._rate) - start
        no_blend = 0x02
        if self._file.tell() + len(encoded.getvalue()) > _MOST_WEBP_BYTES:
            raise OSError(errno.EFBIG, "a WebP file ends at 4 GB")
        head = bytes(6) + _int24(self._size[0] - 1) + _int24(self._size[1] - 1) + _int24(duration) + bytes((no_blend,))
        self._file.write(_chunk(b"ANMF", head + _picture_chunks(encoded.getvalue())))

    def finish(self) -> None:
        """Write the size into the header and close."""
        if self._packet:
            self._file.write(_chunk(b"XMP ", self._packet))
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))
        self._file.close()

    def abandon(self) -> None:
        """Close without caring for the file."""
        with contextlib.suppress(OSError):
            self._file.close()


def _int24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)


def _picture_chunks(still: bytes) -> bytes:
    """The chunks of a WebP still that hold pixels, as they are; its extended header is the animation's business."""
    at, kept = 12, b""
    while at < len(still):
        end = at + 8 + (struct.unpack_from("<I", still, at + 4)[0] + 1) // 2 * 2
        if still[at : at + 4] in (b"VP8 ", b"VP8L", b"ALPH"):
            kept += still[at:end]
        at = end
    return kept


class SequenceEncoder:
    """One PNG a frame, numbered from 0 by a printf pattern, with alpha."""

    def __init__(self, folder: Path, pattern: str, description: str = "") -> None:
        """`pattern` is like %05d.png."""
        self._description = description
        self._folder = folder
        self._pattern = pattern
        self.frames = 0

    def write(self, image: Image, alpha: Image | None) -> None:
        """Write the next file."""
        picture = Pillow.fromarray(np.ascontiguousarray(image))
        if alpha is not None:
            picture.putalpha(Pillow.fromarray(alpha))
        save(picture, self._folder / (self._pattern % self.frames), "PNG", 100, self._description)
        self.frames += 1

    def finish(self) -> None:
        """Every file is complete already."""

    def abandon(self) -> None:
        """Every file is closed already."""
