"""Many motions in little memory: the motion of a long clip, or of a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

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

    # What float32 cannot hold becomes infinite; where motion goes to or comes from a file it is refused.
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
