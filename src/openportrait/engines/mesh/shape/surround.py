"""Head, neck and background around the face mesh: rings that follow the head less and less; the head behind the face.

Seven rings of vertices lie on rays from the face oval to the border of the crop. The first is the rim: the face's
outline, with whose skin it moves. Near the face rings move with the head as one body; the outermost never moves, so
the crop can be put back without a seam.
Where the person ends before the border all of it goes along: hair, hat and ears.

Other rings go back from the face's outline: temples, sideburns, ears and the hair behind them, as a rough shape. In
the source they tell where a side of the head is seen; on a turned head, where its mirror image has to come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.shape.points import FACE_OVAL, SKIN_COUNT, canonical, triangles
from openportrait.records import Floats, Image

_WAY_TO_BORDER = np.array([0.0, 0.11, 0.26, 0.45, 0.68, 1.0])
_WAY_TO_END = np.array([0.0, 0.16, 0.38, 0.66, 1.0])
"""From the first ring outside the rim; the second, of the first five, where the person ends before the border."""

# How far the head's turning reaches, by the sine of a ray's slope downwards, in lengths of the ray: to the side
# and up hair and hat go along; shoulders, below the jaw's corners, stay; the neck is a little longer.
_SLOPES = np.array([0.2, 0.55, 0.8, 0.97])
"""Slopes for which the next two are given."""
_WHOLLY = np.array([1.28, 1.02, 1.02, 1.02])
"""Up to here the surroundings turn with the head."""
_NO_MORE = np.array([2.35, 1.25, 1.25, 1.35])
"""From here on they do not."""
_BESIDE = (0.2, 0.6)
"""Sines between which what ends before the border passes from hair, which goes along, to shoulders."""
_SHIFTED_WHOLLY = 1.1
"""Lengths of the ray from which on neck and shoulders follow a shift of the head less and less, down to the border."""
_END_MARGIN, _LEAST_END, _ROOM = 0.06, 0.25, 0.08
"""Lengths of the ray: from the person's end to its ring, from the outline at least to it, from it to the border."""
_SEEN = 40
"""Of 255: alpha from which a pixel is the person's."""
_SAMPLES = 96
"""Places along a ray where the person's end is looked for."""
_PRESSED = 0.03
"""Of the crop's side that hair is pressed together at most where the head comes to the border."""
_LEAST_SPACING = 0.2
"""Of the distance at rest, that two rings keep."""
_LEAST_SHADE = 0.5
"""The same for the rim and the next ring, between which the edge of the face lies with its shade."""
_CLOSING = 0.96
"""Of the strips between oval, rim and first ring outside it, where the oval has turned to the viewer."""
_LEAST_OUTWARDS = 1e-3
"""Of the way to the outline: what is nearer to the middle of the face is far from passing it."""
_CLEARANCE = 0.05
"""Of the first ring outside the face's outline, in lengths of the ray."""
_DEPTH_SLOPE, _NECK_DEPTH_SLOPE, _DEPTH_LIMIT = 0.38, 0.75, 0.9
"""Radii of the face that what is around recedes for each length of the ray, beside the face and on the neck; and the
lengths after which it recedes no more."""
_SPREAD, _SPREAD_DECAY = 0.35, 0.16
"""How far a vertex of the face counts for a place beside it, and how fast that fades: radii of the face."""
_ROUNDING = 1e-6
"""Of an edge's length, so that a ray through a corner meets one of its two edges."""


