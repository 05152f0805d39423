"""The cheek that a turned portrait hides, taken from the one it shows.

Skin seen edge-on in the source has no pixels to speak of: turned to the viewer it would show a smear with
the outline of the old face in it. There the mirrored place on the other side of the face is shown instead,
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
from openportrait.engines.mesh.raster import Field, displacements, evaluate, interpolants, places
from openportrait.engines.mesh.topology import SKIN_COUNT, canonical, triangles
from openportrait.engines.mesh.warp import Warp, enlarged
from openportrait.records import Floats, Image

_EDGE_ON, _SEEN = 0.1, 0.5
"""Cosines between skin and view: below the first it has no pixels, above the second it has all."""
_BETTER = (0.12, 0.4)
_ASIDE_CM = (1.6, 2.8)
"""The nose keeps its own shading."""
_TURNED = (0.04, 0.2)
_LIGHT_REACH_CM = 2.5
_TINT = 0.75
_GAIN_RANGE = (0.35, 2.5)
_LEAST = 0.02


@cache
def mirrored() -> NDArray[np.intp]:
    """(468,) the vertex on the other side of the face."""
    points = canonical()[:SKIN_COUNT]
    squared = ((points[:, None] * (-1, 1, 1) - points[None]) ** 2).sum(-1)
    return np.asarray(squared.argmin(1), np.intp)


@cache
def _closeness() -> Floats:
    """(468, 468) Gaussian of the distance on the canonical face."""
    points = canonical()[:SKIN_COUNT]
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-0.5 * squared / _LIGHT_REACH_CM**2))


@dataclass(frozen=True, eq=False)
class OtherSide:
    """What of a face its other side can stand in for."""

    normals: Floats
    """(468, 3) unit, out of the skin."""
    hidden: Floats
    """(468,) 0 seen well in the source, 1 not at all, though its mirror image is."""
    gain: Floats
    """(468, 3) light at a vertex over the light at its mirror image."""

    def share(self, rotation: Floats) -> Floats:
        """(468,) how much of its mirror image a vertex shows when the head has turned by `rotation` (3, 3)."""
        towards = -(self.normals @ rotation)[:, 2] + self.normals[:, 2]
        return np.asarray(self.hidden * smoothstep(towards, *_TURNED))


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
    normals = skin_normals(face)
    facing = -normals[:, 2]
    seen = smoothstep(facing, _EDGE_ON, _SEEN)
    aside = smoothstep(np.abs(canonical()[:SKIN_COUNT, 0]), *_ASIDE_CM)
    hidden = (1 - seen) * smoothstep(facing[mirrored()] - facing, *_BETTER) * aside
    reach = 0.012 * float(np.ptp(face[:SKIN_COUNT, 1]))
    colours = np.log(sampled(image, face[:SKIN_COUNT], reach) + 4.0)
    both = _closeness() * (seen * seen[mirrored()])[None] + 1e-9
    light = both @ (colours - colours[mirrored()]) / both.sum(1, keepdims=True)
    brightness = light @ LUMA[:, None]
    gain = np.exp(brightness + _TINT * (light - brightness))
    return OtherSide(normals, hidden, np.clip(gain, *_GAIN_RANGE))


def show_other_side(
    picture: Image, source: Image, found: Warp, moved: Floats, face: Floats, share: Floats, gain: Floats
) -> None:
    """Draw the mirrored skin into `picture` (S, S, 3), in place, by `share` (468,) with `gain` (468, 3).

    `source` (S, S, 4), `moved` and `face` (478, 3) px: landmarks now and in the source.
    """
    corners = triangles()
    used = np.flatnonzero((share[corners] > _LEAST).any(1))
    cells = np.isin(found.covered, used) if len(used) else np.zeros((1, 1), bool)
    left, top, width, height = cv2.boundingRect(cells.astype(np.uint8))
    if not width:
        return
    rows, columns = slice(top, top + height), slice(left, left + width)
    grid, step = found.near.part(rows, columns), found.near.step
    covered = np.where(cells[rows, columns], found.covered[rows, columns], -1)
    taken_from = places(evaluate(displacements(moved, face[mirrored()], corners), covered, grid), grid)
    painted = np.column_stack([share, gain])[corners]
    shown = evaluate(interpolants(moved[corners][:, :, :2], painted), covered, grid)
    shown[0] = cv2.blur(shown[0], (3, 3))

    x, y = grid.origin
    part = picture[y : y + step * height, x : x + step * width]

    def pixels(plane: Field) -> Field:
        return enlarged(plane, step, slice(0, part.shape[0]))[:, : part.shape[1]]

    from_x, from_y = (pixels(plane) for plane in taken_from)
    taken = cv2.remap(source, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., :3]
    opaque, *light = (pixels(plane) for plane in shown)
    change = taken * np.dstack(light) - part
    part[:] = np.clip(part + change * np.clip(opaque, 0, 1)[..., None] + 0.5, 0, 255).astype(np.uint8)
