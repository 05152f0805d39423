"""What a set of keypoints means: all that differs between engines, as data the engine owns. Head pose (SPEC §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from openportrait.errors import OptionError
from openportrait.records import Floats, Motion, Ratios
from openportrait.regions import EXPRESSION, GROUPS

SAME_ANGLE_RADIANS = 1e-9
"""Below this angle a rotation has no usable axis. At half a turn it has none either, but no head turns so far."""


def rotation_from_degrees(pitch: float, yaw: float, roll: float) -> Floats:
    """(3, 3) R = (Rz(roll) Ry(yaw) Rx(pitch))ᵀ of right-handed matrices: points are rows, `x @ R`."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians([pitch, yaw, roll])), np.sin(np.radians([pitch, yaw, roll]))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray((about_z @ about_y @ about_x).T, np.float64)


def degrees_from_rotation(rotation: Floats) -> tuple[float, float, float]:
    """(pitch, yaw, roll) of a matrix made by `rotation_from_degrees`; yaw in −90..90.

    At a yaw of ±90° pitch and roll turn about the same axis: the roll is then taken as 0.
    """
    column_matrix = rotation.T
    sin_yaw = float(np.clip(-column_matrix[2, 0], -1, 1))
    if abs(sin_yaw) > 1 - 1e-9:
        pitch = np.arctan2(-column_matrix[1, 2], column_matrix[1, 1])
        roll = 0.0
    else:
        pitch = np.arctan2(column_matrix[2, 1], column_matrix[2, 2])
        roll = np.arctan2(column_matrix[1, 0], column_matrix[0, 0])
    return float(np.degrees(pitch)), float(np.degrees(np.arcsin(sin_yaw))), float(np.degrees(roll))


def angle_degrees(rotation: Floats) -> float:
    """How far a rotation turns, 0..180; 0 is a frontal, upright head."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def turned_by(rotation: Floats, amount: float) -> Floats:
    """(3, 3) the same turn about the same axis, `amount` times as far; 1 gives the rotation itself."""
    if amount == 1:
        return rotation
    angle = np.radians(angle_degrees(rotation))
    if angle < SAME_ANGLE_RADIANS:
        return np.eye(3)
    # The antisymmetric part is sin(angle) times the cross product with the axis, which Rodrigues' formula turns by.
    across = (rotation - rotation.T) / 2
    length = np.sqrt((across**2).sum() / 2)
    if length < SAME_ANGLE_RADIANS:
        return rotation
    across = across / length
    wanted = angle * amount
    return np.asarray(np.eye(3) + np.sin(wanted) * across + (1 - np.cos(wanted)) * across @ across, np.float64)


# What the keypoints mean


ExpressionChange = Callable[[Floats, Floats, Floats], Floats]


def difference(source: Floats, driving: Floats, reference: Floats) -> Floats:
    """The plain change δd − δref of SPEC §4, whatever the source; all (..., K, 3)."""
    return driving - reference


@dataclass(frozen=True)
class KeypointSet:
    """What is known of an engine's keypoints without the engine: as much as reading a template of them needs."""

    name: str
    """Stated in templates."""
    count: int
    """K."""
    face_height: float
    """Height of a face, canonical units."""
    reach: float
    """Canonical units: no coordinate of a canonical face, and no part of an expression, is larger."""
    spans_face: bool = True
    """Whether the keypoints reach over the whole face, so that the height of one face can be taken from them."""
    estimated_ratios: Callable[[Motion], Ratios] | None = None
    """How open eyes and lips are by the expression alone, where that can be told."""


