"""BlazeFace, short range, over the whole picture and over ever finer tiles of it.

The network sees 128 × 128 px and finds faces from about a sixth of that. Smaller faces are found by
enlarging: the picture is laid out in tiles of 128 px at doubled scales.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.faces.region import Region
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Floats, Image

_SIZE = 128
_STRIDE = 80
"""Between tiles: any face up to 48 px of a level lies whole in one tile, larger ones a level above."""
_SMALLEST_SEEN = 20.0
"""Side in network px of a face that is still found reliably."""
_OVERLAP = 0.3
"""Boxes that share this much of their union are the same face."""


def _make_anchors() -> Floats:
    """(896, 2) centres: two a cell of a 16 × 16 grid, then six a cell of 8 × 8, in 0..1."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) / cells
        grids.append(np.repeat(centres, each, 0))
    return np.concatenate(grids)


_ANCHORS = _make_anchors()


@dataclass(frozen=True, eq=False)
class Detections:
    """N possible faces of one picture, best first."""

    scores: Floats
    """(N,) 0..1."""
    sides: Floats
    """(N,) px of the face's square."""
    points: Floats
    """(N, 7, 2) px: centre of the square, eye on the picture's left, right eye, nose, mouth, both ears."""

    def regions(self, scale: float) -> list[Region]:
        """Squares of `scale` times the face, turned by its eye line."""
        eyes = self.points[:, 2] - self.points[:, 1]
        angles = np.arctan2(eyes[:, 1], eyes[:, 0])
        return [
            Region(float(x), float(y), float(side) * scale, float(angle))
            for (x, y), side, angle in zip(self.points[:, 0], self.sides, angles, strict=True)
        ]


class Detector:
    """Finds the squares of possible faces."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        """Loads the network."""
        self._network = load_network("face_detector.tflite", ("regressors", "classificators"), runtime)

    def whole(self, image: Image, threshold: float, *, margin: float = 0.0, quarter_turns: int = 0) -> Detections:
        """Faces in the picture seen as one square; `margin` adds that share of it all around.

        `quarter_turns` turns what the network sees clockwise, to find faces that lie or hang.
        """
        height, width = image.shape[:2]
        side = max(height, width) * (1 + 2 * margin)
        region = Region((width - 1) / 2, (height - 1) / 2, side, -quarter_turns * np.pi / 2)
        patch = region.sample(image, _SIZE)
        return suppress([self._look(patch, region.image_from_patch(_SIZE), threshold)])

    def tiles(self, image: Image, threshold: float, level: int, smallest: float) -> Detections:
        """Faces at 2^level times the scale of the whole view, but no finer than `smallest` px faces need."""
        height, width = image.shape[:2]
        scale = min(_SIZE * 2**level / max(height, width), finest_scale(smallest))
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (columns, rows), interpolation=interpolation)
        step = np.array([width / columns, height / rows])
        found = []
        for top in _starts(rows):
            for left in _starts(columns):
                tile = small[top : top + _SIZE, left : left + _SIZE]
                below, beside = _SIZE - tile.shape[0], _SIZE - tile.shape[1]
                if below or beside:
                    tile = cv2.copyMakeBorder(tile, 0, below, 0, beside, cv2.BORDER_REPLICATE)
                matrix = np.diag([step[0], step[1], 1.0])
                matrix[:2, 2] = (np.array([left, top]) + 0.5) * step - 0.5
                found.append(self._look(tile.astype(np.uint8, copy=False), matrix, threshold))
        return suppress(found)

    def _look(self, patch: Image, matrix: Floats, threshold: float) -> Detections:
        """What the network sees in one (128, 128, 3) patch, in px of the picture."""
        out = self._network(patch[None].astype(np.float32) / 127.5 - 1.0)
        scores = 1 / (1 + np.exp(-np.clip(out["classificators"].reshape(-1).astype(np.float64), -50, 50)))
        best = np.flatnonzero(scores >= threshold)
        values = out["regressors"].reshape(-1, 16)[best].astype(np.float64) / _SIZE
        points = np.concatenate([values[:, None, :2], values[:, 4:].reshape(-1, 6, 2)], 1) + _ANCHORS[best, None]
        points = (points * _SIZE - 0.5) @ matrix[:2, :2].T + matrix[:2, 2]
        sides = values[:, 2:4].max(1, initial=0) * _SIZE * np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
        return Detections(scores[best], sides, points)


def finest_scale(smallest: float) -> float:
    """Enlargement at which a face of `smallest` px is large enough for the network."""
    return _SMALLEST_SEEN / smallest


def levels(image: Image, smallest: float) -> range:
    """The tile levels worth a look, coarse to fine, when faces may be as small as `smallest` px."""
    count = 1
    while _SIZE * 2 ** (count - 1) / max(image.shape[:2]) < finest_scale(smallest):
        count += 1
    return range(1, count)


def _starts(length: int) -> Iterator[int]:
    """Where the tiles along one side start; the last one ends at the picture's edge."""
    count = max(1, -(-(length - _SIZE) // _STRIDE) + 1)
    last = max(0, length - _SIZE)
    return (round(last * i / max(1, count - 1)) for i in range(count))


def suppress(parts: list[Detections]) -> Detections:
    """One detection a face: the score-weighted mean of those that overlap the best one."""
    scores = np.concatenate([part.scores for part in parts])
    sides = np.concatenate([part.sides for part in parts])
    points = np.concatenate([part.points for part in parts])
    left = np.argsort(-scores, kind="stable")
    kept: list[tuple[float, float, Floats]] = []
    while left.size:
        best = left[0]
        same = left[_overlaps(points[best, 0], sides[best], points[left, 0], sides[left]) > _OVERLAP]
        weights = scores[same] / scores[same].sum()
        kept.append((scores[best], float(weights @ sides[same]), np.tensordot(weights, points[same], 1)))
        left = np.setdiff1d(left, same, assume_unique=True)
        left = left[np.argsort(-scores[left], kind="stable")]
    return Detections(
        np.array([item[0] for item in kept]),
        np.array([item[1] for item in kept]),
        np.array([item[2] for item in kept]).reshape(-1, 7, 2),
    )


def _overlaps(centre: Floats, side: float, centres: Floats, sides: Floats) -> Floats:
    """Intersection over union of one square with others."""
    low = np.maximum(centre - side / 2, centres - sides[:, None] / 2)
    high = np.minimum(centre + side / 2, centres + sides[:, None] / 2)
    shared = np.prod(np.maximum(high - low, 0), 1)
    return np.asarray(shared / (side**2 + sides**2 - shared))
