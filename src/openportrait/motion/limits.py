"""What the motion of a head can be: wide bounds that no head exceeds, for motion that comes from a file.

Beyond them a picture has no meaning, and computing it takes minutes or overflows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openportrait import bounds
from openportrait.motion.liveportrait import LIVEPORTRAIT_21
from openportrait.motion.packed import PackedMotions
from openportrait.motion.portable import FACE_OF_21
from openportrait.records import Floats


class Limits(NamedTuple):
    """The sizes of one keypoint layout, from which its bounds follow."""

    points: int
    """K."""
    face_height: float
    """Canonical units."""
    reach: float
    """Canonical units: no coordinate of a canonical face, and no part of an expression, is larger."""


LIMITS = {
    # About thirty face heights: the published model's keypoints lie within one.
    LIVEPORTRAIT_21.name: Limits(LIVEPORTRAIT_21.count, FACE_OF_21, 20.0),
    # Centimetres (`engines.mesh.shape.points`): no head reaches a metre.
    "mesh-478": Limits(478, 18.0, 100.0),
}
"""The keypoint layouts that a template may have, by name."""

FACE_SHARE = (0.001, 20.0)
"""Height of the face over that of the crop: from half a pixel of 512 to twenty crops."""
MOST_SHIFT = 20.0
"""Crop units: ten crops away."""
MOST_RATIO = 1000.0
"""Height over width of an eye or a mouth: on a profile the width is a pixel or two."""
ROUNDING = 0.1
"""How far R Rᵀ may be from 1: float16 makes 0.003."""
MAX_FRAMES = 250_000
"""Of a template: nearly three hours at 25 a second. A small file may repeat one motion without end."""
RATES = (1, 1000)
"""Frames a second."""
_BLOCK = 256
"""Frames that are looked at together, so that no second copy of a long clip is made."""


def limits_of(layout: str, points: int) -> Limits:
    """The limits of a layout. Raises ValueError: it is unknown, or has another number of points."""
    if layout not in LIMITS:
        raise ValueError(f"the layout is {bounds.shown(layout)}; {' or '.join(LIMITS)} is due")
    if points != LIMITS[layout].points:
        raise ValueError(f"points is {bounds.shown(points)}; layout {layout} has {LIMITS[layout].points}")
    return LIMITS[layout]


def check_motions(motions: PackedMotions, layout: str) -> None:
    """Raises ValueError where one of the motions, at least one, is impossible for a head of that layout."""
    limits = limits_of(layout, len(motions.canonicals[0]))
    shape = (limits.points, 3)
    step = 1.0 if motions.step is None else bounds.number(motions.step, 1e-9, 1.0, "the step of the expression")
    known = None
    for start in range(0, len(motions), _BLOCK):
        block = slice(start, start + _BLOCK)
        _check_poses(np.stack(motions.poses[block]).astype(np.float64), limits)
        for canonical in motions.canonicals[block]:
            if canonical is not known:
                bounds.array(canonical, shape, -limits.reach, limits.reach, "the canonical face")
            known = canonical
        for expression in motions.expressions[block]:
            bounds.array(expression, shape, -limits.reach / step, limits.reach / step, "the expression")


def check_ratios(rows: NDArray[Any]) -> None:
    """Raises ValueError where an openness of eyes and lips, (N, 3), is impossible."""
    bounds.array(rows, (len(rows), 3), 0, MOST_RATIO, "the openness of eyes and lips")


def _check_poses(poses: Floats, limits: Limits) -> None:
    """(N, 13) poses."""
    count = len(poses)
    low, high = (2 * share / limits.face_height for share in FACE_SHARE)
    bounds.array(poses[:, 9], (count,), low, high, "the scale")
    bounds.array(poses[:, 10:], (count, 3), -MOST_SHIFT, MOST_SHIFT, "the translation")
    rotations = bounds.array(poses[:, :9], (count, 9), -1 - ROUNDING, 1 + ROUNDING, "the rotation").reshape(-1, 3, 3)
    off = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    if off.max() > ROUNDING or np.linalg.det(rotations).min() <= 0:
        raise ValueError("the rotation is no turn of a head; a matrix with R Rᵀ = 1 is due")
