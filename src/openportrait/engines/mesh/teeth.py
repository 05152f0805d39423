"""The upper teeth that a source shows: kept, and carried by the skull while the jaw goes down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.infill import Layer, Mask, filled
from openportrait.engines.mesh.overlay import bounds
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER
from openportrait.records import Floats, Image

_EDGES = np.r_[INNER_UPPER, INNER_LOWER]
_LEAST_GAP = 0.06
"""Of the mouth's width: what is less open shows no teeth to speak of."""
_BRIGHT = 0.465
"""Of the brightest in the mouth: between the dark of the mouth and teeth."""
_LEAST_BRIGHT = 0.55
"""Of the skin's brightness."""
_RED = 0.14
"""Red over green and blue, in brightness, beyond a part of the skin's: what is redder is lip, gum or tongue."""
_EVEN = 1.25
"""Highest part of a row over its middle height."""
_SIDES = (-0.1, 0.03)
"""The ends of the row, that pass into the dark of the cheeks, in widths of the mouth."""
_UNDER_LIP = 0.07
"""How far teeth go on below the lip that covers them, in widths of the mouth."""
_LEAST_WIDTH, _LOWEST, _HIGHEST, _LATEST = 0.35, 0.03, 0.26, 0.12
"""Of a row of teeth, in widths of the mouth."""


@dataclass(frozen=True, eq=False)
class OwnTeeth:
    """Pixels of a source's upper teeth."""

    layer: Layer
    """(h, w, 4) colour times share, and the share 0..1."""
    origin: Floats
    """(2,) px of the crop where the layer begins."""
    anchors: Floats
    """(22, 2) px of the crop: the edges of the opening, which the skull would carry along."""

    def shown(self, at_rest: Floats, shape: tuple[int, int]) -> Layer:
        """(h, w, 4) as the skull carries them; `at_rest` (478, 2) px of the part that is drawn."""
        there = at_rest[_EDGES]
        onto = np.linalg.lstsq(np.column_stack([there, np.ones(len(there))]), self.anchors - self.origin, rcond=None)[0]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self.layer, onto.T, shape[::-1], flags=flags), np.float32)


def find_teeth(image: Image, face: Floats, skin: Floats) -> OwnTeeth | None:
    """In a crop (S, S, 3) with landmarks (478, 3) px and `skin` (3,) colour; None where a mouth shows none."""
    upper, lower = face[INNER_UPPER, :2], face[INNER_LOWER, :2]
    width = float(np.linalg.norm(upper[0] - upper[-1])) + 1e-6
    if np.linalg.norm(upper[2:9] - lower[2:9], axis=1).mean() < _LEAST_GAP * width:
        return None
    hidden = max(1, round(_UNDER_LIP * width))
    rows, columns = bounds(np.vstack([upper, lower]), hidden + 2, image.shape[0])
    origin = np.array([columns.start, rows.start], np.float64)
    part = image[rows, columns].astype(np.float32)
    opening = np.zeros(part.shape[:2], np.uint8)
    if not opening.size:
        return None
    outline = np.round((np.vstack([upper, lower[::-1]]) - origin) * 16).astype(np.int32)
    cv2.fillPoly(opening, [outline], 255, cv2.LINE_8, 4)
    tooth = _tooth_pixels(part, opening > 0, skin)
    row = _upper_row(tooth, upper - origin, width) if tooth.any() else None
    if row is None or not (sure := tooth & (row > 0.5)).any():
        return None
    share = cv2.GaussianBlur(row.astype(np.float32), (0, 0), max(0.5, 0.008 * width))
    colour = filled(part, sure)
    anchors = np.vstack([upper, lower])
    return OwnTeeth(np.dstack([colour * share[..., None], share]).astype(np.float32), origin, anchors)


def _tooth_pixels(part: Layer, inside: Mask, skin: Floats) -> Mask:
    """Pixels of (h, w, 3) `inside` an opening that are bright and not red, against `skin` (3,)."""
    grey, grey_skin = part @ LUMA, max(float(skin @ LUMA), 1.0)
    brightest = float(np.percentile(grey[inside], 90)) if inside.any() else 0.0
    red = (part[..., 0] - part[..., 1:].mean(2)) / np.maximum(grey, 1)
    red_skin = max(float(skin[0] - skin[1:].mean()) / grey_skin, 0.0)
    bright = (grey > _BRIGHT * brightest) & (brightest >= _LEAST_BRIGHT * grey_skin)
    return np.asarray(inside & bright & (red < 0.6 * red_skin + _RED), np.bool_)


def _upper_row(tooth: Mask, lip: Floats, width: float) -> Floats | None:
    """(h, w) share of one smooth row from below the upper `lip` (11, 2) down to the edge of `tooth` (h, w) pixels.

    None where they make no such row: too few, or so high or uneven that they must be both rows.
    """
    y, x = np.arange(tooth.shape[0])[:, None], np.arange(tooth.shape[1])
    top = np.interp(x, lip[:, 0], lip[:, 1])
    from_lip = y - top
    # Only what goes on from the lip without a gap: the lower row and lights on the lips lie beyond one.
    closed = cv2.morphologyEx(tooth.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 1), np.uint8))
    seen = (closed > 0) & (from_lip >= -1)
    begun = np.logical_or.accumulate(seen, 0)
    seen &= ~np.logical_or.accumulate(begun & ~seen, 0) & (np.where(seen, from_lip, np.inf).min(0) < _LATEST * width)
    columns = np.flatnonzero(seen.sum(0) > _LOWEST * width)
    if len(columns) < _LEAST_WIDTH * width:
        return None
    last = tooth.shape[0] - 1 - seen[::-1, columns].argmax(0)
    height = median_filter(last - top[columns], max(3, round(0.16 * width)), mode="nearest")
    height = gaussian_filter1d(height.astype(np.float64), 0.04 * width, mode="nearest")
    middle = float(np.median(height))
    if middle > _HIGHEST * width or height.max() > _EVEN * middle:
        return None
    edge = top + np.interp(x, columns, height)
    within = np.minimum(x - columns[0], columns[-1] - x) / width
    down = smoothstep(edge + 1 - y, -0.7, 0.7) * (from_lip >= -_UNDER_LIP * width)
    return np.asarray(down * smoothstep(within, *_SIDES))
