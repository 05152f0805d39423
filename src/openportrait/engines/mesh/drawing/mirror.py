"""The hidden side of a turned head, taken from the side it shows: cheek, temple, sideburn, ear, the hair behind.

Skin seen edge-on in the source has no pixels to speak of: turned to the viewer it would show a smear with
the outline of the old face in it. There the mirrored place on the other side of the head is shown instead,
in the light of its own side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import LUMA, sampled
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.drawing.warp import (
    Field,
    Grid,
    Indices,
    Warp,
    cover,
    displacements,
    enlarged,
    evaluate,
    interpolants,
    places,
)
from openportrait.engines.mesh.layers.person import Layers
from openportrait.engines.mesh.shape.points import SKIN_COUNT, Similarity, canonical, pose, triangles
from openportrait.engines.mesh.shape.surround import (
    behind,
    head_points,
    head_triangles,
    mirrored,
    ring_certainty,
    ring_normals,
    ways_to_rings,
)
from openportrait.records import Floats, Image

_EDGE_ON, _SEEN = 0.3, 0.55
"""Cosines between skin and view: below the first it has no pixels, above the second it has all."""
_SHOWN = (0.05, 0.25)
"""The same for skin that stands in for other: something of it has to be seen."""
_BETTER = (0.1, 0.3)
"""By how much more the other side faces the viewer, cosines, before it stands in, and from where on it does wholly."""
_ASIDE_CM = (1.6, 2.8)
"""cm from the middle of the face: nearer to it, where the nose keeps its own shading, nothing is mirrored."""
_TURNED = (0.04, 0.2)
"""Cosines by which a side has turned to the viewer, from not at all to wholly."""
_LIGHT_REACH_CM, _FAR_CM, _FAR_SHARE = 1.4, 4.0, 0.015
"""Light is that of the skin close by, or, where there is none, of skin farther away."""
_SHADE_REACH_CM = 0.7
"""The same for the shade that lies on what stands in for other skin: its edges are not to be mirrored."""
_HAIR_CM = (6.2, 7.4)
"""Aside, from where on what is close by is rather hair, whose darkness is not that of light."""
_SKIN_SPREAD = 0.65
"""Standard deviation of the logarithm of brightness about the median of the same side: wide enough for shade, not
for hair."""
_TINT = 0.75
"""Power of the difference in hue between both sides that is taken for the light's."""
_OTHER_HUE = (0.2, 0.6)
"""Of the logarithms of colours: where sides differ more, as in deep shade, one has the hue of its own skin."""
_GAIN_RANGE = (0.35, 3.5)
"""Darkest and brightest light, over that of the other side."""
_GRAIN_CM, _GRAIN_LESS = 0.2, 2.0
"""Detail finer than this is grain of paint or camera, or pores. Light up to this gain does not make it stronger."""
_LEAST = 0.02
"""Share of the other side below which a triangle is not drawn."""
_STEEPEST = 2.0
"""px of depth a px: a turn by 25° stretches such skin to less than twice its width."""
_EDGE_CM = (4.6, 6.2)
"""From the corners of the eyes outwards."""
_WAY_TO_EDGE = 24
"""Edges of triangles from the middle of the face to its outline, at most."""
_MARGIN, _BORDER = 3, 4
"""Cells around what is shown, and cells over which it ends at the crop's border."""


@cache
def _closeness(reach_cm: float) -> Floats:
    """(H, 468) by the distance on the canonical head: about 1 at what is closest, a little farther away."""
    squared = ((head_points()[:, None] - canonical()[None, :SKIN_COUNT]) ** 2).sum(-1)
    squared -= squared.min(1, keepdims=True)
    near, far = (np.exp(-0.5 * squared / reach**2) for reach in (reach_cm, _FAR_CM))
    skin = 1 - 0.75 * smoothstep(np.abs(head_points()[:, :1]), *_HAIR_CM)
    return np.asarray(skin * near + _FAR_SHARE * far)


