"""Pictures made to fit, those too large to be held twice in bands of rows."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.records import Image


def fitted(width: int, height: int, max_size: int) -> tuple[int, int]:
    """(width, height) reduced in proportion so that the longer side is at most `max_size`; 0 keeps it."""
    longer = max(width, height)
    if not max_size or longer <= max_size:
        return width, height
    return max(1, round(width * max_size / longer)), max(1, round(height * max_size / longer))


class Bands:
    """A large picture whose rows come in bands: put together, or smaller by the mean of what a pixel covers."""

    def __init__(self, full: tuple[int, int], size: tuple[int, int]) -> None:
        """From `full` (width, height) to `size`, which is at most that."""
        self._size = size
        self._whole = full == size
        self._step = full[1] / size[1]
        self._top = 0
        self._made: NDArray[Any] | None = None

    def add(self, band: Image) -> None:
        """The next rows, (rows, W[, 3])."""
        width, height = self._size
        if self._made is None:
            self._made = np.zeros((height, width, *band.shape[2:]), np.uint8 if self._whole else np.float32)
        top, bottom = self._top, self._top + len(band)
        if self._whole:
            self._made[top:bottom] = band
        else:
            narrow = cv2.resize(band.astype(np.float32), (width, len(band)), interpolation=cv2.INTER_AREA)
            first, last = int(top / self._step), min(math.ceil(bottom / self._step), height)
            starts, rows = np.arange(first, last)[:, None] * self._step, np.arange(top, bottom)
            covered = np.minimum(rows + 1, starts + self._step) - np.maximum(rows, starts)
            shares = (np.maximum(covered, 0) / self._step).astype(np.float32)
            self._made[first:last] += np.tensordot(shares, narrow, 1)
        self._top = bottom

    def finished(self) -> Image:
        """(H, W[, 3]), after the last band."""
        assert self._made is not None, "there is no picture without rows"
        made: Image = self._made if self._whole else np.rint(self._made, out=self._made).astype(np.uint8)
        return made