@dataclass(frozen=True, eq=False)
class Surround:
    """The rings of one source; G = 252 vertices."""

    vertices: Floats
    """(G, 3) px, with the depth of a rough head behind the face."""
    turning: Floats
    """(G,) share of the head's turning that a vertex takes, 0 at the border."""
    shifting: Floats
    """(G,) share of the head's shift that a vertex takes, 0 at the border."""
    free: NDArray[np.bool_]
    """(36,) rays along which the person ends before the border: at the last ring but one."""
    spread: Floats
    """(G, 36) share of what each vertex of the rim moves beyond the head's motion."""
    rim_ends: NDArray[np.intp]
    """(36, 2) landmarks between which the vertices of the rim lie."""
    rim_shares: Floats
    """(36, 1) what the second of them has to say, 0..1."""
    centre: Floats
    """(2,) px, the middle of the face."""
    outwards: Floats
    """(468,) how far landmarks of the skin lie from it to the rim: 1 on it."""

    def rim(self, values: Floats) -> Floats:
        """(36, C) what landmarks (468 or more, C) have at the rim."""
        first, second = values[self.rim_ends.T]
        return np.asarray(first + (second - first) * self.rim_shares)

    def outline(self, face: Floats) -> Floats:
        """(36, 2) px where the rim is when landmarks are at `face` (468 or more, 2): convex, as it was at rest."""
        rim = self.rim(face)
        centre = rim.mean(0)
        hull = np.asarray(cv2.convexHull(rim.astype(np.float32))[:, 0], np.float64)
        reach, _, _ = _reach(centre, rim - centre, hull)
        return np.asarray(rim + (rim - centre) * np.maximum(reach - 1 - _ROUNDING, 0)[:, None])

    def held_within(self, expressed: Floats) -> Floats:
        """(468, 2) px by which an expression that carries landmarks to `expressed` (468 or more, 2) is held back.

        Nothing passes the rim, behind which a turned face has no skin to be seen.
        """
        way = expressed[:SKIN_COUNT] - self.centre
        most = np.maximum(self.outwards, 1 - _LEAST_SPACING * (1 - self.outwards))
        now = _outwards(way, self.outline(expressed) - self.centre)
        return np.asarray(way * np.minimum(most / np.maximum(now, _LEAST_OUTWARDS) - 1, 0)[:, None])

    def back_inside(self, carried: Floats, size: int) -> Floats:
        """(2,) px by which a head that takes the vertices to `carried` (G, 2) has to go back.

        Hair may be pressed a little against the border of a crop of side `size`; further the head does not go.
        """
        count = len(self.free)
        tips = carried[-2 * count : -count][self.free]
        if not len(tips):
            return np.zeros(2)
        before, beyond = np.minimum(tips.min(0), 0.0), np.maximum(tips.max(0) - (size - 1), 0.0)
        beyond[1] = 0.0  # Downwards shoulders give way.
        back = -before - beyond
        return np.asarray(np.sign(back) * np.maximum(np.abs(back) - _PRESSED * size, 0.0))

    def moved(
        self, carried: Floats, shift: Floats, oval: Floats, rim: Floats, beyond: Floats, unveiled: Floats
    ) -> Floats:
        """(G, 3) px where the vertices go.

        `carried` (G, 2): where the head as one body would take them, `shift` (2,) of that its origin's way;
        `oval` and `rim` (36, 2): where they are now, `beyond` (36, 2): by how much the rim moved more than the head.
        Rings never fold over one another; those that would leave the crop are pressed together before its border.
        `unveiled` (36,), 0..1: how far the skin at the oval has turned to the viewer. The old outline of the face,
        which lies between the oval and the first ring outside the rim, then no longer is an outline, and closes.
        """
        count, rest = len(oval), self.vertices[:, :2]
        turned = carried - rest - shift
        places = rest + turned * self.turning[:, None] + shift * self.shifting[:, None] + self.spread @ beyond
        places[-count:] = rest[-count:]
        rings, rings_at_rest = places.reshape(-1, count, 2), rest.reshape(-1, count, 2)
        outwards = rings_at_rest[-1] - rings_at_rest[0]
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
        spacing = _LEAST_SPACING * ((rings_at_rest[1:] - rings_at_rest[:-1]) * outwards).sum(2)
        spacing[0] *= _LEAST_SHADE / _LEAST_SPACING
        rings[0] = rim
        rings[:2] = oval + (rings[:2] - oval) * (1 - _CLOSING * unveiled)[:, None]
        for outer, inner, gap in zip(rings[-2:0:-1], rings[:1:-1], spacing[:0:-1], strict=True):
            _keep_apart(outer, inner, gap, -outwards)
        for inner, outer, gap in zip(
            (oval, *rings[:-2]), rings[:-1], (0.0, spacing[0] * (1 - unveiled), *spacing[1:-1]), strict=True
        ):
            _keep_apart(outer, inner, gap, outwards)
        return np.column_stack([places, self.vertices[:, 2]])