@dataclass(frozen=True, eq=False)
class Light:
    """What brings mirrored colours into the light of their new side: gain · colours + tone · brightness."""

    gain: Floats
    """(H, 3)."""
    tone: Floats
    """(H, 3)."""


@dataclass(frozen=True, eq=False)
class OtherSide:
    """What of a head its other side can stand in for; H vertices, the face's first."""

    places: Floats
    """(H, 3) px in the source."""
    normals: Floats
    """(H, 3) unit, out of the head."""
    hidden: Floats
    """(H,) 0 where the source shows the vertex well; 1 where it hides it but shows its mirror image."""
    light: Light
    unit: float
    """px for a cm of the head."""
    steep: Floats
    """(468,) px of depth that is taken away: skin seen edge-on without a mirror image would only be smeared by it."""

    def share(self, rotation: Floats) -> Floats:
        """(H,) how much of its mirror image a vertex shows when the head has turned by `rotation` (3, 3)."""
        return np.asarray(self.hidden * self._turned(rotation))

    def held_back(self, head: Similarity) -> Floats:
        """(468, 2) px by which vertices move less than the `head` does, where it turns to the viewer what is steep."""
        depth = self.steep * self._turned(head.rotation)[:SKIN_COUNT]
        return np.asarray(depth[:, None] * head.scale * head.rotation[2, :2])

    def _turned(self, rotation: Floats) -> Floats:
        """(H,) 1 where the head has turned towards the viewer, 0 where away."""
        towards = -(self.normals @ rotation)[:, 2] + self.normals[:, 2]
        return smoothstep(towards, *_TURNED)

    def moved(self, face: Floats, head: Similarity) -> Floats:
        """(H, 3) px where the vertices are when the `head` has moved and the face's landmarks are at (478, 3)."""
        ways = self.places[SKIN_COUNT:] - behind(self.places, np.zeros((1, 3)))[SKIN_COUNT:]
        return behind(face, head.scale * (ways @ head.rotation))


def skin_normals(face: Floats) -> Floats:
    """(468, 3) unit normals of (478, 3) landmarks, towards the viewer where z is negative."""
    corners = face[triangles()]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((SKIN_COUNT, 3))
    for corner in range(3):
        np.add.at(normals, triangles()[:, corner], flat)
    outwards = np.sign((normals[:, 2] * (face[:SKIN_COUNT, 2] < np.median(face[:, 2]))).sum()) or 1.0
    normals *= -outwards
    return np.asarray(normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9))


def find_other_side(image: Image, face: Floats) -> OtherSide:
    """From a crop (S, S, 3) and its landmarks (478, 3) px with depth."""
    head = pose(face)
    normals = np.vstack([skin_normals(face), ring_normals() @ head.rotation])
    facing = -normals[:, 2]
    seen = smoothstep(facing, _EDGE_ON, _SEEN)
    hidden = (1 - seen) * smoothstep(facing[mirrored()] - facing, *_BETTER)
    hidden *= smoothstep(np.abs(head_points()[:, 0]), *_ASIDE_CM)
    hidden[SKIN_COUNT:] *= ring_certainty()
    reach = 0.012 * float(np.ptp(face[:SKIN_COUNT, 1]))
    colours = np.log(sampled(image, face[:SKIN_COUNT], reach) + 4.0)
    return OtherSide(
        places=behind(face, ways_to_rings(head.scale, head.rotation)),
        normals=normals,
        hidden=hidden,
        light=_light(colours, facing[:SKIN_COUNT]),
        unit=head.scale,
        steep=_steep(face) * (1 - hidden[:SKIN_COUNT]),
    )


