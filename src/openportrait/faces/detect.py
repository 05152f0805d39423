"""BlazeFace, short range, over the whole picture and over ever finer tiles of it.

The network sees 128 × 128 px and finds faces from about a sixth of that. Smaller faces are found by
enlarging: the picture is laid out in tiles of 128 px at finer and finer scales. What a network sees is a `Region`: a
turned square of a picture, as a small upright patch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from openportrait.faces.runtime import Runtime, load_network
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


# Finding faces


_SIZE = 128
"""Side of the detector's input, px."""
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
_FLAT = 3.0
"""A tile that varies less (standard deviation, of 255) is sky or wall, and needs no look."""
_FAINT = 0.05
"""Least score of a face in a closer look: what was found before guides it."""
_OFF_CENTRE = 0.75
"""The face meant is at most this far from the middle of a closer look, in sides of the region."""
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
"""(896, 2) places that the detector's outputs are relative to, in sides of its input."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A possible face."""

    score: float
    """0..1"""
    side: float
    """px of the face's square."""
    points: Floats
    """(7, 2) px: centre of the square, eye on the picture's left, right eye, nose, mouth, both ears."""

    @property
    def region(self) -> Region:
        """The face's square, turned by its eye line."""
        x, y = self.points[0]
        across = self.points[2] - self.points[1]
        return Region(float(x), float(y), self.side, float(np.arctan2(across[1], across[0])))


_Raw = tuple[Floats, Floats, Floats]
"""Scores (N,), sides (N,) and points (N, 7, 2) of all that the network saw."""
_NOTHING: _Raw = (np.zeros(0), np.zeros(0), np.zeros((0, 7, 2)))


class Detector:
    """Finds the squares of possible faces."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        """Loads the network."""
        self._network = load_network("face_detector.tflite", ("regressors", "classificators"), runtime)

    def look(self, image: Image, threshold: float, scale: float, quarter_turns: int = 0) -> list[Detection]:
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
        found = [_NOTHING]
        for tile, left, top in _tiles(np.rot90(small, quarter_turns)):
            if cv2.meanStdDev(tile)[1].max() < _FLAT:
                continue
            turned_from_tile = np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]])
            found.append(self._look(tile, image_from_turned @ turned_from_tile, threshold))
        return suppress(found)

    def straighten(self, image: Image, region: Region) -> Detection | None:
        """The face in a region, whichever way up it is.

        A face on its head is often taken for another one the right way up, by this network and by the
        mesh alike; the closer look tells them apart (0.9 and more when right, about 0.6 when not).
        """
        seen = [self.look_closer(image, region)]
        if seen[0] is None or seen[0].score < _UPRIGHT:
            turned = (replace(region, angle_radians=region.angle_radians + t) for t in (np.pi, np.pi / 2, -np.pi / 2))
            seen += [self.look_closer(image, other) for other in turned]
        return max((one for one in seen if one is not None), key=lambda one: one.score, default=None)

    def look_closer(self, image: Image, region: Region) -> Detection | None:
        """The face in the middle of a region, seen along the region's axes with room around it."""
        wider = scaled(region, _CLOSER_LOOK)
        seen = suppress([self._look(wider.sample(image, _SIZE), wider.image_from_patch(_SIZE), _FAINT)])
        middle = np.array([region.x, region.y])
        central = [one for one in seen if np.linalg.norm(one.points[0] - middle) < _OFF_CENTRE * region.side]
        return central[0] if central else None

    def _look(self, patch: Image, matrix: Floats, threshold: float) -> _Raw:
        """What the network sees in one (128, 128, 3) patch, in px of the picture."""
        out = self._network(patch[None].astype(np.float32) / 127.5 - 1.0)
        scores = 1 / (1 + np.exp(-np.clip(out["classificators"].reshape(-1).astype(np.float64), -50, 50)))
        best = np.flatnonzero(scores >= threshold)
        values = out["regressors"].reshape(-1, 16)[best].astype(np.float64) / _SIZE
        points = np.concatenate([values[:, None, :2], values[:, 4:].reshape(-1, 6, 2)], 1) + _ANCHORS[best, None]
        points = (points * _SIZE - 0.5) @ matrix[:2, :2].T + matrix[:2, 2]
        sides = values[:, 2:4].max(1, initial=0) * _SIZE * np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
        return scores[best], sides, points


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


def suppress(parts: list[_Raw]) -> list[Detection]:
    """One detection a face, best first: the score-weighted mean of those that overlap the best one."""
    scores, sides, points = (np.concatenate(values) for values in zip(*parts, strict=True))
    left = np.argsort(-scores, kind="stable")
    kept = []
    while left.size:
        best = left[0]
        is_same = _overlaps(points[best, 0], sides[best], points[left, 0], sides[left]) > _OVERLAP
        same, left = left[is_same], left[~is_same]
        weights = scores[same] / scores[same].sum()
        kept.append(
            Detection(float(scores[best]), float(weights @ sides[same]), np.tensordot(weights, points[same], 1))
        )
    return kept


def _overlaps(centre: Floats, side: float, centres: Floats, sides: Floats) -> Floats:
    """Intersection over union of one square with others."""
    low = np.maximum(centre - side / 2, centres - sides[:, None] / 2)
    high = np.minimum(centre + side / 2, centres + sides[:, None] / 2)
    shared = np.prod(np.maximum(high - low, 0), 1)
    return np.asarray(shared / (side**2 + sides**2 - shared))
