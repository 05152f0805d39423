"""BlazeFace, short range, over the whole picture and over ever finer tiles of it.

The network sees 128 × 128 px and finds faces from about a sixth of that. Smaller faces are found by
enlarging: the picture is laid out in tiles of 128 px at finer and finer scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from openportrait.faces.region import Region, scaled
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Floats, Image

_SIZE = 128
_STRIDE = 80
"""Between tiles: any face up to 48 px lies whole in one tile, larger ones at a coarser scale."""
_SMALLEST_SEEN = 20.0
"""Side in network px of a face that is still found reliably."""
_LARGEST_STEP = 2.3
"""Between scales: from the smallest face seen to the largest that lies whole in a tile, with some overlap."""
_CLOSER_LOOK = 2.0
"""Side of the second look at a face over the face's own."""
_UPRIGHT = 0.85
"""A face seen upright scores at least this, so that its other directions need no look."""
_FAINT = 0.05
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

    def regions(self, region_scale: float) -> list[Region]:
        """Squares of `region_scale` times the face, turned by its eye line."""
        eyes = self.points[:, 2] - self.points[:, 1]
        angles = np.arctan2(eyes[:, 1], eyes[:, 0])
        return [
            Region(float(x), float(y), float(side) * region_scale, float(angle))
            for (x, y), side, angle in zip(self.points[:, 0], self.sides, angles, strict=True)
        ]


class Detector:
    """Finds the squares of possible faces."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        """Loads the network."""
        self._network = load_network("face_detector.tflite", ("regressors", "classificators"), runtime)

    def look(self, image: Image, threshold: float, scale: float, quarter_turns: int = 0) -> Detections:
        """Faces in the picture resized by `scale`, at least `threshold` sure, seen in overlapping tiles.

        `quarter_turns` turns what the network sees, to find faces that lie or hang.
        """
        height, width = image.shape[:2]
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, (columns, rows), interpolation=interpolation)
        image_from_small = np.diag([width / columns, height / rows, 1.0])
        image_from_small[:2, 2] = np.array([width / columns, height / rows]) / 2 - 0.5
        image_from_turned = image_from_small @ _unturned(quarter_turns, columns, rows)
        found = []
        for tile, left, top in _tiles(np.rot90(small, quarter_turns)):
            turned_from_tile = np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]])
            found.append(self._look(tile, image_from_turned @ turned_from_tile, threshold))
        return suppress(found)

    def straighten(self, image: Image, region: Region) -> tuple[float, Region]:
        """How sure the network is of the face in a region, and the region turned so that the face is upright.

        A face on its head is often taken for another one the right way up, by this network and by the
        mesh alike; the closer look tells them apart (0.9 and more when right, about 0.6 when not).
        """
        looks = [self._closer_look(image, region)]
        if looks[0][0] < _UPRIGHT:
            looks += [
                self._closer_look(image, replace(region, angle_radians=region.angle_radians + turn))
                for turn in (np.pi, np.pi / 2, -np.pi / 2)
            ]
        return max(looks, key=lambda look: look[0])

    def _closer_look(self, image: Image, region: Region) -> tuple[float, Region]:
        wider = scaled(region, _CLOSER_LOOK)
        seen = suppress([self._look(wider.sample(image, _SIZE), wider.image_from_patch(_SIZE), _FAINT)])
        if not len(seen.scores):
            return 0.0, region
        return float(seen.scores[0]), seen.regions(region_scale=1.0)[0]

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


def scales(image: Image, smallest: float) -> list[float]:
    """Scales at which to look, coarse to fine, for faces of at least `smallest` px.

    The first shows the whole picture in one tile; the last enlarges the smallest face enough.
    """
    whole = _SIZE / max(image.shape[:2])
    ratio = max(1.0, _SMALLEST_SEEN / smallest / whole)
    steps = math.ceil(math.log(ratio) / math.log(_LARGEST_STEP))
    return [whole * ratio ** (i / max(1, steps)) for i in range(steps + 1)]


def _unturned(quarter_turns: int, columns: int, rows: int) -> Floats:
    """(3, 3): px of `np.rot90(picture, quarter_turns)` to px of the picture of `columns` × `rows`."""
    matrices = (
        ((1, 0, 0), (0, 1, 0)),
        ((0, -1, columns - 1), (1, 0, 0)),
        ((-1, 0, columns - 1), (0, -1, rows - 1)),
        ((0, 1, 0), (-1, 0, rows - 1)),
    )
    return np.array([*matrices[quarter_turns % 4], (0, 0, 1)], np.float64)


def _tiles(picture: Image) -> Iterator[tuple[Image, int, int]]:
    """Overlapping tiles of 128 × 128 px, their left and their top; edges repeat where it is smaller."""
    height, width = picture.shape[:2]
    above, before = max(0, _SIZE - height) // 2, max(0, _SIZE - width) // 2
    below, after = max(0, _SIZE - height - above), max(0, _SIZE - width - before)
    padded = cv2.copyMakeBorder(picture, above, below, before, after, cv2.BORDER_REPLICATE)
    for top in _starts(padded.shape[0]):
        for left in _starts(padded.shape[1]):
            yield padded[top : top + _SIZE, left : left + _SIZE].astype(np.uint8), left - before, top - above


def _starts(length: int) -> list[int]:
    """Where the tiles along one side start; the last one ends at the edge."""
    last = length - _SIZE
    count = 1 + math.ceil(last / _STRIDE)
    return [round(last * i / max(1, count - 1)) for i in range(count)]


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
