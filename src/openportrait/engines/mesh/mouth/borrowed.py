"""The driver's mouth: its own pixels as two rigid halves, in the source's light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.colours import Light
from openportrait.engines.mesh.curves import rounded, smoothstep
from openportrait.engines.mesh.drawing.stand_in import bounds
from openportrait.engines.mesh.layers.background import Layer
from openportrait.engines.mesh.mouth.parts import Part, area, flat_cm, lip_middles
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER, pose
from openportrait.records import FaceCrop, Floats

_FINENESS = 1.5
"""Pixels of a half for one of the picture that it is made for, at most."""
_LIP_CM, _LIP_SHARE = 0.07, 0.25
"""How far the driver's lips may reach beyond their landmarks; at most this share of the opening."""
_BEYOND_CM = 0.4
"""How far a half goes on under the lip that covers it."""
_EDGE_CM, _SPLIT_CM = 0.05, 0.15
"""Softness of a half's edge, and of that between the halves of a wide open mouth."""
_UPPER_TEETH_CM, _LOWER_TEETH_CM, _TEETH_END_CM = 1.15, 0.6, 0.15
"""How far from the lips teeth reach, and over what length that ends."""
_NARROW, _WIDE = 0.85, 0.5
"""Share of the opening that is the upper half's: nearly all of a grin is upper teeth."""
_WIDE_CM = (0.9, 2.2)
"""Openings that are narrow and wide."""
_ENOUGH = 0.05
"""Share of what was seen around a pixel from which its colour is made up wholly."""
_MIDDLE = 0.3
"""Share of the opening at either lip that the middle leaves out."""
_FLESH_CM2 = (0.1, 0.8)
"""Areas of flesh in the middle: up to the first its colour is not used, from the second on it is used wholly."""
_SEEN_CM = (0.06, 0.25)
"""Openings: up to the first the driver's flesh is not used, from the second on it is used wholly."""


@dataclass(frozen=True, eq=False)
class Halves:
    """The driver's mouth in two halves; empty where it is shut."""

    upper: Part
    lower: Part
    between: Floats
    """(4,) colour times share of its flesh, and the share 0..1: what fills a mouth a little more open."""
    opening_cm: float
    """Distance between the middles of the lips."""


def borrowed(driver: FaceCrop, light: Light, cm: float, *, under_teeth: bool) -> Halves | None:
    """The driver's mouth for a picture in which a cm of the head is `cm` px; None where it is shut.

    `under_teeth`: the picture has upper teeth already; the lower half is all that lies below the driver's.
    """
    face = driver.face.landmarks
    head = pose(face)
    upper, lower = face[INNER_UPPER, :2], face[INNER_LOWER, :2]
    middles = lip_middles(face)
    opening_cm = float(np.linalg.norm(middles[1] - middles[0])) / head.scale
    seen = float(smoothstep(opening_cm, *_SEEN_CM))
    rows, columns = _part(driver, np.vstack([upper, lower]), head.scale)
    part = driver.image[rows, columns]
    if seen <= 0 or min(part.shape[:2]) < 3:
        return None
    zoom = min(1.0, _FINENESS * cm / head.scale)
    if zoom < 1:
        part = cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def place(points: Floats) -> Floats:
        return np.asarray((points - (columns.start, rows.start) + 0.5) * zoom - 0.5)

    edges = _Edges(place(upper), place(lower), head.scale * zoom)
    lit, tooth = light(part, edges.may_be_tooth((part.shape[0], part.shape[1])))
    wide = float(smoothstep(opening_cm, *_WIDE_CM))
    upper_wide = min(_WIDE, _UPPER_TEETH_CM / opening_cm) if under_teeth else _WIDE
    layers = _halves(lit, edges, _NARROW + wide * (upper_wide - _NARROW), seen)
    upper_half, lower_half = (
        Part(layer, place(middle), flat_cm(head) * zoom) for layer, middle in zip(layers, middles, strict=True)
    )
    return Halves(upper_half, lower_half, seen * edges.between(lit, tooth), opening_cm)


