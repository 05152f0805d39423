"""The picture drawn to a moved mesh: a displacement field, and one look-up of the source's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.raster import Field, Indices, cover, displacement_maps, evaluate, places
from openportrait.records import Floats, Image

_FINE_ABOVE = 640
"""Crops at least this large are computed at half resolution."""
_COARSENESS = 4
"""Width of a cell away from the face, in cells at the face."""
_BORDER = 8
_STRIP = 128
"""Rows looked up at a time, so that the places to look stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in the order they are numbered, the near part first."""

    triangles: Indices
    """(T, 3) vertex numbers."""
    near: int
    """How many of them are drawn at full resolution: the face and what is next to it."""
    face: int
    """How many of them are the face alone."""


def field_step(size: int) -> int:
    """Pixels a cell of the field is wide, for a crop of side `size`."""
    return 2 if size >= _FINE_ABOVE else 1


def displacement(moved: Floats, rest: Floats, mesh: Mesh, size: int) -> Field:
    """(2, n, n) px in x and y from each cell of the result to where it comes from.

    Cells are `field_step(size)` px wide; `moved` and `rest` (V, 3) px with depth. Exactly 0 at the
    border of the crop and wherever no corner of a triangle moved.
    """
    step = field_step(size)
    maps = displacement_maps(moved[mesh.triangles][:, :, :2], rest[mesh.triangles][:, :, :2])
    field = _far(moved, mesh.triangles[mesh.face :], maps[mesh.face :], size, step)
    count = field.shape[1]
    corners = moved[mesh.triangles[: mesh.near]][:, :, :2].reshape(-1, 2)
    low = np.clip(np.floor(corners.min(0) / step).astype(int) - 2, 0, count - 1)
    high = np.clip(np.ceil(corners.max(0) / step).astype(int) + 3, low + 1, count)
    near, share = _near(moved, mesh.triangles[: mesh.near], maps, step, low, high)
    part = field[:, low[1] : high[1], low[0] : high[0]]
    part += (near - part) * share
    return _still_border(field, step)


def _far(moved: Floats, triangles: Indices, maps: Field, size: int, step: int) -> Field:
    wide = _COARSENESS * step
    count, fine = -(-size // wide), -(-size // step)
    covered = cover(moved, triangles, (count, count), wide, (0, 0))
    cells = evaluate(maps, covered, wide, (0, 0))
    field = np.empty((2, fine, fine), np.float32)
    for axis in (0, 1):
        larger = cv2.resize(cv2.blur(cells[axis], (3, 3)), (_COARSENESS * count, _COARSENESS * count))
        field[axis] = larger[:fine, :fine]
    return field


def _near(
    moved: Floats, triangles: Indices, maps: Field, step: int, low: NDArray[np.int_], high: NDArray[np.int_]
) -> tuple[Field, Field]:
    """The field of a part, and by how much it replaces the coarse one: softly at its outline."""
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    origin = (int(low[0]) * step, int(low[1]) * step)
    covered = cover(moved, triangles, shape, step, origin)
    inside = (covered >= 0).astype(np.float32)
    field = evaluate(maps, covered, step, origin)
    known = np.maximum(cv2.blur(inside, (3, 3)), 1e-3)
    for axis in (0, 1):
        field[axis] = cv2.blur(field[axis], (3, 3)) / known
    share = cv2.blur(cv2.erode(inside, np.ones((5, 5), np.uint8)), (5, 5))
    return field, share.astype(np.float32, copy=False)


def _still_border(field: Field, step: int) -> Field:
    """Fade the outermost cells to zero, so that the crop's edge stays the source's."""
    fade = np.clip((np.arange(_BORDER // step, dtype=np.float32) * step - 1) / (_BORDER - 2), 0, 1)
    for ramp, edge in ((fade, slice(0, len(fade))), (fade[::-1], slice(-len(fade), None))):
        field[:, edge] *= ramp[:, None]
        field[:, :, edge] *= ramp
    return field


def draw(source: Image, field: Field, step: int) -> Image:
    """The (S, S, 3) picture whose pixels are taken from `source` (S, S, 4) by a field of `displacement`."""
    size = source.shape[0]
    result = cv2.cvtColor(source, cv2.COLOR_RGBA2RGB).astype(np.uint8, copy=False)
    moving = (field[0] != 0) | (field[1] != 0)
    left, top, width, height = (value * step for value in cv2.boundingRect(moving.astype(np.uint8)))
    edge = step
    columns = slice(max(edge, left - step), min(size - edge, left + width + step))
    first, last = max(edge, top - step), min(size - edge, top + height + step)
    if not width:
        return result
    taken_from = places(field, step)
    for row in range(first, last, _STRIP):
        rows = slice(row, min(row + _STRIP, last))
        x, y = (_enlarged(plane, step, rows)[:, columns] for plane in taken_from)
        taken = cv2.remap(source, x, y, cv2.INTER_LINEAR)
        result[rows, columns] = cv2.cvtColor(taken, cv2.COLOR_RGBA2RGB)
    return result


def _enlarged(plane: Field, step: int, rows: slice) -> Field:
    """Rows of a plane whose cells are `step` px, one value a pixel."""
    if step == 1:
        return plane[rows]
    low, high = max(rows.start // step - 1, 0), min(-(-rows.stop // step) + 1, len(plane))
    larger = cv2.resize(plane[low:high], (plane.shape[1] * step, (high - low) * step))
    return np.asarray(larger[rows.start - low * step : rows.stop - low * step])
