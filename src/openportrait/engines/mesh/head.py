"""The head behind the face mesh: temples, sideburns, ears and the hair behind them, as rings of a rough shape.

The rings go back from the face's outline. In the source they tell where a side of the head is seen; on a turned
head, where its mirror image has to come.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.surround import ring_triangles
from openportrait.engines.mesh.topology import FACE_OVAL, SKIN_COUNT, canonical, triangles
from openportrait.records import Floats

_BACK_CM = np.array([0.8, 1.8, 3.0, 4.5, 6.0])
"""Behind the outline of the canonical face."""
_WIDER = np.array([1.02, 1.04, 1.05, 1.04, 1.02])
"""Half a head's width there, of that at the outline."""
_MIDDLE_CM = np.array([0.0, -1.0])
_CERTAINTY = np.array([1.0, 1.0, 1.0, 0.8, 0.0])
_JAW_CM = (1.5, 4.5)
"""Heights: between them what is behind the outline passes from head to neck, which is none of the head."""


@cache
def head_points() -> Floats:
    """(H, 3) the canonical face's skin, then the rings, cm in the head frame; H = 648."""
    points = canonical()[:SKIN_COUNT]
    oval = points[FACE_OVAL]
    rings = np.repeat(oval[None], len(_BACK_CM), 0)
    rings[..., :2] = _MIDDLE_CM + (oval[:, :2] - _MIDDLE_CM) * _WIDER[:, None, None]
    rings[..., 2] += _BACK_CM[:, None]
    return np.vstack([points, rings.reshape(-1, 3)])


@cache
def head_triangles() -> NDArray[np.int32]:
    """(T, 3) numbers of the head's vertices: first the triangles of the face."""
    return np.vstack([triangles(), ring_triangles(len(_BACK_CM))])


@cache
def mirrored() -> NDArray[np.intp]:
    """(H,) the vertex on the other side of the head."""
    points = canonical()[:SKIN_COUNT]
    squared = ((points[:, None] * (-1, 1, 1) - points[None]) ** 2).sum(-1)
    across = -np.arange(len(FACE_OVAL)) % len(FACE_OVAL)
    first = SKIN_COUNT + len(FACE_OVAL) * np.arange(len(_BACK_CM))
    return np.concatenate([squared.argmin(1), (first[:, None] + across).ravel()])


@cache
def ring_normals() -> Floats:
    """(H − 468, 3) unit, out of the head, in the head frame."""
    points, corners = head_points(), head_triangles()[len(triangles()) :]
    a, b, c = np.moveaxis(points[corners], 1, 0)
    flat = np.cross(b - a, c - a)
    flat *= np.sign(((a[:, :2] - _MIDDLE_CM) * flat[:, :2]).sum(1))[:, None]
    normals = np.zeros_like(points)
    for corner in corners.T:
        np.add.at(normals, corner, flat)
    normals = normals[SKIN_COUNT:]
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


@cache
def ring_certainty() -> Floats:
    """(H − 468,) how surely a vertex is of the head: 0 at the last ring and under the jaw."""
    above = 1 - smoothstep(canonical()[FACE_OVAL, 1], *_JAW_CM)
    return np.asarray(_CERTAINTY[:, None] * above).ravel()


def behind(face: Floats, to_ring: Floats) -> Floats:
    """(H, 3) skin of a face (478, 3) px, and the rings `to_ring` (H − 468, 3) px away from its outline."""
    oval = np.tile(face[FACE_OVAL], (len(_BACK_CM), 1))
    return np.vstack([face[:SKIN_COUNT], oval + to_ring])


def ways_to_rings(scale: float, rotation: Floats) -> Floats:
    """(H − 468, 3) px from the face's outline to the rings of a head, `scale` px a cm large and turned (3, 3)."""
    points = head_points()
    ways = points[SKIN_COUNT:] - np.tile(points[FACE_OVAL], (len(_BACK_CM), 1))
    return np.asarray(scale * (ways @ rotation))
