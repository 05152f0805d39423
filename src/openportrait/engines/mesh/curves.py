"""Soft steps, soft limits, smooth rows of values, and lines as OpenCV draws them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.easing import ease
from openportrait.records import Floats

SUBPIXEL_BITS = 4
"""Of the coordinates that OpenCV draws from: sixteenths of a pixel."""
_SIGMAS = 4.0
"""Standard deviations to which a Gaussian reaches; beyond is less than a hundredth of a per cent of it."""


def smoothstep(value: Floats | float, low: Floats | float, high: Floats | float) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between; shapes broadcast."""
    t = np.clip((value - np.asarray(low)) / (np.asarray(high) - low), 0.0, 1.0)
    return np.asarray(ease(t))


def soft_limit(vector: Floats, limit: float) -> Floats:
    """A vector in its own direction: up to half the limit as it is, what is longer bent to end at the limit."""
    length, half = float(np.linalg.norm(vector)), limit / 2
    if length <= half:
        return vector
    return np.asarray(vector * ((half + half * np.tanh((length - half) / half)) / length))


def smoothed(values: Floats, sigma: float, *, closed: bool = False) -> Floats:
    """(N,) values by a Gaussian of `sigma` steps; beyond their ends the last goes on, or of a closed curve the first.

    Not by scipy, which takes longer to load than a picture to render.
    """
    reach = round(_SIGMAS * sigma)
    padded = np.pad(np.asarray(values, np.float64), reach, "wrap" if closed else "edge")
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma, cv2.CV_64F)[:, 0]
    return np.convolve(padded, kernel, "valid")


def middles(values: Floats, width: int) -> Floats:
    """(N,) the median of the `width` values around each; beyond their ends the last goes on."""
    before = width // 2
    padded = np.pad(values, (before, width - 1 - before), "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), 1))


def rounded(line: Floats, times: int = 2) -> Floats:
    """An open line of (N, 2) points with its corners cut (Chaikin 1974), its ends kept."""
    for _ in range(times):
        cut = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], 1).reshape(-1, 2)
        line = np.vstack([line[:1], cut[1:-1], line[-1:]])
    return line


def subpixels(points: Floats) -> NDArray[np.int32]:
    """Points (..., 2) px as OpenCV draws them with `SUBPIXEL_BITS`."""
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
