"""The picture drawn to a moved mesh: a displacement field, and one look-up of the source's pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.raster import Field, cell_centres, cover, displacement_maps, evaluate
from openportrait.records import Floats, Image

_FINE_ABOVE = 640
"""Crops at least this large are computed at half resolution."""
_BORDER = 8


def field_step(size: int) -> int:
    """Pixels a cell of the field is wide, for a crop of side `size`."""
    return 2 if size >= _FINE_ABOVE else 1


def displacement(moved: Floats, rest: Floats, triangles: NDArray[np.int32], face_count: int, size: int) -> Field:
    """(n, n, 2) px from each cell of the result to where it comes from; cells are `field_step(size)` px.

    `moved` and `rest` (V, 3) px with depth. The first `face_count` triangles, the face and what is next
    to it, are drawn at full resolution, the others at half. Exactly 0 at the border of the crop and
    wherever no corner of a triangle moved.
    """
    step = field_step(size)
    maps = displacement_maps(moved[triangles][:, :, :2], rest[triangles][:, :, :2])
    field = _coarse(moved, triangles, maps, size, step)
    corners = moved[triangles[:face_count]][:, :, :2].reshape(-1, 2)
    low = np.clip(np.floor(corners.min(0) / step).astype(int) - 2, 0, len(field) - 1)
    high = np.clip(np.ceil(corners.max(0) / step).astype(int) + 3, low + 1, len(field))
    fine, share = _fine(moved, triangles[:face_count], maps, step, low, high)
    part = field[low[1] : high[1], low[0] : high[0]]
    part += (fine - part) * share[..., None]
    return _still_border(field, step)


def _coarse(moved: Floats, triangles: NDArray[np.int32], maps: Field, size: int, step: int) -> Field:
    wide = 2 * step
    count = -(-size // wide)
    covered = cover(moved, triangles, (count, count), wide, (0, 0))
    cells = cv2.blur(evaluate(maps, covered, *cell_centres(covered.shape, wide, (0, 0))), (3, 3))
    fine = -(-size // step)
    return np.ascontiguousarray(cv2.resize(cells, (2 * count, 2 * count))[:fine, :fine]).astype(np.float32, copy=False)


def _fine(
    moved: Floats, triangles: NDArray[np.int32], maps: Field, step: int, low: NDArray[np.int_], high: NDArray[np.int_]
) -> tuple[Field, Field]:
    """The field of a part, and by how much it replaces the coarse one: softly at its outline."""
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    origin = (int(low[0]) * step, int(low[1]) * step)
    covered = cover(moved, triangles, shape, step, origin)
    inside = (covered >= 0).astype(np.float32)
    field = evaluate(maps, covered, *cell_centres(shape, step, origin))
    field = cv2.blur(field, (3, 3)) / np.maximum(cv2.blur(inside, (3, 3)), 1e-3)[..., None]
    share = cv2.blur(cv2.erode(inside, np.ones((5, 5), np.uint8)), (5, 5))
    return field.astype(np.float32, copy=False), share.astype(np.float32, copy=False)


def _still_border(field: Field, step: int) -> Field:
    """Fade the outermost cells to zero, so that the crop's edge stays the source's."""
    fade = np.clip((np.arange(_BORDER // step, dtype=np.float32) * step - 1) / (_BORDER - 2), 0, 1)
    for ramp, edge in ((fade, slice(0, len(fade))), (fade[::-1], slice(-len(fade), None))):
        field[edge] *= ramp[:, None, None]
        field[:, edge] *= ramp[None, :, None]
    return field


def moving_part(field: Field, step: int, size: int) -> tuple[slice, slice]:
    """Rows and columns of the picture outside which nothing moves."""
    moving = (field[..., 0] != 0) | (field[..., 1] != 0)
    left, top, width, height = (value * step for value in cv2.boundingRect(moving.view(np.uint8)))
    margin = 2 * step
    return (
        slice(max(0, top - margin), min(size, top + height + margin)),
        slice(max(0, left - margin), min(size, left + width + margin)),
    )


def draw(source: Image, field: Field, step: int) -> Image:
    """The (S, S, 3) picture whose pixels are taken from `source` (S, S, 4) by a field of `displacement`."""
    size = source.shape[0]
    rows, columns = moving_part(field, step, size)
    result = cv2.cvtColor(source, cv2.COLOR_RGBA2RGB)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return result.astype(np.uint8, copy=False)
    x, y = cell_centres(field.shape[:2], step, (0, 0))
    places = field + np.stack(np.broadcast_arrays(x, y), 2)
    if step > 1:
        places = cv2.resize(places, (field.shape[1] * step, field.shape[0] * step))
    taken = cv2.remap(
        source, np.ascontiguousarray(places[rows, columns]), None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    result[rows, columns] = cv2.cvtColor(taken, cv2.COLOR_RGBA2RGB)
    edge = 2
    for strip in (np.s_[:edge], np.s_[-edge:], np.s_[:, :edge], np.s_[:, -edge:]):
        result[strip] = source[strip][..., :3]
    return result.astype(np.uint8, copy=False)
