"""What an open mouth shows, as rigid parts in the head's own units.

Teeth neither grow nor bend: the upper ones sit on the skull, the lower ones and the tongue on the jaw. Each part is
a small picture with a place in it that is hung somewhere on a face, and its size in cm of the head, so that it can
be shown in any other face at its true size. Makers of parts: `borrowed` (a driver's), `teeth` (the source's own),
`drawn` (made up).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.curves import SUBPIXEL_BITS, subpixels
from openportrait.engines.mesh.infill import Layer
from openportrait.engines.mesh.motion import Similarity
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER
from openportrait.records import Floats

_MIDDLE = slice(3, 8)
"""Columns of the inner lips that stand for their middle: several, as one landmark alone trembles."""


@dataclass(frozen=True, eq=False)
class Part:
    """One rigid part of a mouth's inside."""

    layer: Layer
    """(h, w, 4) colour times share, and the share 0..1."""
    anchor: Floats
    """(2,) px of the layer that is hung up."""
    cm: Floats
    """(2, 2) px of the layer to the right and down for a cm of the head to the right (row 0) and down (row 1)."""

    def shown(self, cm: Floats, at: Floats, shape: tuple[int, int]) -> Layer:
        """(h, w, 4) of a picture in which its anchor lies `at` (2,) px and a cm is `cm` (2, 2) px."""
        onto = np.linalg.inv(cm) @ self.cm
        matrix = np.column_stack([onto.T, self.anchor - at @ onto])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self.layer, matrix, shape[::-1], flags=flags), np.float32)


def flat_cm(head: Similarity) -> Floats:
    """(2, 2) px of the picture for a cm of the head, as in `Part.cm`, in the plane of the mouth."""
    return np.asarray(head.scale * head.rotation[:2, :2])


def lip_middles(points: Floats) -> tuple[Floats, Floats]:
    """(2,) middle of the upper and of the lower inner lip of (478, 2 or 3) points."""
    return points[INNER_UPPER[_MIDDLE], :2].mean(0), points[INNER_LOWER[_MIDDLE], :2].mean(0)


def over(under: Layer, layer: Layer, share: float = 1.0) -> Layer:
    """(h, w, 3) colours with a (h, w, 4) layer on top."""
    return np.asarray(under * (1 - np.float32(share) * layer[..., 3:]) + np.float32(share) * layer[..., :3])


def area(outline: Floats, shape: tuple[int, int]) -> Layer:
    """(h, w) 1 within a closed line of (N, 2) px, 0 outside, with a smooth edge."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [subpixels(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask.astype(np.float32) * np.float32(1 / 255)
