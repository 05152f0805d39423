"""Finds the real outline of eyes that are larger than the landmarks say, as of dolls, cartoons and some paintings.

The white of the eye is followed from inside the landmarks' outline to where it ends. The outline found is used only
where the white ends all around. Where white runs into bright skin, or where an eye
shows no white, the landmarks' outline stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA, skin_colour
from openportrait.engines.mesh.curves import smoothed, smoothstep
from openportrait.engines.mesh.eyes.layers import eye_outline, eye_width
from openportrait.engines.mesh.layers.background import Mask
from openportrait.engines.mesh.shape.points import SKIN_COUNT
from openportrait.records import Floats, Image

_WIDTH = 64
"""px of an eye in the picture it is looked at in; px below are of that."""
_AROUND = 1.3
"""How far it is looked around the middle of an eye, in its widths."""
_INSET = 5
"""px inside the outline where surely no lid or lash is."""
_WHITEST = 90
"""Percentile of the darkest channel inside an eye from which on it is white."""
_ALIKE = 0.16
"""Largest difference of a channel, over the white's brightest one, of what is white too."""
_LINE = 3
"""px of the line that is drawn around such an eye."""
_BEYOND = 9
"""px outside of the line that must be something else than white."""
_LARGER, _TOO_LARGE, _LEFT = (1.03, 1.15), (2.6, 3.0), (0.1, 0.3)
"""Area over that of the outline, and share of white beyond, between which what is found is doubted."""
_BRIGHT = (1.0, 1.1)
"""Brightness of its white over that of the cheek: where lids shade it as they do in a living face, it is darker."""
_LARGEST = 2.5
"""Of the distance from the middle of an eye to its outline, which what is found is cut off at."""
_SPREAD = 3.0
"""How many times the outline's distance from the middle the skin around moves along."""
_ANGLES = 64
"""Directions from the middle in which an edge is looked for."""
_SMOOTH = 1.5
"""Angles over which the distance is smoothed."""


def snapped(image: Image, face: Floats) -> Floats:
    """Landmarks (478, 3) px of a crop (S, S, 3) with the outlines of its eyes moved outwards, and the skin around."""
    eyes = [_Eye.seen(image, face, side) for side in (0, 1)]
    # Such eyes come in pairs; if only one is found, it is light on the skin around.
    sure = min(eye.sure for eye in eyes)
    if sure <= 0:
        return face
    face = face.copy()
    for eye in eyes:
        face[:SKIN_COUNT, :2] += sure * eye.outwards(face[:SKIN_COUNT, :2])
    return face


@dataclass(frozen=True, eq=False)
class _Eye:
    """Outlines of an eye: its distances (N,) px from the middle, by angle, and what is seen beyond it."""

    middle: Floats
    edge: Floats
    beyond: Floats
    sure: float
    """0..1."""

    @classmethod
    def seen(cls, image: Image, face: Floats, side: int) -> _Eye:
        """Eye 0 or 1 of a crop (S, S, 3) with its landmarks (478, 3) px."""
        outline = eye_outline(face, side)
        middle, zoom = outline.mean(0), _WIDTH / eye_width(face, side)
        size = round(2 * _AROUND * _WIDTH)
        centre = np.full(2, (size - 1) / 2)
        matrix = np.column_stack([np.eye(2) * zoom, centre - zoom * middle])
        part = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        known = _filled((outline - middle) * zoom + centre, size)
        found, sure = _white(np.asarray(part, np.uint8), known, float(skin_colour(image, face) @ LUMA))
        edge = _distances(known)
        beyond = np.clip(_distances(found) + _LINE - edge, 0, (_LARGEST - 1) * edge)
        return cls(middle, edge / zoom, smoothed(beyond, _SMOOTH, closed=True) / zoom, sure)

    def outwards(self, points: Floats) -> Floats:
        """(N, 2) px that points (N, 2) move, for the outline to come to where it is seen; less with the distance."""
        away = points - self.middle
        distance = np.linalg.norm(away, axis=1)
        angle, turns = np.arctan2(away[:, 1], away[:, 0]), np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
        beyond, edge = (np.interp(angle, turns, values, period=2 * np.pi) for values in (self.beyond, self.edge))
        follows = np.clip((_SPREAD - distance / edge) / (_SPREAD - 1), 0, 1)
        return np.asarray(away * (beyond * follows / np.maximum(distance, 1e-6))[:, None])


def _white(seen: Image, known: Mask, skin: float) -> tuple[Mask, float]:
    """The convex outline of the white that an eye shows beyond the `known` one (n, n), filled, and how sure it is.

    `skin`: the brightness of the cheek.
    """
    inside = cv2.erode(known.astype(np.uint8), np.ones((2 * _INSET + 1,) * 2)) > 0
    if not inside.any():
        return known, 0.0
    colours = np.asarray(cv2.medianBlur(seen, 3), np.float32)
    bright = colours.min(2)
    white = np.median(colours[inside & (bright >= np.percentile(bright[inside], _WHITEST))], 0)
    alike = np.abs(colours - white).max(2) < _ALIKE * max(float(white.max()), 1.0)
    _, parts = cv2.connectedComponents((alike | inside).astype(np.uint8))
    y, x = np.nonzero(np.isin(parts, np.unique(parts[inside])) & (alike | inside))
    hull = cv2.convexHull(np.stack([x, y], 1).astype(np.int32))[:, 0]
    found = _filled(hull.astype(np.float64), len(seen))
    if found[[0, -1]].any() or found[:, [0, -1]].any():
        return known, 0.0
    line, beyond = (cv2.dilate(found.astype(np.uint8), np.ones((2 * n + 1,) * 2)) > 0 for n in (_LINE, _BEYOND))
    area = found.sum() / max(known.sum(), 1)
    larger = (
        smoothstep(white @ LUMA / max(skin, 1.0), *_BRIGHT)
        * smoothstep(area, *_LARGER)
        * (1 - smoothstep(area, *_TOO_LARGE))
    )
    return found, float(larger * (1 - smoothstep(alike[beyond & ~line].mean(), *_LEFT)))


def _filled(outline: Floats, size: int) -> Mask:
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask > 0


def _distances(mask: Mask) -> Floats:
    """(N,) px from the middle to where it ends, by angle from the picture's right towards its bottom."""
    angles = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    steps = np.arange(len(mask) // 2)
    places = (len(mask) - 1) / 2 + steps[:, None, None] * np.stack([np.sin(angles), np.cos(angles)], 1)
    y, x = np.round(places).astype(int).clip(0, len(mask) - 1).transpose(2, 0, 1)
    return np.asarray((mask[y, x] * steps[:, None]).max(0) + 1.0)
