"""The picture drawn to a moved mesh: triangles to pixels, a displacement field, one look-up of the source's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import SUBPIXEL_BITS
from openportrait.engines.mesh.layers.person import Layers, shown_through
from openportrait.records import Floats, Image

Indices = NDArray[np.int32]
Field = NDArray[np.float32]

_CELL = 1 << SUBPIXEL_BITS
"""Steps across a cell."""
_LEAST_HEIGHT, _LEAST_AREA = 0.6, 0.05
"""px, px²: a thinner triangle covers pixels beside it, where its values would be far too large."""


@dataclass(frozen=True)
class Grid:
    """Square cells over a part of a picture."""

    shape: tuple[int, int]
    """Rows, columns."""
    step: int = 1
    """px that a cell is wide."""
    origin: tuple[int, int] = (0, 0)
    """x, y of the first pixel of the first cell."""

    @property
    def centres(self) -> tuple[Field, Field]:
        """x (1, columns) and y (rows, 1) px."""
        half = (self.step - 1) / 2
        x, y = (
            np.arange(count, dtype=np.float32) * self.step + np.float32(first + half)
            for count, first in zip(self.shape[::-1], self.origin, strict=True)
        )
        return x[None, :], y[:, None]

    def part(self, rows: slice, columns: slice) -> Grid:
        """Some of the cells."""
        origin = (self.origin[0] + columns.start * self.step, self.origin[1] + rows.start * self.step)
        return Grid((rows.stop - rows.start, columns.stop - columns.start), self.step, origin)


def interpolants(corners: Floats, values: Floats) -> Field:
    """(T, C, 3) affine functions that take `values` (T, 3, C) at `corners` (T, 3, 2) px.

    A function is m0·x + m1·y + m2. A triangle seen edge-on takes the mean of its values.
    """
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    longest = np.sqrt(np.maximum((edge_1**2).sum(1), (edge_2**2).sum(1)))
    thin = np.abs(area) < np.maximum(_LEAST_HEIGHT * longest, _LEAST_AREA)
    area = np.where(thin, 1.0, area)[:, None]
    dual_1 = np.stack([edge_2[:, 1], -edge_2[:, 0]], 1) / area
    dual_2 = np.stack([-edge_1[:, 1], edge_1[:, 0]], 1) / area
    rise_1, rise_2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    slope = rise_1[:, :, None] * dual_1[:, None] + rise_2[:, :, None] * dual_2[:, None]
    slope[thin] = 0.0
    constant = values[:, 0] - np.einsum("tcj,tj->tc", slope, corners[:, 0])
    constant[thin] = values[thin].mean(1)
    return np.concatenate([slope, constant[:, :, None]], 2).astype(np.float32)


def displacements(moved: Floats, rest: Floats, triangles: Indices) -> Field:
    """(T, 2, 3) interpolants of `rest` − `moved` (V, 2 or 3) px: from a pixel to where it is taken from.

    Exactly zero for a triangle that did not move.
    """
    corners = moved[triangles][:, :, :2]
    return interpolants(corners, rest[triangles][:, :, :2] - corners)


def cover(points: Floats, triangles: Indices, grid: Grid) -> Indices:
    """(h, w) number of the nearest triangle over each cell, −1 where there is none; `points` (V, 3) px with depth."""
    covered = np.full(grid.shape, -1, np.int32)
    cells = (points[:, :2] - grid.origin + 0.5) / grid.step - 0.5
    corners = np.round(cells * _CELL).astype(np.int32)[triangles]
    far_to_near = np.argsort(-points[:, 2][triangles].sum(1))
    # Of a part of the picture, most triangles around the face lie outside.
    end = _CELL * np.array(grid.shape[::-1])
    inside = ((corners.max(1) >= -_CELL) & (corners.min(1) <= end)).all(1)
    far_to_near = far_to_near[inside[far_to_near]]
    fill = cv2.fillConvexPoly
    for number, corner in zip(far_to_near.tolist(), corners[far_to_near], strict=True):
        fill(covered, corner, number, cv2.LINE_8, SUBPIXEL_BITS)
    return covered


def evaluate(functions: Field, covered: Indices, grid: Grid) -> Field:
    """(C, h, w) values of the interpolants (T, C, 3) in the cells that `cover` gave; 0 where no triangle is."""
    padded = np.concatenate([functions, np.zeros((1, *functions.shape[1:]), np.float32)])
    flat = covered.ravel().astype(np.intp)
    x, y = grid.centres
    values = np.empty((functions.shape[1], *grid.shape), np.float32)
    for plane, table in zip(values, padded.transpose(1, 2, 0).copy(), strict=True):
        by_x, by_y, constant = (row.take(flat, mode="wrap").reshape(grid.shape) for row in table)
        np.multiply(by_x, x, out=plane)
        by_y *= y
        plane += by_y
        plane += constant
    return values


def places(field: Field, grid: Grid) -> Field:
    """(2, h, w) px where the cells of a displacement field are taken from."""
    x, y = grid.centres
    taken = np.empty_like(field)
    np.add(field[0], x, out=taken[0])
    np.add(field[1], y, out=taken[1])
    return taken


# The picture drawn to a moved mesh


_FINE_ABOVE = 640
"""Crops at least this large are computed at half resolution."""
_COARSENESS = 4
"""Width of a cell away from the face, in cells at the face."""
_FADE = 6
"""Cells over which the fine field passes into the coarse one."""
_BORDER = 8
"""px of the crop over which the field fades to nothing."""
_FOLD = 1.0
"""Widths of a cell by which smoothing moves a place at most where the surface goes on."""
_FINER = 4
"""Places a cell's side at folds, whose colours are mixed; a whole number of them for each pixel."""
_STRIP = 128
"""Rows looked up at a time, so that the places to look stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles and vertices in the order they are numbered: the face, then what is around it."""

    triangles: Indices
    """(T, 3) vertex numbers."""
    face: int
    """How many of the triangles are the face alone."""
    near: int
    """How many of the vertices lie in the part that is drawn at full resolution."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Where the pixels of a picture are taken from."""

    field: Field
    """(2, n, n) px in x and y from a cell of the picture to where it comes from."""
    grid: Grid
    near: Grid
    """The cells around the face."""
    covered: Indices
    """(h, w) triangle over each cell of `near`, −1 where there is none."""
    folds: NDArray[np.intp]
    """(N, 2) row and column of cells where one part of the head ends before another."""
    fold_places: Field
    """(2, N, 4, 4) px in x and y that places in these cells, from left to right in each row, are taken from."""


