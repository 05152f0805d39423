"""From a decoded video frame to 8-bit RGB: range, matrix, gamut, high dynamic range, size.

High dynamic range follows ITU-R BT.2100 (PQ and HLG) and BT.2408 (reference white is 203 cd/m²):
light up to half of reference white stays as it is, what is brighter is rolled off to the 8-bit white.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from openportrait.records import Floats, Image

# Code points of ITU-T H.273, as FFmpeg has them.
_PRIMARIES_BT2020 = 9
_TRANSFER_PQ, _TRANSFER_HLG = 16, 18
# H.273 matrix coefficients to swscale's number of the same matrix.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601 = 1, 5
# Without these swscale rounds down, two levels each way, and repeats chroma instead of interpolating it.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

_PLANES = "gbrp"
"""From YUV swscale makes the same values in separate planes in half the time, since it has vector code for them."""

_PIXELS_FOR_THREADS = 1_000_000
"""Smaller frames are converted sooner than threads wake."""
_of_thread = threading.local()

_WHITE_NITS = 203.0
"""cd/m² of diffuse white (ITU-R BT.2408)."""
_PEAK = 1000.0 / _WHITE_NITS
"""Brightest light over white: 1000 cd/m², the nominal peak of HLG (ITU-R BT.2100)."""
_KNEE = 0.5
"""From this part of white on bright light is compressed."""
_BT709_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""Linear RGB (ITU-R BT.2087)."""


def rgb(frame: av.VideoFrame, width: int, height: int) -> tuple[Image, Image | None]:
    """(height, width, 3) RGB and (height, width) alpha or None, not turned.

    What is not tagged is BT.601 up to 576 lines, BT.709 above, as players have it.
    """
    clear = has_alpha(frame)
    wide = int(frame.color_primaries) == _PRIMARIES_BT2020 or int(frame.color_trc) in (_TRANSFER_PQ, _TRANSFER_HLG)
    layout = ("rgba64le" if clear else "rgb48le") if wide else ("rgba" if clear else _plain_layout(frame))
    smaller = width * height < frame.width * frame.height
    made = converted(
        frame,
        width=width,
        height=height,
        format=layout,
        src_colorspace=_MATRICES.get(int(frame.colorspace), _BT709 if frame.height > 576 else _BT601),
        interpolation=(Interpolation.AREA if smaller else Interpolation.BICUBIC) | _EXACT,
    )
    pixels: NDArray[Any] = _merged(made) if layout == _PLANES else made.to_ndarray()
    alpha = None
    if clear:
        alpha = np.ascontiguousarray(pixels[..., 3] >> 8 if wide else pixels[..., 3]).astype(np.uint8, copy=False)
        pixels = np.ascontiguousarray(pixels[..., :3])
    return (narrowed(pixels, int(frame.color_trc)) if wide else pixels), alpha


def _plain_layout(frame: av.VideoFrame) -> str:
    return "rgb24" if frame.format.is_rgb or len(frame.format.components) == 1 else _PLANES


def _merged(frame: av.VideoFrame) -> Image:
    """(H, W, 3) of a frame of three planes, green, blue, red."""
    planes: tuple[Any, ...] = frame.planes  # They are buffers, which their types do not say.
    rows = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in planes]
    green, blue, red = (plane[: frame.height, : frame.width] for plane in rows)
    return np.asarray(cv2.merge([red, green, blue]), np.uint8)


def converted(frame: av.VideoFrame, **wanted: Any) -> av.VideoFrame:
    """As `frame.reformat`, which prepares anew for each frame; that takes about a millisecond."""
    converter: VideoReformatter | None = getattr(_of_thread, "converter", None)
    if converter is None:
        converter = _of_thread.converter = VideoReformatter()
    threads = 1 if frame.width * frame.height < _PIXELS_FOR_THREADS else 0
    return converter.reformat(frame, threads=threads, **wanted)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether the pixel format has an alpha channel."""
    return any(component.is_alpha for component in frame.format.components)


def narrowed(pixels: NDArray[np.uint16], transfer: int) -> Image:
    """BT.2020 RGB (H, W, 3) of 16 bits, by its H.273 transfer, as sRGB of 8 bits."""
    light = _light_table(transfer)[pixels]
    if transfer == _TRANSFER_HLG:
        luma = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (_PEAK * np.power(np.maximum(luma, 1e-6), 0.2))[..., None]
    light = np.maximum(cv2.transform(light, _BT709_FROM_BT2020), 0)
    if transfer in (_TRANSFER_PQ, _TRANSFER_HLG):
        brightest = np.maximum(light.max(-1), 1e-6)
        light *= (_rolled_off(brightest) / brightest)[..., None]
    codes: Image = _srgb_table()[np.minimum(light * 4095 + 0.5, 4095).astype(np.uint16)]
    return codes


def _rolled_off(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Identity up to the knee, then a hyperbola of the same slope that reaches 1 at the peak."""
    room = 1 - _KNEE
    reach = (_PEAK - _KNEE) / room
    over = (light - _KNEE) / room
    bent = _KNEE + room * over * reach / (reach + over * (reach - 1))
    return np.where(light <= _KNEE, light, np.minimum(bent, 1))


@cache
def _light_table(transfer: int) -> NDArray[np.float32]:
    """(65536,) linear light of each code: 1 is reference white; for HLG, of the scene, 1 the brightest."""
    code = np.linspace(0, 1, 65536)
    curves: dict[int, Callable[[Floats], Floats]] = {_TRANSFER_PQ: _pq, _TRANSFER_HLG: _hlg}
    light = curves[transfer](code) if transfer in curves else code**2.4
    return light.astype(np.float32)


def _pq(code: Floats) -> Floats:
    """BT.2100 table 4: the PQ EOTF, over reference white."""
    root = code ** (32 / 2523)
    ratio = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
    light: Floats = 10000 / _WHITE_NITS * ratio ** (16384 / 2610)
    return light


def _hlg(code: Floats) -> Floats:
    """BT.2100 table 5: the inverse of the HLG OETF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


@cache
def _srgb_table() -> Image:
    """(4096,) sRGB code of linear light in steps of 1/4095."""
    light = np.linspace(0, 1, 4096)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table: Image = np.rint(codes * 255).astype(np.uint8)
    return table
