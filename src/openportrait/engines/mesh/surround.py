"""Head, neck and background around the face mesh: rings that follow the head less and less.

Six rings of vertices lie on rays from the face oval to the border of the crop. Near the face they
move with the head as one body; the outermost never moves, so the crop can be put back without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.topology import FACE_OVAL, SKIN_COUNT
from openportrait.records import Floats

_WAY_TO_BORDER = np.array([0.0, 0.11, 0.26, 0.45, 0.68, 1.0])

# How far the head's motion reaches, by the sine of a ray's slope downwards: to the side and up hair and hat
# go along; shoulders, below the jaw's corners, stay; the neck is a little longer.
_SLOPES = np.array([0.2, 0.55, 0.8, 0.97])
_WHOLLY = np.array([1.28, 1.02, 1.02, 1.02])
_NO_MORE = np.array([2.35, 1.25, 1.25, 1.35])
_LEAST_SPACING = 0.2
"""Of the distance at rest, that two rings keep."""
_CLOSING = 0.96
"""Of the strip between oval and first ring, where the oval has turned to the viewer."""
_CLEARANCE = 0.05
"""Of the first ring outside the face's outline, in lengths of the ray."""
_DEPTH_SLOPE, _NECK_DEPTH_SLOPE, _DEPTH_LIMIT = 0.38, 0.75, 0.9
_SPREAD, _SPREAD_DECAY = 0.35, 0.16


@dataclass(frozen=True, eq=False)
class Surround:
    """The rings of one source; G = 216 vertices."""

    vertices: Floats
    """(G, 3) px, with the depth of a rough head behind the face."""
    rigid: Floats
    """(G,) share of the head's motion that a vertex takes, 0 at the border."""
    spread: Floats
    """(G, 36) share of what each oval vertex moves beyond the head's motion."""

    def moved(self, carried: Floats, oval: Floats, beyond: Floats, unveiled: Floats) -> Floats:
        """(G, 3) px where the vertices go.

        `carried` (G, 2): where the head as one body would take them; `oval` (36, 2): where the oval is now,
        `beyond` (36, 2): by how much it moved more than the head. Rings never fold over one another.
        `unveiled` (36,), 0..1: how far the skin at the oval has turned to the viewer. The old outline of the
        face, which lies between the oval and the first ring, then no longer is an outline, and closes.
        """
        count, rest = len(oval), self.vertices[:, :2]
        places = rest + (carried - rest) * self.rigid[:, None] + self.spread @ beyond
        places[-count:] = rest[-count:]
        rings, rings_at_rest = places.reshape(-1, count, 2), rest.reshape(-1, count, 2)
        outwards = rings_at_rest[-1] - rings_at_rest[0]
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
        spacing = ((rings_at_rest[1:-1] - rings_at_rest[:-2]) * outwards).sum(2)
        least = _LEAST_SPACING * np.vstack([spacing[0] * (1 - unveiled), spacing])
        rings[0] = oval + (rings[0] - oval) * (1 - _CLOSING * unveiled)[:, None]
        inner = oval
        for ring, gap in zip(rings[:-1], least, strict=True):
            missing = np.maximum(gap - ((ring - inner) * outwards).sum(1), 0)
            ring += missing[:, None] * outwards
            inner = ring
        return np.column_stack([places, self.vertices[:, 2]])


def ring_triangles() -> NDArray[np.int32]:
    """(432, 3) vertex numbers that join the oval and the rings, which follow the 468 vertices of the face."""
    count = len(FACE_OVAL)
    rings = [FACE_OVAL]
    rings += [SKIN_COUNT + i * count + np.arange(count) for i in range(len(_WAY_TO_BORDER))]
    found = []
    for inner, outer in pairwise(rings):
        inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
        found += [np.stack([inner, inner_next, outer], 1), np.stack([inner_next, outer_next, outer], 1)]
    return np.vstack(found).astype(np.int32)


def build_surround(face: Floats, size: int) -> Surround:
    """Rings around the landmarks `face` (478, 3) px in a crop of side `size`."""
    oval = face[FACE_OVAL]
    centre = oval[:, :2].mean(0)
    ray = oval[:, :2] - centre
    length = np.linalg.norm(ray, axis=1)
    radius = float(length.mean())
    slope = ray[:, 1] / length
    down = smoothstep(slope, 0.45, 0.95)

    # Everything along a ray is counted in lengths of the ray: 1 is the oval, `border` the crop's edge.
    with np.errstate(divide="ignore"):
        reach = np.where(ray > 0, (size - 1 - centre) / ray, np.where(ray < 0, -centre / ray, np.inf))
    border = np.maximum(reach.min(1), 1.3)
    outline = _reach(
        centre, ray, np.asarray(cv2.convexHull(face[:SKIN_COUNT, :2].astype(np.float32))[:, 0], np.float64)
    )
    outside = np.minimum(np.maximum(outline, 1.0) + _CLEARANCE, border - 0.2)
    way = outside + (border - outside) * _WAY_TO_BORDER[:, None]
    ends = np.minimum(border, np.interp(slope, _SLOPES, _NO_MORE))
    rigid = 1.0 - smoothstep(way, np.interp(slope, _SLOPES, _WHOLLY), ends)
    rigid[-1] = 0.0

    recession = _DEPTH_SLOPE * (1 - down) + _NECK_DEPTH_SLOPE * down
    depth = oval[:, 2] + np.clip(way - 1.0, 0.0, _DEPTH_LIMIT) * radius * recession
    flat = centre + ray * way[:, :, None]
    vertices = np.concatenate([flat, depth[:, :, None]], 2).reshape(-1, 3)
    return Surround(vertices, rigid.ravel(), _spread(vertices[:, :2], oval[:, :2], radius))


def _reach(centre: Floats, ray: Floats, polygon: Floats) -> Floats:
    """(N,) lengths of the rays (N, 2) from `centre` at which they leave a convex polygon (M, 2)."""
    start = polygon - centre
    edge = np.roll(polygon, -1, 0) - polygon
    across = ray[:, None, 0] * edge[:, 1] - ray[:, None, 1] * edge[:, 0]
    across = np.where(np.abs(across) < 1e-9, np.nan, across)
    length = (start[:, 0] * edge[:, 1] - start[:, 1] * edge[:, 0]) / across
    along = (start[:, 0] * ray[:, None, 1] - start[:, 1] * ray[:, None, 0]) / across
    return np.asarray(np.nanmax(np.where((along >= -1e-6) & (along <= 1 + 1e-6), length, 0.0), 1))


def _spread(vertices: Floats, oval: Floats, radius: float) -> Floats:
    squared = ((vertices[:, None] - oval[None]) ** 2).sum(-1)
    nearest = squared.min(1, keepdims=True)
    share = np.exp(-(squared - nearest) / (_SPREAD * radius) ** 2)
    fading: Floats = np.exp(-np.sqrt(nearest) / (_SPREAD_DECAY * radius))
    return np.asarray(share / share.sum(1, keepdims=True) * fading)