def warp(moved: Floats, rest: Floats, mesh: Mesh, size: int) -> Warp:
    """The field that leads from `moved` (V, 3) px with depth back to `rest`, in a crop of side `size`.

    Exactly 0 at the border of the crop and wherever no corner of a triangle moved.
    """
    step = 2 if size >= _FINE_ABOVE else 1
    count = -(-size // step)
    functions = displacements(moved, rest, mesh.triangles)
    field = _far(moved, mesh.triangles[mesh.face :], functions[mesh.face :], Grid((count, count), step))

    near = moved[: mesh.near, :2]
    low = np.clip(np.floor(near.min(0) / step).astype(int) - _FADE, 0, count - 1).tolist()
    high = np.clip(np.ceil(near.max(0) / step).astype(int) + _FADE, 1, count).tolist()
    rows, columns = slice(low[1], max(high[1], low[1] + 1)), slice(low[0], max(high[0], low[0] + 1))
    grid = Grid((count, count), step).part(rows, columns)
    covered = cover(moved, mesh.triangles, grid)
    part = field[:, rows, columns]
    share = _towards_edges(grid.shape)
    fine = evaluate(functions, covered, grid)
    smooth = [cv2.blur(plane, (3, 3)) for plane in fine]
    folded = _folded(fine, smooth, _FOLD * step) & (share == 1)
    for plane, sharp, soft in zip(part, fine, smooth, strict=True):
        # Places between those of both sides belong to neither.
        np.copyto(soft, sharp, where=folded)
        soft -= plane
        soft *= share
        plane += soft
    _still_border(field, step)
    folds = np.column_stack(np.divmod(np.flatnonzero(folded), folded.shape[1]))
    fold_places = _finely(moved, mesh.triangles, functions, grid, covered, folds)
    folds += rows.start, columns.start
    return Warp(field, Grid((count, count), step), grid, covered, folds, fold_places)


def _finely(
    moved: Floats, triangles: Indices, functions: Field, grid: Grid, covered: Indices, folds: NDArray[np.intp]
) -> Field:
    """(2, N, 4, 4) px that places in the `folds` (N, 2), row and column of cells of `grid`, are taken from."""
    if not len(folds):
        return np.empty((2, 0, _FINER, _FINER), np.float32)
    low, high = folds.min(0), folds.max(0) + 1
    part = grid.part(*(slice(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)))
    # In a picture so much larger, and only what is seen there.
    used, own = np.unique(covered[tuple(folds.T)], return_inverse=True)
    larger = np.column_stack([(moved[:, :2] + 0.5) * _FINER - 0.5, moved[:, 2]])
    finer = Grid(
        (part.shape[0] * _FINER, part.shape[1] * _FINER), grid.step, (part.origin[0] * _FINER, part.origin[1] * _FINER)
    )
    rows, columns = ((folds - low).T * _FINER)[..., None, None] + np.indices((_FINER, _FINER))[:, None]
    seen = cover(larger, triangles[used], finer)[rows, columns]
    seen = np.where(seen < 0, own[:, None, None], seen)
    x, y = (
        (along.ravel()[at] + np.float32(0.5)) / _FINER - np.float32(0.5)
        for along, at in zip(finer.centres, (columns, rows), strict=True)
    )
    tables = functions[used].transpose(1, 2, 0)
    return np.stack(
        [
            start + by_x[seen] * x + by_y[seen] * y + constant[seen]
            for start, (by_x, by_y, constant) in zip((x, y), tables, strict=True)
        ]
    )


def _folded(fine: Field, smooth: list[Field], limit: float) -> NDArray[np.bool_]:
    """(h, w) cells at a jump: smoothing changes them by more than `limit` px."""
    jump = np.maximum(*(cv2.absdiff(*planes) for planes in zip(fine, smooth, strict=True))) > limit
    return np.asarray(cv2.dilate(jump.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _far(moved: Floats, triangles: Indices, functions: Field, grid: Grid) -> Field:
    """The field away from the face, in cells of `grid`."""
    count = grid.shape[0]
    wide = -(-count // _COARSENESS)
    coarse = Grid((wide, wide), grid.step * _COARSENESS)
    cells = evaluate(functions, cover(moved, triangles, coarse), coarse)
    field = np.empty((2, _COARSENESS * wide, _COARSENESS * wide), np.float32)
    for plane, coarse_plane in zip(field, cells, strict=True):
        cv2.resize(cv2.blur(coarse_plane, (3, 3)), plane.shape, plane)
    return field[:, :count, :count]


def _towards_edges(shape: tuple[int, int]) -> Field:
    """(h, w) 1, falling to 0 at the four edges."""
    down, across = (np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]) / _FADE, 1) for n in shape)
    return np.minimum.outer(down.astype(np.float32), across.astype(np.float32))


def _still_border(field: Field, step: int) -> None:
    """Fade the outermost cells to zero, so that the crop's edge stays the source's."""
    fade = np.clip((np.arange(_BORDER // step, dtype=np.float32) * step - 1) / (_BORDER - 2), 0, 1)
    for ramp, edge in ((fade, slice(0, len(fade))), (fade[::-1], slice(-len(fade), None))):
        field[:, edge] *= ramp[:, None]
        field[:, :, edge] *= ramp


def draw(layers: Layers, source: Image, found: Warp) -> tuple[Image, Image]:
    """The picture `source` (S, S, 4) with the person of its `layers` taken from where the field says.

    (S, S, 3) colours, and the (S, S) alpha of a source that was cut out; of another it says nothing.
    """
    size, step = source.shape[0], found.grid.step
    result, alpha = np.asarray(cv2.cvtColor(source, cv2.COLOR_RGBA2RGB), np.uint8), layers.alpha
    if layers.cut_out:
        alpha = alpha.copy()
    moving = (found.field[0] != 0) | (found.field[1] != 0)
    left, top, width, height = (value * step for value in cv2.boundingRect(moving.astype(np.uint8)))
    first, last = max(step, top - step), min(size - step, top + height + step)
    if not width:
        return result, alpha
    taken_from = places(found.field, found.grid)
    across, down = (int(cv2.norm(plane, cv2.NORM_INF)) + 2 for plane in found.field)
    for row in range(first, last, _STRIP):
        rows = slice(row, min(row + _STRIP, last))
        # Far from the person nothing moves: there the source already shows the plate.
        begin, behind = layers.reach[:, max(rows.start - down, 0) : rows.stop + down]
        columns = slice(
            max(step, left - step, int(begin.min()) - across),
            min(size - step, left + width + step, int(behind.max()) + across),
        )
        if columns.start >= columns.stop:
            continue
        cells = slice(columns.start // step - 1, columns.stop // step + 2)
        inside = slice(columns.start - cells.start * step, columns.stop - cells.start * step)
        x, y = (enlarged(plane[:, cells], step, rows)[:, inside] for plane in taken_from)
        person = np.asarray(cv2.remap(layers.person, x, y, cv2.INTER_LINEAR), np.uint8)
        shown, opaque = result[rows, columns], np.asarray(cv2.extractChannel(person, 3), np.uint8)
        cv2.cvtColor(person, cv2.COLOR_RGBA2RGB, shown)
        if layers.plate is None:
            continue
        plate = layers.plate[rows, columns]
        if layers.cut_out:
            alpha[rows, columns] = opaque
            cv2.copyTo(plate, (opaque == 0).astype(np.uint8), shown)
            continue
        for part in _not_opaque(opaque):
            cv2.add(shown[:, part], shown_through(plate[:, part], opaque[:, part]), shown[:, part])
    _draw_folds(result, alpha, layers, found)
    return result, alpha


def _not_opaque(alpha: Image) -> list[slice]:
    """Columns of (h, w) that hold all that is not opaque: those left and right of the widest opaque ones."""
    clear = np.flatnonzero(alpha.min(0) < 255)
    if not len(clear):
        return []
    widest = int(np.diff(clear, append=clear[-1]).argmax())
    return [slice(part[0], part[-1] + 1) for part in (clear[: widest + 1], clear[widest + 1 :]) if len(part)]


def _draw_folds(picture: Image, alpha: Image, layers: Layers, found: Warp) -> None:
    """Draw the pixels at folds again, in place, as `draw` does: colours of both sides are mixed, not places."""
    if not len(found.folds):
        return
    step, size = found.grid.step, len(picture)
    seen = _looked_up(layers.person, *found.fold_places)
    if layers.cut_out:
        seen[..., :3] *= seen[..., 3:] / 255
    person = seen.reshape(-1, step, _FINER // step, step, _FINER // step, 4).mean((2, 4))
    y, x = np.minimum((found.folds.T * step)[..., None, None] + np.indices((step, step))[:, None], size - 1)
    colours, opaque = person[..., :3], person[..., 3:]
    if layers.plate is not None and layers.cut_out:
        alpha[y, x] = opaque[..., 0] + 0.5
        colours = np.where(opaque > 0, colours * (255 / np.maximum(opaque, 1)), layers.plate[y, x])
    elif layers.plate is not None:
        colours = colours + layers.plate[y, x] * (1 - opaque / 255)
    picture[y, x] = np.clip(colours + 0.5, 0, 255).astype(np.uint8)


def _looked_up(image: Image, x: Field, y: Field) -> Field:
    """(..., 4) colours of an image (S, S, 4) at places (...) px."""
    # In rows, as a single one may be too long to be looked up.
    padding = -x.size % _STRIP
    rows_x, rows_y = (np.pad(v.ravel(), (0, padding)).reshape(-1, _STRIP).astype(np.float32) for v in (x, y))
    return np.asarray(
        cv2.remap(image, rows_x, rows_y, cv2.INTER_LINEAR).reshape(-1, 4)[: x.size].reshape(*x.shape, 4), np.float32
    )


def enlarged(plane: Field, step: int, rows: slice) -> Field:
    """Rows of pixels of a plane whose cells are `step` px wide, one value a pixel."""
    if step == 1:
        return plane[rows]
    low, high = max(rows.start // step - 1, 0), min(-(-rows.stop // step) + 1, len(plane))
    larger = cv2.resize(plane[low:high], (plane.shape[1] * step, (high - low) * step))
    return np.asarray(larger[rows.start - low * step : rows.stop - low * step])


def taken_from(found: Warp, rows: slice, columns: slice) -> tuple[Field, Field]:
    """x and y (h, w) px of the source that the pixels of a part of the picture are taken from."""
    step = found.grid.step
    cells = tuple(slice(part.start // step, -(-part.stop // step)) for part in (rows, columns))
    x, y = places(found.field[:, cells[0], cells[1]], found.grid.part(*cells))
    if step > 1:
        x, y = (cv2.resize(plane, None, fx=step, fy=step) for plane in (x, y))
    top, left = (part.start - cell.start * step for part, cell in zip((rows, columns), cells, strict=True))
    inside = (slice(top, top + rows.stop - rows.start), slice(left, left + columns.stop - columns.start))
    return np.asarray(x[inside], np.float32), np.asarray(y[inside], np.float32)
