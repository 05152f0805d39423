"""From a decoded video frame to upright 8-bit RGB: range, matrix, size, high dynamic range, orientation."""

from __future__ import annotations

import av
import numpy as np

from openportrait.records import Image

_BT709, _BT601 = 1, 5
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""AVColorSpace to swscale's number of the same matrix."""


def rgb(frame: av.VideoFrame, width: int, height: int) -> tuple[Image, Image | None]:
    """(height, width, 3) RGB and (height, width) alpha or None, not yet turned."""
    matrix = _MATRICES.get(int(frame.colorspace), _BT709 if frame.height > 576 else _BT601)
    clear = has_alpha(frame)
    smaller = width * height < frame.width * frame.height
    picture = frame.reformat(
        width=width,
        height=height,
        format="rgba" if clear else "rgb24",
        src_colorspace=matrix,
        interpolation="AREA" if smaller else "BICUBIC",
    ).to_ndarray()
    if not clear:
        return picture, None
    return np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether the pixel format has an alpha channel."""
    return any(component.is_alpha for component in frame.format.components)
