"""Folds of the skin when a face smiles, frowns or raises its brows: light and shadow drawn over the moved picture.

Each fold is a dark valley beside a lighter ridge, laid out on the source once and drawn by the warp that moved the
picture. It is as deep as the source's skin bears: old and rough skin folds deeply, a child's or a smooth painting's
hardly. What shows no skin, as hair over a forehead, has no folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA, colourfulness, lip_colour, sampled, skin_colour
from openportrait.engines.mesh.curves import SUBPIXEL_BITS, smoothstep, subpixels
from openportrait.engines.mesh.drawing.stand_in import bounds
from openportrait.engines.mesh.drawing.warp import Field, Warp, places
from openportrait.engines.mesh.shape.points import (
    BROWS,
    CHEEKS,
    EYES_LOWER,
    EYES_UPPER,
    FACE_OVAL,
    LID_SHELL,
    LIPS_LOWER,
    LIPS_UPPER,
    MOUTH_CORNERS,
    SKIN_COUNT,
    Indices,
    Similarity,
    canonical,
    crop_units,
    pose,
)
from openportrait.records import Floats, Image

_NASOLABIAL = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
"""From the wing of the nose past the corner of the mouth, on the picture's left and right; so the next."""
_CROW = ((33, 226, 143, 111, 124), (263, 446, 372, 340, 353))
"""Beside the outer corners of the eyes."""
_BROWS = (70, 63, 105, 66, 107, 9, 336, 296, 334, 293, 300)
"""Upper edges of the brows, and the middle between them."""
_FOREHEAD = (71, 68, 104, 69, 108, 151, 337, 299, 333, 298, 301)
"""The middle of the forehead, above the points of `_BROWS`."""
_HAIRLINE = (21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251)
"""Upper end of the forehead, above the points of `_FOREHEAD`."""
_FOREHEAD_LINES = ((0.62, 0.0), (1.0, 0.0), (1.0, 0.42))
"""Parts of the ways from the brows to the middle of the forehead and on to the hair."""
_FROWN = ((107, 55), (336, 285))
"""Inner ends of the brows, the upper and the lower: where frown lines lie."""
_MIDLINE = (9, 8)
"""Between the brows, the upper and the lower."""
_FROWN_ASIDE = 0.62
"""Where a frown line lies on the way from `_MIDLINE` to `_FROWN`."""
_INNER_BROWS, _MIDDLE_BROWS = np.array([55, 285]), np.array([105, 334])
"""Points whose movement tells how far a face frowns and lifts its brows."""
_CROW_ANGLES, _CROW_START, _CROW_LENGTH = (-0.5, 0.0, 0.45), 0.16, 0.36
"""Radians from the line of the eye, and in widths of the eye from its outer corner."""
_BELOW_EYES = (
    (111, 117, 118, 119, 120, 121, 128, 232, 231, 230, 229, 228),
    (340, 346, 347, 348, 349, 350, 357, 452, 451, 450, 449, 448),
)
"""Outlines of the skin below each eye."""
_WIDTH = 256.0
"""px of a face, reduced or enlarged, on which its folds are laid out; all px below are of that."""
_SOFT = 2.5
"""px: lines of the skin's own are looked for in a picture softened by this standard deviation."""
_ROUGHNESS = (0.015, 0.08)
"""Contrast of lines and pores, cheek and below the eye together: of a child's skin and of an old one's."""
_LEAST_FOLD, _LEAST_LINE = 0.25, 0.08
"""Depth on the smoothest skin of the fold beside the mouth, which every cheek throws, and of lines."""
_LINE = 0.55
"""Depth of lines over that of the folds beside the mouth."""
_BRIGHT_SKIN = (0.5, 0.75)
"""Brightness over the face's median from which on it is skin and no hair."""
_VALLEY, _RIDGE = 0.25, 0.06
"""Part of the light that the deepest fold takes away, and that its ridge adds."""
_REDNESS = np.array([0.85, 1.03, 1.1])
"""How much of the light each channel loses in a fold of any skin, which has thrown it back more than once."""
_SHADES = 0.1
"""Spread of the logarithm of a skin's brightness whose colours count as much as those of any skin."""
_LIKE_SKIN = 0.5
"""How far from the median this logarithm may lie: the rest is hair, or what lies on the skin."""
_INNER_FACE_CM, _SKIN_REACH = 5.5, 0.012
"""Where skin is looked at, and how far around each vertex, in heights of the face."""
_NO_SKIN = (LIPS_UPPER, LIPS_LOWER, EYES_UPPER, EYES_LOWER, LID_SHELL, BROWS, FACE_OVAL)
"""Points at which lips, lids, brows or hair may be."""
_OWN_LINE, _OWN_DEEPEST, _DEEPER = (0.05, 0.16), 0.3, 0.6
"""Contrast of no line and of one that the skin has already, the most that counts, and how much deeper it becomes."""
_WIDER, _ASIDE, _NEAR = 2.4, 2.6, 3.0
"""Width of the ridge, how far it lies aside, and how far off a line of the skin's own may lie, in half widths."""
_UNSEEN = 0.06
"""What landmarks tremble by; folds begin beyond it."""
_PIECES = 24
"""Straight pieces of a fold's line."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold, or a group of them that come together."""

    shade: Field
    """(h, w) change of the light at the deepest."""
    origin: tuple[int, int]
    """x, y px where it begins, of a face `_WIDTH` px wide."""
    around: tuple[int, ...]
    """Vertices that it lies between."""
    margin: float
    """px that it reaches beyond them, of the same."""


