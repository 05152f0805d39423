"""Triangles to pixels: which triangle covers a cell of a grid, and what its corners' values are there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.records import Floats

Indices = NDArray[np.int32]
Field = NDArray[np.float32]

_SUBPIXEL_BITS = 4
_CELL = 1 << _SUBPIXEL_BITS
_LEAST_HEIGHT, _LEAST_AREA = 0.6, 0.05
"""px, px²: what is thinner covers pixels that lie beside it, where its values run away."""


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
        fill(covered, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
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
