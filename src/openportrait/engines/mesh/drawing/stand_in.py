"""Skin that is drawn where lids or lips close over an opening, and the line along which they meet.

The stand-in lies on the source: it has no eye or mouth, only the skin around it grown together. It is
drawn with the warp that moved the picture, so that it stays on the face to the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.curves import SUBPIXEL_BITS, subpixels
from openportrait.engines.mesh.drawing.warp import Field, Warp, taken_from
from openportrait.engines.mesh.layers.background import Layer, Mask, filled
from openportrait.records import Floats, Image

_FINENESS = 6.0
"""px that a line is drawn thick before it is made smaller."""
_FEWEST_ROWS = 3
"""Rows of skin below, from which its grain is taken."""
_GRAIN_LIMIT = 1.5
"""Root mean squares of the skin's fine detail: what stands out more is a line or a light, not grain."""


@dataclass(frozen=True, eq=False)
class StandIn:
    """A part of a source from which an opening (eye or mouth) was removed."""

    pixels: Image
    """(h, w, 4) RGB, and how much of it is to be seen, 0 at the edges."""
    origin: tuple[int, int]
    """x, y px of the crop where it begins."""


def bounds(points: Floats, margin: float, size: int) -> tuple[slice, slice]:
    """Rows and columns of a crop of side `size` around (N, 2) px, `margin` px wider; empty outside of it."""
    low = np.clip(np.floor(points.min(0) - margin), 0, size).astype(int)
    high = np.clip(np.ceil(points.max(0) + margin) + 1, low, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def build_stand_in(
    image: Image, outline: Floats, above: float, below: float, darkest: float, darkest_near: float = 0.0
) -> StandIn:
    """From a crop (S, S, 3) and the opening's outline (N, 2) px, grown by `above` and `below` px.

    Pixels darker than `darkest` times the median brightness around, or `darkest_near` times that close by,
    do not count as skin.
    """
    reach = max(above, below, 2.0)
    rows, columns = bounds(outline, 3 * reach + 2, image.shape[0])
    part = image[rows, columns]
    opening = np.zeros(part.shape[:2], np.uint8)
    place = subpixels(outline - (columns.start, rows.start))
    if not opening.size:
        return StandIn(np.zeros((1, 1, 4), np.uint8), (0, 0))
    cv2.fillPoly(opening, [place], 255, cv2.LINE_8, SUBPIXEL_BITS)
    up, down = max(1, round(above)), max(1, round(below))
    across = min(up, down)
    y, x = np.mgrid[-up : up + 1, -up : up + 1] if up >= down else np.mgrid[-down : down + 1, -down : down + 1]
    # An opening grows upwards by the upper half of this ellipse and downwards by the lower one.
    around = (((x / across) ** 2 + (y / np.where(y > 0, up, down)) ** 2) <= 1.0).astype(np.uint8)
    grown = np.asarray(cv2.dilate(opening, around), np.uint8)
    grey, outside = part @ LUMA, grown == 0
    skin = outside & (grey >= darkest * np.median(grey[outside])) if outside.any() else outside
    if darkest_near:
        skin &= grey >= darkest_near * around_it(grey, skin, reach)
    made = filled(part.astype(np.float32), skin)
    smooth = cv2.GaussianBlur(made, (0, 0), 0.35 * reach)
    made = np.where(grown[..., None] > 0, smooth + _grain(made - smooth, skin, grown > 0), made)
    share = cv2.GaussianBlur(grown, (0, 0), max(0.6, 0.3 * reach))
    return StandIn(
        np.dstack([np.clip(made + 0.5, 0, 255).astype(np.uint8), np.asarray(share, np.uint8)]),
        (columns.start, rows.start),
    )


def around_it(values: Layer | Floats, known: Mask, sigma: float) -> Layer:
    """(h, w) or (h, w, C) mean of the `known` (h, w) values around each, by a Gaussian of `sigma` px."""
    weight = known.astype(np.float32)
    many = weight if values.ndim == 2 else weight[..., None]
    total = cv2.GaussianBlur(np.asarray(values * many, np.float32), (0, 0), sigma)
    seen = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)
    return np.asarray(total / (seen if values.ndim == 2 else seen[..., None]), np.float32)


