"""Colours of parts of a face."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.topology import LIPS_LOWER, LIPS_UPPER, SKIN_COUNT
from openportrait.records import Floats, Image

LUMA = np.array([0.299, 0.587, 0.114])
_WHITE, _TOOTH_TINT = 226.0, 0.3
_CHEEKS = np.array([[50, 205, 187, 147, 123, 117, 101, 36], [280, 425, 411, 376, 352, 346, 330, 266]])


def sampled(image: Image, points: Floats, reach: float) -> Floats:
    """(N, 3) mean colour of nine pixels, `reach` px apart, around each of (N, 2 or 3) px."""
    distance = max(1, round(reach))
    offsets = np.stack(np.meshgrid([-distance, 0, distance], [-distance, 0, distance]), 2).reshape(-1, 2)
    around = np.round(points[:, None, :2]).astype(int) + offsets
    x, y = (np.clip(around[..., i], 0, image.shape[1 - i] - 1) for i in (0, 1))
    return np.asarray(image[y, x].mean(1))


def skin_colour(image: Image, face: Floats) -> Floats:
    """(3,) median colour of the lighter cheek, which the light of the scene reaches."""
    reach = 0.01 * float(np.ptp(face[:SKIN_COUNT, 0]))
    return np.asarray(np.max([np.median(sampled(image, face[cheek], reach), 0) for cheek in _CHEEKS], 0))


def lip_colour(image: Image, face: Floats) -> Floats:
    """(3,) median colour of the lips."""
    middles = [(face[ring[1][1:-1]] + face[ring[2][1:-1]]) / 2 for ring in (LIPS_UPPER, LIPS_LOWER)]
    return np.asarray(np.median(sampled(image, np.vstack(middles), 1), 0))


def tooth_colour(skin: Floats) -> Floats:
    """(3,) teeth in the light that the `skin` (3,) stands in, with a hint of its colour."""
    brightness = max(float(skin @ LUMA), 1.0)
    return np.clip(min(1.25 * brightness, _WHITE) * (1 + _TOOTH_TINT * (skin / brightness - 1)), 0, 245)
