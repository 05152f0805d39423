"""The canonical face: the neutral head in centimetres that the 478-point mesh is defined on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from openportrait.faces.runtime import member
from openportrait.records import Floats

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