@dataclass(frozen=True, eq=False)
class Folds:
    """All folds of a source, in the order of `amounts`."""

    head: Similarity
    """How the head lies in the source, crop units."""
    redness: Field
    """(3,) how much of the light each channel loses in a fold; 1 where the source has no colours."""
    zoom: float
    """px of a face `_WIDTH` px wide for one of the crop."""
    folds: tuple[Fold, ...]


def build_folds(image: Image, face: Floats) -> Folds:
    """From a crop (S, S, 3) and its landmarks (478, 3) px."""
    zoom = _WIDTH / max(float(np.ptp(face[:SKIN_COUNT, 0])), 1.0)
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    reduced = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=way)
    grey, points = np.asarray(reduced @ LUMA, np.float32), (face[:, :2] + 0.5) * zoom - 0.5
    rough = float(smoothstep(roughness(grey, points), *_ROUGHNESS))
    fold, line = _LEAST_FOLD + (1 - _LEAST_FOLD) * rough, _LINE * (_LEAST_LINE + (1 - _LEAST_LINE) * rough)
    x, y = np.round(points[:SKIN_COUNT]).astype(int).clip(0, len(grey) - 1).T
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), _SOFT), np.float32)
    bright = np.asarray(soft, np.float64) / max(float(np.median(grey[y, x])), 1.0)
    skin = smoothstep(bright, *_BRIGHT_SKIN).astype(np.float32)
    groups = [
        *((path, [points[list(path)]], (4.6, fold, ridge)) for path, ridge in zip(_NASOLABIAL, (-1, 1), strict=True)),
        *((path, _crow_lines(points, side), (1.8, line, 0)) for side, path in enumerate(_CROW)),
        ((*_BROWS, *_FOREHEAD, *_HAIRLINE), _forehead_lines(points), (2.8, line, 0)),
        ((*_FROWN[0], *_FROWN[1], *_MIDLINE), _frown_lines(points), (2.6, line, 0)),
    ]
    return Folds(
        head=pose(crop_units(face, image.shape[0])),
        redness=_redness(image, face).astype(np.float32),
        zoom=zoom,
        folds=tuple(_fold(lines, around, form, soft, skin) for around, lines, form in groups),
    )