def _outwards(points: Floats, outline: Floats) -> Floats:
    """(N,) how far points (N, 2) lie from 0 to an outline (M, 2) around it: 1 on it."""
    (angle, length), (ray, reach) = (
        (np.arctan2(ways[:, 1], ways[:, 0]), np.linalg.norm(ways, axis=1)) for ways in (points, outline)
    )
    return np.asarray(length / np.interp(angle, ray, reach, period=2 * np.pi))


def ring_triangles(number: int = 1 + len(_WAY_TO_BORDER)) -> NDArray[np.int32]:
    """(72·number, 3) vertex numbers that join the oval and rings, which follow the 468 vertices of the face."""
    count = len(FACE_OVAL)
    rings = [FACE_OVAL]
    rings += [SKIN_COUNT + i * count + np.arange(count) for i in range(number)]
    found = []
    for inner, outer in pairwise(rings):
        inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
        found += [np.stack([inner, inner_next, outer], 1), np.stack([inner_next, outer_next, outer], 1)]
    return np.vstack(found).astype(np.int32)


def _keep_apart(ring: Floats, fixed: Floats, gap: Floats | float, direction: Floats) -> None:
    """Push a ring (36, 2), in place, at least `gap` (36,) or a single gap beyond another along `direction` (36, 2)."""
    missing = np.maximum(gap - ((ring - fixed) * direction).sum(1), 0)
    ring += missing[:, None] * direction


def build_surround(face: Floats, alpha: Image) -> Surround:
    """Rings around the landmarks `face` (478, 3) px in a crop whose person has this `alpha` (S, S)."""
    size = len(alpha)
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
    hull = cv2.convexHull(face[:SKIN_COUNT, :2].astype(np.float32), returnPoints=False)[:, 0].astype(np.intp)
    outline, edge, rim_shares = _reach(centre, ray, face[hull, :2])
    rim_ends = np.stack([hull, np.roll(hull, -1)], 1)[edge]
    outside = np.minimum(outline + _CLEARANCE, border - 0.2)
    end, free = _person_end(alpha, centre, ray, border)
    free *= 1 - smoothstep(slope, *_BESIDE)
    end = np.clip(end, outside + _LEAST_END, np.maximum(border - _ROOM, outside + 0.1))
    way = outside + (border - outside) * _WAY_TO_BORDER[:, None]
    way[:-1] += free * (outside + (end - outside) * _WAY_TO_END[:, None] - way[:-1])
    way = np.vstack([outline, way])

    wholly, no_more = np.interp(slope, _SLOPES, _WHOLLY), np.interp(slope, _SLOPES, _NO_MORE)
    wholly, no_more = wholly + free * (end - wholly), no_more + free * (border - no_more)
    turning = 1.0 - smoothstep(way, wholly, np.minimum(border, no_more))
    shifting = np.maximum(turning, 1.0 - smoothstep(way, np.minimum(_SHIFTED_WHOLLY, outside), border))
    turning[-1] = shifting[-1] = 0.0

    recession = _DEPTH_SLOPE * (1 - down) + _NECK_DEPTH_SLOPE * down
    depth = oval[:, 2] + np.clip(way - 1.0, 0.0, _DEPTH_LIMIT) * radius * recession
    flat = centre + ray * way[:, :, None]
    vertices = np.concatenate([flat, depth[:, :, None]], 2).reshape(-1, 3)
    rim_shares = rim_shares[:, None]
    first, second = face[rim_ends.T, :2]
    rim = first + (second - first) * rim_shares
    vertices[: len(oval), :2] = rim
    return Surround(
        vertices=vertices,
        turning=turning.ravel(),
        shifting=shifting.ravel(),
        free=free > 0.5,
        spread=_spread(vertices[:, :2], rim, radius),
        rim_ends=rim_ends,
        rim_shares=rim_shares,
        centre=centre,
        outwards=_outwards(face[:SKIN_COUNT, :2] - centre, rim - centre),
    )


