"""Paste-back: blend a rendered crop into its frame (SPEC §6)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.records import Floats, Image

RAMP_SHARE = 16 / 512
"""Width of the mask's ramp over the side of the crop."""


@lru_cache(maxsize=8)
def ramp_mask(size: int) -> NDArray[np.float32]:
    """(size, size) 0..1: one inside, a linear ramp of 16/512 of the side to zero at the border, round corners."""
    ramp = max(round(RAMP_SHARE * size), 1)
    # The released mask starts with 0 on the left and top and ends with 1/16 on the right and bottom.
    to_border = np.minimum(np.arange(size), size - np.arange(size))
    into_ramp = np.maximum(ramp - to_border, 0)
    distance = np.hypot(into_ramp[:, None], into_ramp[None, :])
    mask: NDArray[np.float32] = (1 - np.minimum(distance / ramp, 1)).astype(np.float32)
    mask.setflags(write=False)
    return mask


class Window(NamedTuple):
    """The part of a frame that a warped crop reaches, px of the frame; right and bottom lie beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def rows_and_columns(self) -> tuple[slice, slice]:
        """What to index a frame with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def from_crop(self, image_from_crop: Floats) -> Floats:
        """(2, 3) from crop pixels to pixels of this window."""
        matrix = image_from_crop[:2].copy()
        matrix[:, 2] -= (self.left, self.top)
        return matrix


def window_of(frame: Image, size: int, image_from_crop: Floats) -> Window | None:
    """Where a crop of side `size` lies in `frame` (H, W, 3); None where it lies beside it."""
    height, width = frame.shape[:2]
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], dtype=float)
    reach = (corners @ image_from_crop.T)[:, :2]
    left, top = np.maximum(np.floor(reach.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(reach.max(0)).astype(int) + 1, (width, height))
    return Window(int(left), int(top), int(right), int(bottom)) if left < right and top < bottom else None


def _whole_pixels(image_from_crop: Floats) -> tuple[int, int] | None:
    """(x, y) of the crop's corner where the crop is an unscaled window of the picture."""
    x, y = np.round(image_from_crop[:2, 2]).astype(int)
    window = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=float)
    return (int(x), int(y)) if np.abs(image_from_crop - window).max() < 1e-6 else None


def paste_back(frame: Image, rendered: Image, image_from_crop: Floats) -> Image:
    """A copy of `frame` (H, W, C) with `rendered` (S, S, C) in its place.

    An unscaled window of whole pixels is set in as it is: its engine leaves the border untouched. Any
    other crop is warped (bilinear) and blended by the ramp mask: mask·crop + (1 − mask)·frame.
    """
    out = frame.copy()
    size = rendered.shape[0]
    corner = _whole_pixels(image_from_crop)
    if corner is not None:
        height, width = frame.shape[:2]
        x, y = corner
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + size, width), min(y + size, height)
        if left < right and top < bottom:
            out[top:bottom, left:right] = rendered[top - y : bottom - y, left - x : right - x]
        return out

    window = window_of(frame, size, image_from_crop)
    if window is None:
        return out
    place = window.rows_and_columns
    window_from_crop = window.from_crop(image_from_crop)
    extent = (window.right - window.left, window.bottom - window.top)
    crop = cv2.warpAffine(rendered, window_from_crop, extent, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(ramp_mask(size), window_from_crop, extent, flags=cv2.INTER_LINEAR)
    out[place] = cv2.blendLinear(crop, np.ascontiguousarray(out[place]), mask, 1 - mask)
    return out