def _redness(image: Image, face: Floats) -> Floats:
    """(3,) how much of the light each channel loses as this skin falls into shade, by its own lights and shades."""
    reach = _SKIN_REACH * float(np.ptp(face[:SKIN_COUNT, 1]))
    colours = np.log(sampled(image, face[_skin_vertices()], reach) + 2.0)
    bright = np.log(np.exp(colours) @ LUMA)
    weights = np.exp(-0.5 * ((bright - np.median(bright)) / _LIKE_SKIN) ** 2)
    weights /= weights.sum()
    apart, hues = bright - weights @ bright, colours - weights @ colours
    colourful = colourfulness(skin_colour(image, face), lip_colour(image, face))
    usual = 1 + colourful * (_REDNESS - 1)
    return np.asarray(((weights * apart) @ hues + _SHADES**2 * usual) / (weights @ apart**2 + _SHADES**2))


@cache
def _skin_vertices() -> Indices:
    """(N,) vertices of bare skin, away from the outline of the face."""
    bare = np.abs(canonical()[:SKIN_COUNT, 0]) < _INNER_FACE_CM
    bare[np.concatenate([part.ravel() for part in _NO_SKIN])] = False
    return np.flatnonzero(bare)


def amounts(look: Folds, change: Floats) -> Floats:
    """(6,) how deep each fold is, 0..1: beside the mouth, beside the eyes, both left first; forehead, between brows.

    `change` (478, 3): what the face's expression moves, crop units, without the head's own movement.
    """
    moved = change @ look.head.rotation.T / look.head.scale
    outwards, upwards = moved[MOUTH_CORNERS, 0] * (-1.0, 1.0), -moved[MOUTH_CORNERS, 1]
    smile = np.clip(0.75 * (outwards + upwards), 0, 1)
    brows = np.clip(-moved[_MIDDLE_BROWS, 1].mean() / 0.6, 0, 1)
    together = (moved[_INNER_BROWS, 0] * (1.0, -1.0)).mean() / 0.3
    frown = np.clip((together + moved[_INNER_BROWS, 1].mean() / 0.5) / 2, 0, 1)
    depths = np.concatenate([smile, np.clip(smile - 0.4, 0, 1), [brows, frown]])
    return np.asarray(np.maximum(depths - _UNSEEN, 0))


def show_folds(picture: Image, found: Warp, look: Folds, moved: Floats, depths: Floats) -> None:
    """Shade `picture` (S, S, 3), drawn by `found`, in place; `moved` (478, 3) px, `depths` as of `amounts`."""
    step, zoom = found.grid.step, np.float32(look.zoom)
    for fold, depth in zip(look.folds, depths.tolist(), strict=True):
        if depth <= 0:
            continue
        # Light and shadow are soft: they are looked up once a cell of the field, not once a pixel.
        rows, columns = (
            slice(part.start // step, part.stop // step)
            for part in bounds(moved[list(fold.around), :2], fold.margin / look.zoom, picture.shape[0])
        )
        shown = picture[rows.start * step : rows.stop * step, columns.start * step : columns.stop * step]
        if not shown.size:
            continue
        x, y = (
            (plane + np.float32(0.5)) * zoom - np.float32(0.5 + begin)
            for plane, begin in zip(
                places(found.field[:, rows, columns], found.grid.part(rows, columns)), fold.origin, strict=True
            )
        )
        shade = cv2.remap(fold.shade, x, y, cv2.INTER_LINEAR) * np.float32(depth)
        light = cv2.resize(cv2.merge([1 + shade * channel for channel in look.redness]), shown.shape[1::-1])
        shown[:] = cv2.multiply(shown, light, dtype=cv2.CV_8U)


def roughness(grey: Field, points: Floats) -> float:
    """Contrast of the skin's lines and pores, of the smoother cheek and the smoother skin below an eye.

    `grey` (h, w) shows a face 256 px wide, with its landmarks (478, 2) px.
    """
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1.5, 4.5))
    detail = np.clip((fine - coarse) / (coarse + 8), -0.3, 0.3)

    def contrast(hull: Indices) -> float:
        mask = np.zeros(grey.shape, np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[hull]).astype(np.int32)), 1)
        return float(np.sqrt((detail[mask > 0] ** 2).mean())) if mask.any() else 0.0

    return sum(min(contrast(hull) for hull in sides) for sides in (CHEEKS, np.array(_BELOW_EYES)))