def _part(driver: FaceCrop, edges: Floats, scale: float) -> tuple[slice, slice]:
    """Rows and columns of the driver's picture around its mouth."""
    rows, columns = bounds(edges, (_BEYOND_CM + 0.1) * scale + 2, driver.size)
    height, width = driver.image.shape[:2]
    return slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width))


@dataclass(frozen=True, eq=False)
class _Edges:
    """The lips around an opening."""

    upper: Floats
    """(11, 2) px of the part of the driver's picture."""
    lower: Floats
    unit: float
    """px for a cm of the head."""

    @property
    def across(self) -> Floats:
        """(11, 2) px from the upper lip to the lower one."""
        return self.lower - self.upper

    @property
    def down(self) -> Floats:
        """(2,) px of a cm down the face."""
        mean = self.across[2:9].mean(0)
        return np.asarray(mean * (self.unit / (float(np.linalg.norm(mean)) + 1e-6)))

    def between(self, colours: Layer, tooth: Layer) -> Floats:
        """(4,) as in `Halves`."""
        inner = np.vstack([self.upper + _MIDDLE * self.across, (self.lower - _MIDDLE * self.across)[::-1]])
        flesh = area(inner, tooth.shape) * (1 - tooth)
        amount = float(flesh.sum()) / self.unit**2
        colour = np.tensordot(flesh, colours, 2) / max(float(flesh.sum()), 1e-3)
        return np.append(colour, 1.0) * float(smoothstep(amount, *_FLESH_CM2))

    def may_be_tooth(self, shape: tuple[int, int]) -> Layer:
        """(h, w) 0 where it is farther from the lips than teeth reach, 1 elsewhere."""
        beyond_upper, beyond_lower = self.upper + _UPPER_TEETH_CM * self.down, self.lower - _LOWER_TEETH_CM * self.down
        middle = (beyond_upper + beyond_lower) / 2
        apart = np.maximum(((beyond_lower - beyond_upper) @ self.down)[:, None], 0) / self.unit**2 / 2 * self.down
        none = area(np.vstack([rounded(middle - apart), rounded(middle + apart)[::-1]]), shape)
        return np.asarray(1 - cv2.GaussianBlur(none, (0, 0), max(0.5, _TEETH_END_CM * self.unit)), np.float32)


def _halves(colours: Layer, edges: _Edges, split: float, seen: float) -> tuple[Layer, Layer]:
    """Two (h, w, 4) layers of colours (h, w, 3) between the lips; the upper has a share `split` of the opening.

    Both go on under their lip with the colours that lie next to it; neither shows anything of the lips.
    """
    shape, upper, lower, across = (colours.shape[0], colours.shape[1]), edges.upper, edges.lower, edges.across
    apart = np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    inset = across * np.minimum(_LIP_CM * edges.unit / apart, _LIP_SHARE)
    known = area(np.vstack([rounded(upper + inset), rounded(lower - inset)[::-1]]), shape)[..., None]
    known_colours = np.dstack([colours * known, known])
    reach = 2 * round(0.5 * _BEYOND_CM * edges.unit) + 1
    around = cv2.blur(cv2.blur(known_colours, (reach, reach)), (reach, reach))
    made = around[..., :3] / np.maximum(around[..., 3:], 1e-3)
    whole = known_colours[..., :3] + (1 - known) * made
    enough = np.clip(around[..., 3] / _ENOUGH, 0, 1) * np.float32(seen)
    middle, beyond = rounded(upper + split * across), _BEYOND_CM * edges.down
    soft = max(0.5, np.interp(split, (_WIDE, _NARROW), (_SPLIT_CM, _EDGE_CM)) * edges.unit)
    layers = []
    for outline in ([rounded(upper) - beyond, middle[::-1]], [middle, rounded(lower)[::-1] + beyond]):
        share = cv2.GaussianBlur(area(np.vstack(outline), shape), (0, 0), soft) * enough
        layers.append(np.dstack([whole * share[..., None], share]).astype(np.float32))
    return layers[0], layers[1]
