"""Triangles to pixels: which triangle covers a pixel, and where each triangle's pixels come from.

A *displacement map* of a triangle is the affine function that leads from a pixel of the result to
the pixel it is taken from, minus the pixel itself. A triangle that did not move has exactly zero.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.records import Floats

Indices = NDArray[np.int32]
Field = NDArray[np.float32]

_SUBPIXEL_BITS = 4
_SMALLEST_AREA = 0.05


def displacement_maps(moved: Floats, rest: Floats) -> Field:
    """(T, 6) affine coefficients of the displacement, for corners `moved` and `rest`, both (T, 3, 2) px.

    The displacement at (x, y) is (m0·x + m1·y + m2, m3·x + m4·y + m5). A triangle seen edge-on takes
    the mean displacement of its corners.
    """
    edge_1, edge_2 = moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]
    area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    thin = np.abs(area) < _SMALLEST_AREA
    area = np.where(thin, 1.0, area)[:, None]
    dual_1 = np.stack([edge_2[:, 1], -edge_2[:, 0]], 1) / area
    dual_2 = np.stack([-edge_1[:, 1], edge_1[:, 0]], 1) / area
    shift = rest - moved
    slope = (shift[:, 1] - shift[:, 0])[:, :, None] * dual_1[:, None] + (shift[:, 2] - shift[:, 0])[
        :, :, None
    ] * dual_2[:, None]
    slope[thin] = 0.0
    offset = shift[:, 0] - np.einsum("tij,tj->ti", slope, moved[:, 0])
    offset[thin] = shift[thin].mean(1)
    return np.concatenate([slope, offset[:, :, None]], 2).reshape(-1, 6).astype(np.float32)


def cover(points: Floats, triangles: Indices, shape: tuple[int, int], step: int, origin: tuple[int, int]) -> Indices:
    """(h, w) number of the nearest triangle over each cell, −1 where there is none.

    `points` (V, 3) px with depth. A cell is `step` px wide; the first begins at the pixel `origin` (x, y).
    """
    covered = np.full(shape, -1, np.int32)
    cells = (points[:, :2] - origin + 0.5) / step - 0.5
    corners = np.round(cells * (1 << _SUBPIXEL_BITS)).astype(np.int32)[triangles]
    far_to_near = np.argsort(-points[:, 2][triangles].sum(1))
    fill = cv2.fillConvexPoly
    for number, corner in zip(far_to_near.tolist(), corners[far_to_near], strict=True):
        fill(covered, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
    return covered


def evaluate(maps: Field, covered: Indices, step: int, origin: tuple[int, int]) -> Field:
    """(2, h, w) displacement of the cells of `cover` in x and y, px; 0 where no triangle is."""
    tables = np.vstack([maps, np.zeros((1, 6), np.float32)]).T.copy()
    flat = covered.ravel()
    x, y = _cell_centres(covered.shape, step, origin)
    field = np.empty((2, *covered.shape), np.float32)
    for axis in (0, 1):
        by_x, by_y, constant = (table.take(flat).reshape(covered.shape) for table in tables[3 * axis : 3 * axis + 3])
        np.multiply(by_x, x, out=field[axis])
        by_y *= y
        field[axis] += by_y
        field[axis] += constant
    return field


def places(field: Field, step: int, origin: tuple[int, int] = (0, 0)) -> Field:
    """(2, h, w) px where the cells of a displacement field are taken from."""
    x, y = _cell_centres(field.shape[1:], step, origin)
    return np.stack([field[0] + x, field[1] + y])


def _cell_centres(shape: tuple[int, ...], step: int, origin: tuple[int, int]) -> tuple[Field, Field]:
    """x (1, w) and y (h, 1) px."""
    half = (step - 1) / 2
    x = np.arange(shape[1], dtype=np.float32) * step + np.float32(origin[0] + half)
    y = np.arange(shape[0], dtype=np.float32) * step + np.float32(origin[1] + half)
    return x[None, :], y[:, None]
