"""The upper teeth that a source shows: kept, and carried by the skull while the jaw goes down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA, lip_colour, whiteness
from openportrait.engines.mesh.curves import middles, smoothed, smoothstep
from openportrait.engines.mesh.drawing.stand_in import bounds
from openportrait.engines.mesh.layers.background import Layer, Mask, filled
from openportrait.engines.mesh.mouth.parts import Part, area, flat_cm, lip_middles
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER, pose
from openportrait.records import Floats, Image

_LEAST_GAP = 0.06
"""Of the mouth's width: what is less open shows no teeth to speak of."""
_BRIGHT = 0.465
"""Of the brightest in the mouth: between the dark of the mouth and teeth."""
_LEAST_BRIGHT = 0.55
"""Of the skin's brightness."""
_WHITE, _WITHIN = 0.5, 0.5
"""Whiteness from which a pixel is tooth; share of the opening from which it lies inside."""
_LIP_EDGE = 0.02
"""How far lips reach into the opening, in widths of the mouth."""
_EVEN = 1.25
"""Highest part of a row over its middle height."""
_SIDES = (-0.14, -0.04)
"""The ends of the row, that pass into the dark of the cheeks, in widths of the mouth beyond the last bright tooth."""
_CROWN_CM, _LEAST_HIDDEN_CM = 1.05, 0.15
"""Height of an upper crown (Wheeler, Dental Anatomy), and what of it the lip covers at least."""
_GUM_CM, _GUM_SEEN_CM = 1.0, 0.2
"""How far gum goes on above the crowns, and how much of it the highest lip uncovers."""
_GUM_LIGHT, _GUM_EDGE_CM = 0.9, 0.06
"""Brightness over the lips', and softness of the line between gum and crowns."""
_LIT_CORNER, _CORNER = 0.1, (0.0, 0.05)
"""Skin in the corner of a mouth is no tooth; there the row ends. In widths of the mouth."""
_GUM_SIDES = (0.0, 0.12)
"""As `_SIDES`: the gum of darker teeth lies in the dark."""
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
    bare_cm: float
    """How far up a lip may go from where it lay, before it shows more than a lip uncovers."""


def find_teeth(image: Image, face: Floats, skin: Floats) -> OwnTeeth | None:
    """In a crop (S, S, 3) with landmarks (478, 3) px and `skin` (3,) colour; None where a mouth shows none."""
    upper, lower = face[INNER_UPPER, :2], face[INNER_LOWER, :2]
    width = float(np.linalg.norm(upper[0] - upper[-1])) + 1e-6
    if np.linalg.norm(upper[2:9] - lower[2:9], axis=1).mean() < _LEAST_GAP * width:
        return None
    head = pose(face)
    rows, columns = bounds(np.vstack([upper, lower]), (_CROWN_CM + _GUM_CM) * head.scale, image.shape[0])
    origin = np.array([columns.start, rows.start], np.float64)
    part = image[rows, columns]
    if not part.size:
        return None
    opening = area(np.vstack([upper, lower[::-1]]) - origin, (part.shape[0], part.shape[1])) > _WITHIN
    tooth = _tooth_pixels(part, opening, skin)
    row = _upper_row(tooth, upper - origin, width) if tooth.any() else None
    if row is None or not (sure := tooth & (row.share > 0.5) & (row.from_lip > 0)).any():
        return None
    hidden_cm = max(_CROWN_CM - row.height / head.scale, _LEAST_HIDDEN_CM)
    above_cm = -row.from_lip / head.scale - hidden_cm
    seen = row.share * np.where(above_cm > 0, smoothstep(row.within, *_GUM_SIDES) * (above_cm < _GUM_CM), 1)
    share = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), max(0.5, 0.008 * width))
    gum = _GUM_LIGHT * lip_colour(image, face)
    # Beyond the bright teeth are darker ones and the corner's own shade, but also the edges of the lips.
    clear = cv2.erode(opening.astype(np.uint8), np.ones((2 * round(_LIP_EDGE * width) + 1,) * 2)) > 0
    colour: Layer = filled(part.astype(np.float32), sure | (clear & (row.within < 0)))
    colour += smoothstep(above_cm, -_GUM_EDGE_CM, _GUM_EDGE_CM).astype(np.float32)[..., None] * (gum - colour)
    anchor = np.append(lip_middles(face)[0], face[INNER_UPPER, 2].mean())
    return OwnTeeth(
        part=Part(np.dstack([colour * share[..., None], share]).astype(np.float32), anchor[:2] - origin, flat_cm(head)),
        place=head.undo(anchor),
        skin=skin,
        seen=float(sure.sum()) / head.scale**2,
        bare_cm=hidden_cm + _GUM_SEEN_CM,
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


@dataclass(frozen=True, eq=False)
class _Row:
    share: Floats
    """(h, w) 1 between its two ends and above its edge."""
    from_lip: Floats
    """(h, w) px below the upper lip."""
    within: Floats
    """(w,) how far inside the last bright tooth of either side, in widths of the mouth."""
    height: float
    """px from the lip to the edge."""


def _upper_row(tooth: Mask, lip: Floats, width: float) -> _Row | None:
    """One smooth row from the upper `lip` (11, 2) down to the edge of `tooth` (h, w) pixels.

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
    inside = np.minimum(x - lip[0, 0], lip[-1, 0] - x) / width
    columns = np.flatnonzero((seen.sum(0) > _LOWEST * width) & (inside > _LIT_CORNER))
    if len(columns) < _LEAST_WIDTH * width:
        return None
    last = tooth.shape[0] - 1 - seen[::-1, columns].argmax(0)
    height = smoothed(middles(last - top[columns], max(3, round(0.16 * width))), 0.04 * width)
    middle = float(np.median(height))
    if middle > _HIGHEST * width or height.max() > _EVEN * middle:
        return None
    edge = top + np.interp(x, columns, height)
    within = np.minimum(x - columns[0], columns[-1] - x) / width
    share = smoothstep(edge + 1 - y, -0.7, 0.7) * smoothstep(within, *_SIDES) * smoothstep(inside, *_CORNER)
    return _Row(share, from_lip, within, middle)
