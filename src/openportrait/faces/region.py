"""A turned square of a picture, and the small upright patch that a network sees of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from openportrait.records import Floats, Image


@dataclass(frozen=True)
class Region:
    """A square of the picture, turned about its centre."""

    x: float
    """Centre, px."""
    y: float
    side: float
    """px"""
    angle_radians: float = 0.0
    """Clockwise as seen; the patch's x axis points this way in the picture."""

    def image_from_patch(self, size: int) -> Floats:
        """(3, 3): px of a patch of `size` px to px of the picture."""
        step = self.side / size
        cos, sin = step * math.cos(self.angle_radians), step * math.sin(self.angle_radians)
        middle = (size - 1) / 2
        return np.array(
            [
                [cos, -sin, self.x - (cos - sin) * middle],
                [sin, cos, self.y - (sin + cos) * middle],
                [0.0, 0.0, 1.0],
            ]
        )

    def sample(self, image: Image, size: int) -> Image:
        """(size, size, 3): the patch, with the picture's edge repeated outside.

        Where the picture is more than twice as fine as the patch it is first reduced by area, since
        a bilinear look-up alone would alias, and landmarks would tremble with it.
        """
        matrix = self.image_from_patch(size)
        factor = int(self.side // size)
        if factor >= 2:
            image, matrix = _reduced_part(image, self, factor, matrix)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(
            np.uint8, copy=False
        )


def scaled(region: Region, factor: float) -> Region:
    """The region with its side multiplied."""
    return replace(region, side=region.side * factor)


def _reduced_part(image: Image, region: Region, factor: int, matrix: Floats) -> tuple[Image, Floats]:
    """The part of the picture around the region, reduced by `factor`, and the matrix into it."""
    reach = region.side * 0.7072 + factor
    height, width = image.shape[:2]
    left, top = (max(0, math.floor(centre - reach)) for centre in (region.x, region.y))
    right, bottom = min(width, math.ceil(region.x + reach)), min(height, math.ceil(region.y + reach))
    if right - left < factor or bottom - top < factor:
        return image, matrix
    columns, rows = (right - left) // factor, (bottom - top) // factor
    part = image[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    shrink = np.array(
        [
            [1 / factor, 0, (0.5 - left) / factor - 0.5],
            [0, 1 / factor, (0.5 - top) / factor - 0.5],
            [0, 0, 1],
        ]
    )
    return small.astype(np.uint8, copy=False), shrink @ matrix