def _crow_lines(face: Floats, side: int) -> list[Floats]:
    """Three lines that fan out beside the outer corner of an eye."""
    outer, inner = face[EYES_UPPER[side, 0], :2], face[EYES_UPPER[side, -1], :2]
    away = outer - inner
    lines = []
    for angle in _CROW_ANGLES:
        turn = angle * (1 if side else -1)
        cos, sin = np.cos(turn), np.sin(turn)
        direction = np.array([cos * away[0] - sin * away[1], sin * away[0] + cos * away[1]])
        lines.append(outer + np.linspace(_CROW_START, _CROW_START + _CROW_LENGTH, 5)[:, None] * direction)
    return lines


def _forehead_lines(face: Floats) -> list[Floats]:
    brows, middle, top = (face[list(row), :2] for row in (_BROWS, _FOREHEAD, _HAIRLINE))
    return [(brows + a * (middle - brows) + b * (top - middle))[2:-2] for a, b in _FOREHEAD_LINES]


def _frown_lines(face: Floats) -> list[Floats]:
    middle = face[list(_MIDLINE), :2]
    return [middle + _FROWN_ASIDE * (face[list(path), :2] - middle) for path in _FROWN]


def _fold(
    lines: list[Floats], around: tuple[int, ...], form: tuple[float, float, float], grey: Field, skin: Field
) -> Fold:
    """The shading of some lines of (N, 2) px, or of those that the skin (S, S) in `grey` has there already.

    `form`: half width px, depth 0..1, side of the ridge: −1, 1, 0 both.
    """
    sigma, depth, ridge = form
    margin = 3 * _WIDER * sigma + 2
    part = bounds(np.vstack(lines), margin, skin.shape[0])
    size = skin[part].shape
    origin = (part[1].start, part[0].start)
    if not skin[part].size:
        return Fold(np.zeros((1, 1), np.float32), origin, around, margin)
    valley, crest, near = (np.zeros(size, np.float32) for _ in range(3))
    for line in lines:
        aside = _normals(line) * (_ASIDE * sigma)
        valley = np.maximum(valley, _soft_line(line - origin, size, sigma))
        near = np.maximum(near, _soft_line(line - origin, size, _NEAR * sigma))
        for way in (ridge,) if ridge else (-1.0, 1.0):
            crest = np.maximum(crest, _soft_line(line + way * aside - origin, size, _WIDER * sigma))
    coarse = cv2.GaussianBlur(grey[part], (0, 0), 2 * _NEAR * sigma)
    own = np.clip((coarse - grey[part]) / (coarse + 8), 0, _OWN_DEEPEST)
    bears = float(smoothstep(np.percentile(own[near > 0.5], 90), *_OWN_LINE)) if (near > 0.5).any() else 0.0
    made = (_RIDGE * crest * (1 - valley) - _VALLEY * valley) * np.float32(depth * (1 - bears))
    shade = (made - np.float32(_DEEPER * bears) * own * near) * skin[part]
    return Fold(shade.astype(np.float32), origin, around, margin)


def _normals(line: Floats) -> Floats:
    """(N, 2) to the picture's right of lines that run down, below those that run to the left."""
    along = np.gradient(line, axis=0)
    return np.asarray(np.stack([along[:, 1], -along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9))


def _soft_line(line: Floats, shape: tuple[int, ...], sigma: float) -> Field:
    """(h, w) 0..1: strongest in the line's middle, nothing at its ends, falling off by `sigma` px to both sides."""
    way = np.linspace(0, len(line) - 1, _PIECES + 1)
    places = np.stack([np.interp(way, np.arange(len(line)), line[:, i]) for i in (0, 1)], 1)
    corners = subpixels(places)
    drawn = np.zeros(shape, np.float32)
    strength = np.sin(np.pi * (np.arange(_PIECES) + 0.5) / _PIECES) ** 0.7
    for begin, end, value in zip(corners[:-1].tolist(), corners[1:].tolist(), strength.tolist(), strict=True):
        cv2.line(drawn, begin, end, value, max(1, round(sigma)), cv2.LINE_8, SUBPIXEL_BITS)
    soft = cv2.GaussianBlur(drawn, (0, 0), sigma)
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)