def _person_end(alpha: Image, centre: Floats, ray: Floats, border: Floats) -> tuple[Floats, Floats]:
    """(36,) lengths of the rays at which the person ends, and 1 where that is before the border, else 0.

    Both pass softly from ray to ray, the end outwards.
    """
    way = np.linspace(1.0, border, _SAMPLES)
    x, y = np.moveaxis(np.clip(np.rint(centre + ray * way[..., None]), 0, len(alpha) - 1).astype(int), -1, 0)
    seen = alpha[y, x] > _SEEN
    end = np.where(seen, way, 1.0).max(0) + _END_MARGIN
    free = 1.0 - seen[-2:].any(0)
    end, free = np.max([np.roll(end, i) for i in (-1, 0, 1)], 0), np.min([np.roll(free, i) for i in (-1, 0, 1)], 0)
    for _ in range(2):
        end, free = (np.asarray((np.roll(v, 1) + 2 * v + np.roll(v, -1)) / 4) for v in (end, free))
    return end, free


def _reach(centre: Floats, ray: Floats, polygon: Floats) -> tuple[Floats, NDArray[np.intp], Floats]:
    """(N,) lengths of the rays (N, 2) from `centre` at which they leave a convex polygon (M, 2).

    And (N,) the number of the edge there, and how far along it, 0..1, the ray passes.
    """
    start = polygon - centre
    edge = np.roll(polygon, -1, 0) - polygon
    across = ray[:, None, 0] * edge[:, 1] - ray[:, None, 1] * edge[:, 0]
    across = np.where(np.abs(across) < 1e-9, np.nan, across)
    length = (start[:, 0] * edge[:, 1] - start[:, 1] * edge[:, 0]) / across
    along = (start[:, 0] * ray[:, None, 1] - start[:, 1] * ray[:, None, 0]) / across
    length = np.where((along >= -_ROUNDING) & (along <= 1 + _ROUNDING), length, 0.0)
    last = np.nanargmax(length, 1)
    each = np.arange(len(ray)), last
    return length[each], last, np.clip(along[each], 0, 1)


def _spread(vertices: Floats, oval: Floats, radius: float) -> Floats:
    squared = ((vertices[:, None] - oval[None]) ** 2).sum(-1)
    nearest = squared.min(1, keepdims=True)
    share = np.exp(-(squared - nearest) / (_SPREAD * radius) ** 2)
    fading: Floats = np.exp(-np.sqrt(nearest) / (_SPREAD_DECAY * radius))
    return np.asarray(share / share.sum(1, keepdims=True) * fading)


# The head behind the face


_BACK_CM = np.array([0.8, 1.8, 3.0, 4.5, 6.0])
"""Behind the outline of the canonical face."""
_WIDER = np.array([1.02, 1.04, 1.05, 1.04, 1.02])
"""Half a head's width there, of that at the outline."""
_MIDDLE_CM = np.array([0.0, -1.0])
"""x, y of the head's axis on the canonical face."""
_CERTAINTY = np.array([1.0, 1.0, 1.0, 0.8, 0.0])
"""How much of what is behind the face is the head's on each of these rings."""
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
