"""Head pose: three angles in degrees and the matrix they make (SPEC §3)."""

from __future__ import annotations

import numpy as np

from openportrait.records import Floats

SAME_ANGLE_RADIANS = 1e-9
"""Below this a rotation has no axis to be turned about; at half a turn neither, which no head makes."""


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
