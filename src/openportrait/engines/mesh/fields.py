"""Expressions made by hand: smooth fields of displacement on the canonical face, cm in the head frame.

Every field is for a full movement (jaw wide open, broad smile, ...); add multiples of them to an expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from openportrait.engines.mesh import lids
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.topology import COUNT, LIPS_LOWER, LIPS_UPPER, SKIN_COUNT, canonical
from openportrait.records import Floats

_JAW_HINGE = np.array([0.0, -0.5, 1.5])
_JAW_DEGREES = 14.0


@dataclass(frozen=True, eq=False)
class Fields:
    """Full movements, each (478, 3) cm."""

    jaw: Floats
    """The mouth wide open."""
    mouth_side: Floats
    """Mouth and chin to the picture's right."""
    smile: Floats
    """Corners out and up, cheeks raised."""
    sad: Floats
    """Corners down, chin raised."""
    stretch: Floats
    """Corners straight out."""
    pucker: Floats
    """Lips drawn together and forward."""
    show_teeth: Floats
    """Upper lip raised, lower lip lowered, teeth together."""
    brow: Floats
    """Brows raised."""
    frown: Floats
    """Inner brows together and down."""


def _bump(x: Floats, y: Floats, centre: tuple[float, float], radius: tuple[float, float]) -> Floats:
    return np.exp(-(((x - centre[0]) / radius[0]) ** 2) - ((y - centre[1]) / radius[1]) ** 2)


def _both(x: Floats, y: Floats, centre: tuple[float, float], radius: tuple[float, float]) -> tuple[Floats, Floats]:
    """(weight, signed weight): the same bump on both sides of the face; the sign is the side's."""
    left, right = _bump(x, y, (-centre[0], centre[1]), radius), _bump(x, y, centre, radius)
    return left + right, right - left


def _jaw_weight(x: Floats, y: Floats) -> Floats:
    """How far each point belongs to the lower jaw."""
    weight = smoothstep(y, 2.6, 6.2) * (1 - 0.55 * smoothstep(np.abs(x), 4.5, 7.2))
    column = np.abs(np.linspace(-1, 1, LIPS_LOWER.shape[1]))
    weight[LIPS_LOWER] = 1 - 0.2 * column**2 - 0.45 * column**5
    # The corners are common to both lips.
    weight[LIPS_UPPER[:, 1:-1]] = 0.3 * np.maximum(column[1:-1] - 0.5, 0) ** 1.5
    return weight


def _jaw(x: Floats, y: Floats, z: Floats) -> Floats:
    weight = _jaw_weight(x, y)
    angle = np.radians(_JAW_DEGREES)
    up_down, depth = y - _JAW_HINGE[1], z - _JAW_HINGE[2]
    field = np.zeros((len(x), 3))
    field[:, 0] = -0.05 * x * weight
    field[:, 1] = np.maximum((np.cos(angle) - 1) * up_down - np.sin(angle) * depth, 0) * weight
    field[:, 2] = 0.5 * (np.sin(angle) * up_down + (np.cos(angle) - 1) * depth) * weight
    # The upper lip gives way a little, arched.
    field[LIPS_UPPER[:, 1:-1], 1] -= 0.16 * (1 - np.linspace(-1, 1, LIPS_UPPER.shape[1])[1:-1] ** 2)
    return field


def _teeth(x: Floats, y: Floats) -> Floats:
    """Lips parted by their own muscles: strongest in the middle third, nothing at the corners."""
    across = np.exp(-((x / 2.0) ** 4))
    upper, lower = smoothstep(y, 1.4, 3.2), 1 - smoothstep(y, 6.0, 8.0)
    field = np.zeros((len(x), 3))
    is_lower = y > 4.25
    is_lower[LIPS_UPPER[:, 1:-1]] = False
    is_lower[LIPS_LOWER[:, 1:-1]] = True
    field[:, 1] = across * np.where(is_lower, 0.3 * lower, -0.3 * upper)
    return field


@cache
def fields() -> Fields:
    """All fields; their arrays are read-only. Irises and lids are left to `lids`."""
    x, y, z = canonical().T
    none = np.zeros(COUNT)
    corner, corner_side = _both(x, y, (2.46, 4.34), (2.2, 1.9))
    drawn, drawn_side = _both(x, y, (2.6, 4.6), (1.4, 1.7))
    chin = _bump(x, y, (0, 6.2), (1.8, 1.3))
    cheek, _ = _both(x, y, (3.9, 1.2), (1.9, 1.7))
    above_lids = smoothstep(-y, 3.3, 4.3)
    brow, _ = _both(x, y, (3.2, -4.9), (2.8, 1.5))
    inner_brow, inner_side = _both(x, y, (1.6, -4.6), (1.7, 1.2))
    mouth = _bump(x, y, (0, 4.6), (2.6, 1.8))
    around_mouth = _bump(x, y, (0, 5.0), (3.6, 3.2))
    made = Fields(
        jaw=_jaw(x, y, z),
        mouth_side=np.stack([0.9 * around_mouth, none, none], 1),
        smile=np.stack([0.75 * corner_side, -0.62 * corner - 0.28 * cheek, 0.25 * corner], 1),
        sad=np.stack([0.06 * drawn_side, 0.32 * drawn - 0.1 * chin, none], 1),
        stretch=np.stack([0.7 * corner_side, none, 0.2 * corner], 1),
        pucker=np.stack([-0.38 * x * mouth, none, -0.5 * mouth], 1),
        show_teeth=_teeth(x, y),
        brow=np.stack([none, -0.7 * brow * above_lids, none], 1),
        frown=np.stack([-0.38 * inner_side * above_lids, 0.55 * inner_brow * above_lids, none], 1),
    )
    for field in vars(made).values():
        field[SKIN_COUNT:] = 0
        field.flags.writeable = False
    return made


def blinked(points: Floats, openness: Floats) -> Floats:
    """(478, 3) displacement that brings the eyes of head points to (2,) factors of their openness."""
    moved = np.zeros_like(points)
    lids.move_lids(moved, points, openness)
    return moved


def looked(points: Floats, gaze: tuple[float, float]) -> Floats:
    """(478, 3) displacement of the irises of head points by a gaze in eye widths, right and down."""
    moved = np.zeros_like(points)
    lids.move_irises(moved, points, np.broadcast_to(np.array(gaze), (2, 2)))
    return moved
