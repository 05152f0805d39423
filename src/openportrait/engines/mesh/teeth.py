"""The upper teeth that a source shows: kept, and carried by the skull while the jaw goes down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.infill import Mask, filled
from openportrait.engines.mesh.inside import Part, area, flat_cm
from openportrait.engines.mesh.light import whiteness
from openportrait.engines.mesh.motion import pose
from openportrait.engines.mesh.overlay import bounds
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER
from openportrait.records import Floats, Image

_LEAST_GAP = 0.06
"""Of the mouth's width: what is less open shows no teeth to speak of."""
_BRIGHT = 0.465
"""Of the brightest in the mouth: between the dark of the mouth and teeth."""
_LEAST_BRIGHT = 0.55
"""Of the skin's brightness."""
_WHITE, _WITHIN = 0.5, 0.5
_EVEN = 1.25
"""Highest part of a row over its middle height."""
_SIDES = (-0.1, 0.03)
"""The ends of the row, that pass into the dark of the cheeks, in widths of the mouth."""
_UNDER_LIP = 0.08
"""How far teeth go on below the lip that covers them, in widths of the mouth."""
_LEAST_WIDTH, _LOWEST, _HIGHEST, _LATEST = 0.35, 0.03, 0.26, 0.12
"""Of a row of teeth, in widths of the mouth."""


@dataclass(frozen=True, eq=False)
class OwnTeeth:
    """A source's upper teeth, as its clearest frame shows them."""

    part: Part
    place: Floats
    """(3,) cm of the head where the part's anchor is."""
    skin: Floats
    """(3,) colour of the skin beside them."""
    seen: float
    """cm² of teeth that were seen."""


def find_teeth(image: Image, face: Floats, skin: Floats) -> OwnTeeth | None:
    """In a crop (S, S, 3) with landmarks (478, 3) px and `skin` (3,) colour; None where a mouth shows none."""
    upper, lower = face[INNER_UPPER, :2], face[INNER_LOWER, :2]
    width = float(np.linalg.norm(upper[0] - upper[-1])) + 1e-6
    if np.linalg.norm(upper[2:9] - lower[2:9], axis=1).mean() < _LEAST_GAP * width:
        return None
    hidden = max(1, round(_UNDER_LIP * width))
    rows, columns = bounds(np.vstack([upper, lower]), hidden + 2, image.shape[0])
    origin = np.array([columns.start, rows.start], np.float64)
    part = image[rows, columns]
    if not part.size:
        return None
    opening = area(np.vstack([upper, lower[::-1]]) - origin, (part.shape[0], part.shape[1])) > _WITHIN
    tooth = _tooth_pixels(part, opening, skin)
    row = _upper_row(tooth, upper - origin, width) if tooth.any() else None
    if row is None or not (sure := tooth & (row > 0.5)).any():
        return None
    share = cv2.GaussianBlur(row.astype(np.float32), (0, 0), max(0.5, 0.008 * width))
    colour = filled(part.astype(np.float32), sure)
    head = pose(face)
    anchor = face[INNER_UPPER].mean(0)
    return OwnTeeth(
        part=Part(np.dstack([colour * share[..., None], share]).astype(np.float32), anchor[:2] - origin, flat_cm(head)),
        place=head.undo(anchor),
        skin=skin,
        seen=float(sure.sum()) / head.scale**2,
    )


def better(one: OwnTeeth | None, other: OwnTeeth | None) -> OwnTeeth | None:
    """Those of which more is seen; the first where neither shows more."""
    if one is None or other is None:
        return one or other
    return other if other.seen > one.seen else one


def _tooth_pixels(part: Image, inside: Mask, skin: Floats) -> Mask:
    """Pixels of (h, w, 3) `inside` an opening that are bright and not red, against `skin` (3,)."""
    grey = part @ LUMA
    brightest = float(np.percentile(grey[inside], 90)) if inside.any() else 0.0
    bright = (grey > _BRIGHT * brightest) & (brightest >= _LEAST_BRIGHT * max(float(skin @ LUMA), 1.0))
    return np.asarray(inside & bright & (whiteness(part, skin) > _WHITE), np.bool_)


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
