"""Scaling a picture."""

from __future__ import annotations

import cv2
import numpy as np

from openportrait.records import Image


def resized(image: Image, width: int, height: int) -> Image:
    """(height, width, 3): by area averaging where no side grows, by cubic interpolation where one does.

    The picture itself where it has that size. Averaged areas of an enlarged picture would be its pixels as blocks.
    """
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    grows = height > rows or width > columns
    interpolation = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=interpolation).astype(np.uint8, copy=False)
