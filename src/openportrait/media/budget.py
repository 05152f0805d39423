"""How much one input may make the reader decode: checked before, by what the header says, and while reading."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

from openportrait.errors import MediaError

Item = TypeVar("Item")

ANIMATION_COST = 20
"""Animated pictures take about so many times as long to decode as a video of as many pixels."""
_LEAST_PIXELS = 300_000
"""A frame counts as at least so many: finding its face takes as long."""


class Budget:
    """The frames that may be decoded of one input."""

    def __init__(self, path: Path, size: tuple[int, int], gigapixels: float, cost: int = 1) -> None:
        """`size` (width, height) of a frame in the file; each counts `cost`-fold."""
        self._path = path
        self._size = size
        self._gigapixels = gigapixels
        self._cost = cost
        self._frame = max(size[0] * size[1], _LEAST_PIXELS) * cost
        self.most_frames = max(1, int(gigapixels * 1e9 / self._frame))

    def check(self, frames: int | None) -> None:
        """Raise MediaError where the header promises more `frames` than may be decoded."""
        if frames is not None and frames > self.most_frames:
            raise self._exceeded()

    def over(self, items: Iterator[Item]) -> Generator[Item, None, None]:
        """The same items, one a frame. Raises MediaError at the first that is too many."""
        for count, item in enumerate(items):
            if count == self.most_frames:
                raise self._exceeded()
            yield item

    def _exceeded(self) -> MediaError:
        width, height = self._size
        counted = f", each counted {self._cost}-fold as an animated picture," if self._cost > 1 else ""
        return MediaError(
            f"{self._path}: more than {self.most_frames:,} frames of {width} × {height}{counted} exceed the limit of "
            f"{self._gigapixels:g} gigapixels; shorten or reduce it, or raise --max-gigapixels"
        )
