"""Keeps many motions in little memory, and states wide bounds of what the motion of a head can be, for files.

Beyond the bounds a picture has no meaning, and computing it takes minutes or overflows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from openportrait import bounds
from openportrait.motion.layout import KeypointSet
from openportrait.records import Floats, Motion

EXACT_POINTS = 64
"""Layouts with more keypoints store their expression in steps."""
POSE_NUMBERS = 13
"""R row by row, s, t."""
STEPS_PER_EXTENT = 8192
"""Steps across the longest side of the canonical face: errors stay below 1/32 px where the face is 512 px wide."""


class PackedMotions(Sequence[Motion]):
    """A sequence of motions of one layout, held as float32, or as steps of int16 for a mesh.

    A canonical face that does not change is held once. Five minutes of a 478-point mesh at 25 frames
    a second take 22 MB, of 21 keypoints 5 MB.
    """

    def __init__(self, motions: Iterable[Motion] = ()) -> None:
        """Takes any motions, and keeps none of them."""
        self.step: float | None = None
        """Canonical units of one step; None where the expression is float32."""
        self.expressions: list[NDArray[np.float32] | NDArray[np.int16]] = []
        self.canonicals: list[NDArray[np.float32]] = []
        """(K, 3) one a motion; equal neighbours are one object."""
        self.poses: list[NDArray[np.float32]] = []
        """(POSE_NUMBERS,): R row by row, s, t."""
        for motion in motions:
            self.append(motion)

    @classmethod
    def from_arrays(
        cls,
        poses: NDArray[np.float32],
        canonicals: NDArray[np.float32],
        expressions: NDArray[np.float32] | NDArray[np.int16],
        step: float | None,
    ) -> Self:
        """From the arrays of a template: (N, 13), (1 or N, K, 3), (N, K, 3) in steps of `step` or as they are."""
        packed = cls()
        packed.step = step
        packed.poses = list(poses)
        packed.expressions = list(expressions)
        packed.canonicals = list(canonicals) if len(canonicals) == len(poses) else [canonicals[0]] * len(poses)
        return packed

    # Values too large for float32 become infinite; such a motion is refused when a file is read or written.
    @np.errstate(over="ignore", invalid="ignore")
    def append(self, motion: Motion) -> None:
        """Add one motion; the first decides the step."""
        canonical = motion.canonical.astype(np.float32)
        if not self.canonicals and len(canonical) > EXACT_POINTS:
            extent = float(np.ptp(canonical, axis=0).max()) or 1.0
            self.step = extent / STEPS_PER_EXTENT
        if self.canonicals and np.array_equal(canonical, self.canonicals[-1]):
            canonical = self.canonicals[-1]
        self.canonicals.append(canonical)
        if self.step is None:
            self.expressions.append(motion.expression.astype(np.float32))
        else:
            steps = np.clip(np.rint(motion.expression / self.step), -32768, 32767)
            self.expressions.append(steps.astype(np.int16))
        pose = np.concatenate([motion.rotation.ravel(), [motion.scale], motion.translation])
        self.poses.append(pose.astype(np.float32))

    def __len__(self) -> int:
        """How many motions."""
        return len(self.poses)

    @overload
    def __getitem__(self, index: int) -> Motion: ...

    @overload
    def __getitem__(self, index: slice) -> list[Motion]: ...

    def __getitem__(self, index: int | slice) -> Motion | list[Motion]:
        """The motion as float64, made anew; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        pose = self.poses[index].astype(np.float64)
        expression: Floats = self.expressions[index].astype(np.float64)
        return Motion(
            rotation=pose[:9].reshape(3, 3),
            expression=expression if self.step is None else expression * self.step,
            scale=float(pose[9]),
            translation=pose[10:],
            canonical=self.canonicals[index].astype(np.float64),
        )


# What the motion of a head can be


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


def check_motions(motions: PackedMotions, points: KeypointSet) -> None:
    """Raises ValueError where one of the motions, at least one, is impossible for a head with these keypoints."""
    shape, reach = (points.count, 3), points.reach
    step = 1.0 if motions.step is None else bounds.number(motions.step, 1e-9, 1.0, "the step of the expression")
    known = None
    for start in range(0, len(motions), _BLOCK):
        block = slice(start, start + _BLOCK)
        _check_poses(np.stack(motions.poses[block]).astype(np.float64), points)
        for canonical in motions.canonicals[block]:
            if canonical is not known:
                bounds.array(canonical, shape, -reach, reach, "the canonical face")
            known = canonical
        for expression in motions.expressions[block]:
            bounds.array(expression, shape, -reach / step, reach / step, "the expression")


def check_ratios(rows: NDArray[Any]) -> None:
    """Raises ValueError where an openness of eyes and lips, (N, 3), is impossible."""
    bounds.array(rows, (len(rows), 3), 0, MOST_RATIO, "the openness of eyes and lips")


def _check_poses(poses: Floats, points: KeypointSet) -> None:
    """(N, 13) poses."""
    count = len(poses)
    low, high = (2 * share / points.face_height for share in FACE_SHARE)
    bounds.array(poses[:, 9], (count,), low, high, "the scale")
    bounds.array(poses[:, 10:], (count, 3), -MOST_SHIFT, MOST_SHIFT, "the translation")
    rotations = bounds.array(poses[:, :9], (count, 9), -1 - ROUNDING, 1 + ROUNDING, "the rotation").reshape(-1, 3, 3)
    off = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    if off.max() > ROUNDING or np.linalg.det(rotations).min() <= 0:
        raise ValueError("the rotation is no turn of a head; a matrix with R Rᵀ = 1 is due")