@dataclass(frozen=True, eq=False)
class KeypointLayout:
    """Everything that `motion/` must know of an engine's keypoints."""

    points: KeypointSet
    """The name, number and sizes of the keypoints."""
    parts: Mapping[str, Floats]
    """Region → (K, 3) how far each entry of the expression belongs to it, 0..1; together they are the expression.

    A region of several parts (`eyes`) is one whose parts these keypoints cannot tell apart. The 21-point layout has
    zeros and ones (the index sets of SPEC §4); a mesh has soft borders.
    """
    whole: Floats
    """(K, 3) the sum of the parts."""
    mask: Floats
    """(K, 3) what of the expression mask is open: video sources and absolute motion."""
    neutral: Callable[[Motion], Floats]
    """(K, 3) expression of this face at rest: the constant N of SPEC §4, or an estimate for the face."""
    change: ExpressionChange = difference
    """(source, driving, reference) expressions (K, 3) → what is added to the source's."""
    expression_frame: Literal["camera", "head"] = "camera"
    """camera: x = s·(kp @ R + exp) + t. head: x = s·((kp + exp) @ R) + t."""
    translation_follows_scale: bool = False
    """Whether a driving's shift is first multiplied by s_s / s_d,0 (units of the face, not of the crop).
    Then absolute motion, too, takes the shift since the neutral frame, not the place in the picture."""
    eyes_of_image_from_neutral: bool = False
    """Whether the eyes of a driving image are taken relative to its neutral expression; the released
    model adds them whole (SPEC §4, row exp, region eyes)."""
    volume_points: tuple[int, ...] | None = None
    """Keypoints that span the volume of the expression-friendly option; None takes all."""
    average: Floats | None = None
    """(K, 3) canonical keypoints of an average face; None where only those of real faces are known."""
    lip_open_of_ratio: float = 200.0
    """What the slider `lip_open` must be for a lip ratio of 1, on lips that are shut at rest."""

    @property
    def name(self) -> str:
        """Of the set of keypoints."""
        return self.points.name

    @property
    def count(self) -> int:
        """K."""
        return self.points.count

    @property
    def at_rest(self) -> Motion:
        """An average face at rest that looks straight ahead."""
        average = np.zeros((self.count, 3)) if self.average is None else self.average
        plain = Motion(np.eye(3), np.zeros((self.count, 3)), 1.0, np.zeros(3), average)
        return replace(plain, expression=self.neutral(plain))

    def weights(self, strengths: Mapping[str, float], *, masked: bool = False) -> Floats:
        """(K, 3) how far each entry of the expression follows, for the strength of each part (absent: 0).

        Raises OptionError where parts differ that these keypoints cannot tell apart.
        """
        wanted = {part: strengths.get(part, 0.0) for part in EXPRESSION}
        if len(set(wanted.values())) == 1:
            weights = wanted["rest"] * self.whole
        else:
            weights = np.zeros((self.count, 3))
            for region, share in self.parts.items():
                weights = weights + self._strength(region, wanted) * share
        return weights * self.mask if masked else weights

    def share(self, region: str) -> Floats:
        """(K, 3) how far each entry of the expression belongs to a region. Raises OptionError as `weights`."""
        return self.weights(dict.fromkeys(GROUPS[region], 1.0))

    def shares(self, amounts: Mapping[str, float]) -> Floats:
        """(K, 3) as `weights`, over what an entry takes part at all: all of the expression is 1 everywhere."""
        weights = self.weights(amounts)
        return np.divide(weights, self.whole, out=np.zeros_like(weights), where=self.whole > 0)

    def _strength(self, region: str, wanted: Mapping[str, float]) -> float:
        found = {wanted[part] for part in GROUPS[region]}
        if len(found) > 1:
            names = " and ".join(GROUPS[region])
            raise OptionError(
                f"the keypoints of this engine ({self.name}) do not tell {names} apart; give {region}, "
                "or take an engine that does (--engine mesh)"
            )
        return found.pop()


# From a motion to keypoints


def keypoints(motion: Motion, layout: KeypointLayout) -> Floats:
    """(K, 3) x = s·(kp @ R + exp) + t, crop units, with t's z dropped; expression as the layout frames it."""
    if layout.expression_frame == "head":
        shape = (motion.canonical + motion.expression) @ motion.rotation
    else:
        shape = motion.canonical @ motion.rotation + motion.expression
    return np.asarray(motion.scale * shape + np.append(motion.translation[:2], 0.0), np.float64)