def _steep(face: Floats) -> Floats:
    """(468,) px of depth at the sides of a face (478, 3) that go beyond a bearable slope."""
    edges = triangles()[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    start, end = edges.T
    rise = _STEEPEST * np.linalg.norm((face[start] - face[end])[:, :2], axis=1)
    depth = face[:SKIN_COUNT, 2].copy()
    for _ in range(_WAY_TO_EDGE):
        reached = depth.copy()
        np.minimum.at(depth, end, reached[start] + rise)
        np.minimum.at(depth, start, reached[end] + rise)
    return (face[:SKIN_COUNT, 2] - depth) * smoothstep(np.abs(canonical()[:SKIN_COUNT, 0]), *_EDGE_CM)


def _light(colours: Floats, facing: Floats) -> Light:
    """From `colours` (468, 3) of the face, logarithms, and cosines between skin and view (468,).

    Where a vertex is hidden itself, the light of the skin around it goes on.
    """
    brightness, seen = colours @ LUMA, smoothstep(facing, _EDGE_ON, _SEEN)
    shown = smoothstep(facing, *_SHOWN)
    left = canonical()[:SKIN_COUNT, 0] < 0
    usual = np.where(left, _middle(brightness, left * shown), _middle(brightness, ~left * shown))
    skin = np.exp(-0.5 * ((brightness - usual) / _SKIN_SPREAD) ** 2)
    other = mirrored()[:SKIN_COUNT]
    own = _weighted(colours, seen * skin, _LIGHT_REACH_CM)
    mirror = _weighted(colours[other], (shown * skin)[other], _SHADE_REACH_CM)
    light = own - mirror
    brighter = light @ LUMA[:, None]
    hue = light - brighter
    recoloured = smoothstep(np.abs(hue).max(1, keepdims=True), *_OTHER_HUE)
    gain = np.clip(np.exp(brighter), *_GAIN_RANGE)
    return Light(gain * (1 - recoloured) * np.exp(_TINT * hue), gain * recoloured * np.exp(own - own @ LUMA[:, None]))


def _middle(values: Floats, weights: Floats) -> float:
    """The median of those values (N,) whose weight (N,) is more than half."""
    counted = values[weights > 0.5]
    return float(np.median(counted if len(counted) else values))


def _weighted(colours: Floats, trust: Floats, reach_cm: float) -> Floats:
    """(H, 3) mean of `colours` (468, 3) around each vertex of the head, by closeness and `trust` (468,)."""
    weights = _closeness(reach_cm) * (trust + 1e-6)
    return np.asarray(weights @ colours / weights.sum(1, keepdims=True))


def show_other_side(
    picture: Image, alpha: Image, layers: Layers, found: Warp, other: OtherSide, moved: Floats, share: Floats
) -> None:
    """Draw the mirrored side of the head into `picture` (S, S, 3) and its `alpha` (S, S), in place.

    `moved` (H, 3) px: the head's vertices now; `share` (H,): how much of it they show.
    """
    corners = head_triangles()
    used = np.asarray((share[corners] > _LEAST).any(1))
    if not used.any():
        return
    grid, covered = _seen_parts(moved, used, found)
    corners = corners[used]
    shown_at = covered >= 0
    if not shown_at.any():
        return
    # What is shown at the edge continues beyond it, so that enlarged pixels mix nothing else in.
    around = np.where(shown_at, covered, cv2.dilate(covered.astype(np.int16), np.ones((5, 5), np.uint8)))
    taken_from = places(evaluate(displacements(moved, other.places[mirrored()], corners), around, grid), grid)
    painted = np.column_stack([share, other.light.gain, other.light.tone])[corners]
    opaque, *light = evaluate(interpolants(moved[corners][:, :, :2], painted), around, grid)
    opaque = cv2.blur(np.clip(opaque, 0, 1) * shown_at, (3, 3)) * _inside(grid, len(picture))

    step, (x, y) = grid.step, grid.origin
    rows, columns = slice(y, y + step * grid.shape[0]), slice(x, x + step * grid.shape[1])
    part = picture[rows, columns]
    height, width = part.shape[:2]
    from_x, from_y, opaque, gain, tone = (
        enlarged(planes, step, slice(0, height))[:, :width]
        for planes in (*taken_from, opaque, np.dstack(light[:3]), np.dstack(light[3:]))
    )
    taken = cv2.remap(layers.person, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    calm = _without_grain(taken[..., :3], (gain + tone) @ LUMA.astype(np.float32), _GRAIN_CM * other.unit)
    colours = calm * gain + (calm @ LUMA.astype(np.float32))[..., None] * tone
    through = 1 - opaque * (taken[..., 3] * np.float32(1 / 255))
    above = opaque
    if layers.cut_out:
        below = alpha[rows, columns] * np.float32(1 / 255) * through
        total = np.maximum(1 - through + below, np.float32(1e-3))
        alpha[rows, columns] = np.clip(255 * (1 - through + below) + 0.5, 0, 255).astype(np.uint8)
        above, through = (1 - through) / total, below / total
    colours *= above[..., None]
    colours += part * through[..., None]
    part[:] = np.clip(colours + np.float32(0.5), 0, 255).astype(np.uint8)


def _without_grain(taken: NDArray[np.generic], lighter: Field, sigma: float) -> Field:
    """(h, w, 3) colours `taken` with less of their grain where they are to be `lighter` (h, w) times as bright."""
    colours = taken.astype(np.float32)
    calm = cv2.GaussianBlur(colours, (0, 0), sigma)
    return np.asarray(calm + (colours - calm) / np.clip(lighter, 1, _GRAIN_LESS)[..., None], np.float32)


def _inside(grid: Grid, size: int) -> Field:
    """(h, w) 0 at the border of a crop of that side, which stays the source's, 1 a few cells from it."""
    across, down = (np.minimum(at, size - 1 - at) for at in grid.centres)
    return np.clip((np.minimum(across, down) / grid.step - 1) / _BORDER, 0, 1).astype(np.float32)


def _seen_parts(moved: Floats, used: NDArray[np.bool_], found: Warp) -> tuple[Grid, Indices]:
    """Cells around the `used` (T,) triangles, and which of the used is seen there, −1 where none; the face hides."""
    corners, faces = head_triangles(), len(triangles())
    count, step = found.grid.shape[0], found.grid.step
    points = moved[corners[used]].reshape(-1, 3)[:, :2] / step
    low = np.clip(np.floor(points.min(0)).astype(int) - _MARGIN, 0, count - 1)
    high = np.clip(np.ceil(points.max(0)).astype(int) + _MARGIN, low + 1, count)
    grid = found.grid.part(slice(low[1], high[1]), slice(low[0], high[0]))
    number = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    covered = cover(moved, corners[faces:][used[faces:]], grid)
    covered[covered >= 0] += np.count_nonzero(used[:faces])
    face = _placed(found.covered, np.array(found.near.origin) // step - low, grid.shape)
    in_front = (face >= 0) & (face < faces)
    covered = np.where(in_front, number[np.where(in_front, face, 0)], covered)
    left, top, width, height = cv2.boundingRect((covered >= 0).astype(np.uint8))
    rows, columns = (slice(max(at - _MARGIN, 0), at + n + _MARGIN) for at, n in ((top, height), (left, width)))
    covered = np.ascontiguousarray(covered[rows, columns])
    rows, columns = (slice(at.start, at.start + n) for at, n in zip((rows, columns), covered.shape, strict=True))
    return grid.part(rows, columns), covered


def _placed(cells: Indices, corner: NDArray[np.intp], shape: tuple[int, int]) -> Indices:
    """(h, w) cells with their `corner` (2,) at x, y of a part of that shape, −1 where they do not reach."""
    result = np.full(shape, -1, np.int32)
    x, y = corner.tolist()
    rows, columns = (slice(max(at, 0), max(at + n, 0)) for at, n in zip((y, x), cells.shape, strict=True))
    part = result[rows, columns]
    part[:] = cells[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
    return result