def _grain(detail: Layer, skin: Mask, hidden: Mask) -> Layer:
    """The fine detail (h, w, 3) of the skin below what is `hidden`, taken up to it, without strong lines.

    Without it, made-up skin is as smooth as a patch of paint.
    """
    grain = np.zeros_like(detail)
    rows = np.flatnonzero(hidden.any(1))
    below = len(detail) - 1 - rows[-1] if len(rows) else 0
    if below < _FEWEST_ROWS or not skin[-below:].any():
        return grain
    limit = _GRAIN_LIMIT * np.sqrt((detail[skin] ** 2).mean(0))
    clean = np.clip(detail, -limit, limit) * skin[..., None]
    # Taken upwards and downwards in turns, as the hidden part may be taller than the skin below it.
    turns = np.arange(len(rows)) % (2 * below - 2)
    grain[rows[0] : rows[-1] + 1] = clean[rows[-1] + 1 + np.minimum(turns, 2 * below - 2 - turns)]
    return grain


def show_stand_in(
    picture: Image, found: Warp, stand_in: StandIn, part: tuple[slice, slice], share: Field | float
) -> None:
    """Draw the skin into a part (rows, columns) of `picture` (S, S, 3), in place; `share` is (h, w) or one number."""
    shown = picture[part]
    if not shown.size:
        return
    x, y = taken_from(found, *part)
    left, top = stand_in.origin
    taken = cv2.remap(stand_in.pixels, x - left, y - top, cv2.INTER_LINEAR)
    _blend(shown, np.asarray(taken, np.uint8), share)


def _blend(shown: Image, taken: Image, share: Field | float) -> None:
    """Put RGBA `taken` over `shown` (h, w, 3), in place."""
    opaque = taken[..., 3] * (np.float32(1 / 255) * share)
    change = (taken[..., :3].astype(np.float32) - shown) * opaque[..., None].astype(np.float32)
    shown[:] = (shown + change + 0.5).astype(np.uint8)


def lay_stand_in(picture: Image, stand_in: StandIn, part: tuple[slice, slice], back: Floats, share: Field) -> None:
    """Like `show_stand_in`, but moved as a whole: `back` (2, 3) leads from px of the picture to those of the source."""
    shown = picture[part]
    x, y = (cells.astype(np.float32) for cells in np.meshgrid(*(np.arange(p.start, p.stop) for p in part[::-1])))
    there = back.astype(np.float32)
    left, top = stand_in.origin
    taken = cv2.remap(
        stand_in.pixels,
        there[0, 0] * x + there[0, 1] * y + (there[0, 2] - left),
        there[1, 0] * x + there[1, 1] * y + (there[1, 2] - top),
        cv2.INTER_LINEAR,
    )
    _blend(shown, np.asarray(taken, np.uint8), share)


def draw_line(picture: Image, line: Floats, colour: Floats, thick: float, share: float, thickest: float = 0.5) -> None:
    """A soft line along (N, 2) px, `thick` px at most, thin at its ends, into `picture` (S, S, 3), in place.

    `thickest`: where it is so, as a part of its points.
    """
    soft = 0.3 * thick + 0.3
    rows, columns = bounds(line, thick + 3 * soft, picture.shape[0])
    part = picture[rows, columns]
    if not part.size:
        return
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    way = np.linspace(0, 1, len(line)) ** (np.log(0.5) / np.log(thickest))
    half = across * (0.5 * thick * np.sqrt(np.sin(np.pi * way)))[:, None]
    outline = np.vstack([line - half, (line + half)[::-1]]) - (columns.start, rows.start)
    # Drawn larger, as a polygon thinner than a pixel would be drawn one wide.
    finer = max(1, round(_FINENESS / thick))
    mask = np.zeros((part.shape[0] * finer, part.shape[1] * finer), np.uint8)
    cv2.fillPoly(mask, [subpixels((outline + 0.5) * finer - 0.5)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    mask = cv2.resize(mask, part.shape[1::-1], interpolation=cv2.INTER_AREA)
    opaque = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)[..., None] * np.float32(share / 255)
    part[:] = (part * (1 - opaque) + colour.astype(np.float32) * opaque + 0.5).astype(np.uint8)
