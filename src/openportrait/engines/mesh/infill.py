"""Unknown pixels made up from known ones around them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Layer = NDArray[np.float32]
Mask = NDArray[np.bool_]

_ENOUGH = 0.25


def filled(image: Layer, known: Mask) -> Layer:
    """(h, w, 3) with what is not `known` (h, w) taken from ever larger surroundings (push and pull).

    Known pixels stay as they are. Where nothing is known the picture is returned unchanged.
    """
    if known.all() or not known.any():
        return image
    weight = known.astype(np.float32)
    pulled = _pulled(np.dstack([image * weight[..., None], weight]))
    return np.where(known[..., None], image, pulled[..., :3]).astype(np.float32)


def _pulled(weighted: Layer) -> Layer:
    """(h, w, 4) colours and weight 1 everywhere, from colours times weight and weight."""
    height, width = weighted.shape[:2]
    weight = weighted[..., 3:]
    own = weighted / np.maximum(weight, 1e-6)
    if min(height, width) <= 2:
        total = weighted.sum((0, 1))
        return np.broadcast_to(total / max(total[3], 1e-6), weighted.shape).astype(np.float32)
    half = cv2.resize(weighted, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(_pulled(half.astype(np.float32)), (width, height), interpolation=cv2.INTER_CUBIC)
    trust = np.clip(weight / _ENOUGH, 0, 1)
    return np.asarray(own * trust + coarse * (1 - trust), np.float32)
