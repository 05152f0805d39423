"""The 478 landmarks: their numbers by name, the canonical face they are defined on, and how open eyes and lips are.

`left` and `right` are the picture's, for an upright face: the left eye is the subject's right one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from openportrait.faces.runtime import member
from openportrait.records import Face, Floats, Ratios

EYE_LEFT_CORNERS = (33, 133)
"""Outer, inner."""
EYE_LEFT_LIDS = (159, 145)
"""Middle of the upper, of the lower lid."""
EYE_RIGHT_CORNERS = (362, 263)
"""Inner, outer."""
EYE_RIGHT_LIDS = (386, 374)
"""Middle of the upper, of the lower lid."""
LIP_CORNERS = (61, 291)
"""Left, right in the picture."""
INNER_LIP = (13, 14)
"""Middle of the upper, of the lower lip, on the inside."""
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
"""Both brows, the picture's left one first."""
JAW = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)
"""The outline from the left ear's upper end over the chin to the right one's."""
SKIN = slice(0, 468)
"""The face without its irises."""


# The canonical face


# Protocol-buffer field numbers: of the whole message, of its mesh, of one weighted pose point.
_MESH, _POSE_POINT = 1, 2
_VERTEX_VALUE, _TRIANGLE_CORNER = 3, 4
_POINT, _WEIGHT = 1, 2

_Value = int | float | bytes


@dataclass(frozen=True, eq=False)
class CanonicalFace:
    """A neutral face without irises; the first 468 landmarks of a `Face` are its vertices."""

    vertices: Floats
    """(468, 3) cm, as in the file: x to the picture's right, y up, z towards the viewer."""
    uv: Floats
    """(468, 2) texture coordinates, 0..1."""
    triangles: NDArray[np.int32]
    """(898, 3) vertex numbers."""
    pose_indices: NDArray[np.int32]
    """(33,) vertices that expression hardly moves, for the head's pose."""
    pose_weights: Floats
    """(33,) their weights, as in the file."""


@cache
def canonical_face() -> CanonicalFace:
    """The canonical face of the shipped bundle, read once; its arrays are read-only."""
    message = list(_fields(member("geometry_pipeline_metadata_landmarks.binarypb")))
    mesh = [field for number, value in message if number == _MESH for field in _nested(value)]
    pose = [dict(_nested(value)) for number, value in message if number == _POSE_POINT]
    points = np.array([value for number, value in mesh if number == _VERTEX_VALUE], np.float64).reshape(-1, 5)
    corners = np.array([value for number, value in mesh if number == _TRIANGLE_CORNER], np.int32)
    face = CanonicalFace(
        vertices=points[:, :3].copy(),
        uv=points[:, 3:].copy(),
        triangles=corners.reshape(-1, 3),
        pose_indices=np.array([point[_POINT] for point in pose], np.int32),
        pose_weights=np.array([point[_WEIGHT] for point in pose], np.float64),
    )
    for array in vars(face).values():
        array.flags.writeable = False
    return face


def _nested(value: _Value) -> Iterator[tuple[int, _Value]]:
    assert isinstance(value, bytes)
    return _fields(value)


def _fields(message: bytes) -> Iterator[tuple[int, _Value]]:
    """(number, value) of each field: whole numbers, 32-bit floats and nested messages."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire_type = key >> 3, key & 7
        value: _Value
        if wire_type == 0:
            value, place = _varint(message, place)
        elif wire_type == 2:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        elif wire_type == 5:
            value, place = struct.unpack_from("<f", message, place)[0], place + 4
        else:
            raise ValueError(f"the canonical face holds a field of unknown wire type {wire_type}")
        yield number, value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """The number at `place`, seven bits a byte, lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place


# How open eyes and lips are (SPEC §2)


def ratios(face: Face) -> Ratios:
    """Openness of the eye on the picture's left, the one on its right, and the lips.

    Distance between the lids' middles over the distance between the eye's corners; distance between
    the inner lips' middles over that of the outer lip corners: the same points of the face as the
    203-point definition of SPEC §2, measured in the plane of the picture as there. A face that carries
    refined points is measured by those.
    """
    if face.refined is not None:
        return ratios_203(face.refined)
    points = face.landmarks[:, :2]
    return Ratios(
        eye_left=_openness(points, EYE_LEFT_LIDS, EYE_LEFT_CORNERS),
        eye_right=_openness(points, EYE_RIGHT_LIDS, EYE_RIGHT_CORNERS),
        lip=_openness(points, INNER_LIP, LIP_CORNERS),
    )


def ratios_203(points: Floats) -> Ratios:
    """The same from (203, 2) points of the neural engine's landmark network, exactly as SPEC §2."""
    return Ratios(
        eye_left=_openness(points, (6, 18), (0, 12)),
        eye_right=_openness(points, (30, 42), (24, 36)),
        lip=_openness(points, (90, 102), (48, 66)),
    )


def _openness(points: Floats, height: tuple[int, int], width: tuple[int, int]) -> float:
    def distance(pair: tuple[int, int]) -> float:
        return float(np.linalg.norm(points[pair[0]] - points[pair[1]]))

    return distance(height) / (distance(width) + 1e-6)
