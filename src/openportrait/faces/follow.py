"""Keeps hold of the chosen faces from frame to frame, and finds them again after a loss or a cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.faces.choose import Size, check_choice, names_of, pick, size_of
from openportrait.faces.detect import Region
from openportrait.faces.finder import FaceFinder, region_of, steadied
from openportrait.records import Face, Image

_CHECK_EVERY = 5
"""Frames from one look of the detector at a followed face to the next."""
_QUICK_MOVE = 0.06
"""A face that moved by this share of its size since the last frame is looked at twice, and by the detector."""
_PATIENCE_SECONDS = 0.5
"""After this a face elsewhere in the same shot may take the place of a lost one."""
_THOROUGH_SECONDS = 1.0
"""From one thorough look for a first face to the next."""
_GROWTH = 1.5
"""A lost face is expected within its last box grown by this."""


class CutDetector:
    """Tells where a clip jumps to another shot, from thumbnails of its frames."""

    def __init__(self) -> None:
        """Starts before the first frame."""
        self._last: NDArray[np.float32] | None = None
        self._usual = 0.0

    def __call__(self, image: Image) -> bool:
        """Whether this frame starts another shot than the one before.

        It does where the mean change of the 32 × 32 thumbnail is large, and large beside that of the
        frames before: 4 of 255 and less in a lively shot, 20 and more from one to the next.
        """
        stride = max(1, min(image.shape[:2]) // 128)
        thumbnail = cv2.resize(image[::stride, ::stride], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
        change = 0.0 if self._last is None else float(np.abs(thumbnail - self._last).mean())
        self._last = thumbnail
        is_cut = change > max(16.0, 4 * self._usual)
        if not is_cut:
            self._usual += 0.2 * (change - self._usual)
        return is_cut


@dataclass
class _Target:
    """A chosen face, as it was seen last."""

    face: Face
    region: Region
    """Where it is expected in the next frame."""
    lost_since: float | None = None
    """Time of the first frame without it, s; None while it is seen."""

    def saw(self, face: Face | None, seconds: float) -> None:
        if face is None:
            self.lost_since = seconds if self.lost_since is None else self.lost_since
            return
        region = region_of(face)
        self.region = steadied(self.region, region) if self.lost_since is None else region
        self.face, self.lost_since = face, None


class Follower:
    """The chosen faces of a stream, one frame after the other."""

    def __init__(self, finder: FaceFinder, choice: str, option: str) -> None:
        """`choice` as in `choose`, made at the first frame that allows it; `option`: its flag. Raises OptionError."""
        check_choice(choice, option)
        self._finder = finder
        self._choice = choice
        self._cut = CutDetector()
        self._targets: list[_Target] = []
        self._frame = -1
        self._thorough_from = -math.inf
        self.seen: list[Face] = []
        """The most faces found in one frame before the choice could be made."""
        self.picture: Size = (0, 0)
        """Of that frame."""
        self.names: list[frozenset[str]] = []
        """Of each chosen face, which of several choices mean it."""

    def step(self, image: Image, seconds: float) -> tuple[list[Face | None], bool]:
        """The chosen faces in the frame of the moment `seconds` (none before the choice is made), and whether a
        shot starts.
        """
        self._frame += 1
        is_cut = self._cut(image)
        found: list[Face | None]
        if not self._targets:
            found = [*self._first(image, seconds)]
            return found, is_cut
        if is_cut:
            for target in self._targets:
                target.lost_since = -math.inf
        found = [self._follow(image, target) if target.lost_since is None else None for target in self._targets]
        for i, face in enumerate(found):
            if face is not None and any(other is not None and overlap(face, other) > 0.6 for other in found[:i]):
                found[i] = None
        if None in found:
            self._find_again(image, seconds, found)
        for target, face in zip(self._targets, found, strict=True):
            target.saw(face, seconds)
        return found, is_cut

    def _first(self, image: Image, seconds: float) -> list[Face]:
        if seconds >= self._thorough_from:
            self._thorough_from = seconds + _THOROUGH_SECONDS
            faces = self._finder.find(image)
        else:
            faces = self._finder.find(image, smallest=max(image.shape[:2]) / 12, lying=False)
        if len(faces) > len(self.seen):
            self.seen, self.picture = faces, size_of(image)
        chosen = self._pick(image, faces)
        self._targets = [_Target(face, region_of(face)) for face in chosen]
        self.names = [names_of(face, faces, self._choice, size_of(image)) for face in chosen]
        return chosen

    def _pick(self, image: Image, faces: list[Face]) -> list[Face]:
        return pick(faces, self._choice, size_of(image))

    def _follow(self, image: Image, target: _Target) -> Face | None:
        found = self._finder.follow(image, target.face, target.region)
        if found is None:
            return None
        moved = _shift(target.face, found) > _QUICK_MOVE * found.size
        if moved or self._frame % _CHECK_EVERY == 0:
            found = self._finder.confirm(image, found)
        return self._finder.follow(image, found) if found is not None and moved else found

    def _find_again(self, image: Image, seconds: float, found: list[Face | None]) -> None:
        """Fill in those lost faces that can be found: near where they were, later anywhere."""
        missing = [i for i, face in enumerate(found) if face is None]
        smallest = min(self._targets[i].face.size for i in missing) / 2
        faces = [
            face
            for face in self._finder.find(image, smallest=smallest, lying=False)
            if not any(other is not None and overlap(face, other) > 0.3 for other in found)
        ]
        for i in missing:
            target = self._targets[i]
            near = [face for face in faces if is_near(target.face, face)]
            if near:
                found[i] = max(near, key=partial(overlap, target.face, growth=_GROWTH))
            elif target.lost_since is not None and seconds - target.lost_since >= _PATIENCE_SECONDS:
                anywhere = self._pick(image, faces) if len(found) == 1 else faces
                found[i] = anywhere[0] if anywhere else None
            faces = [face for face in faces if face is not found[i]]


def overlap(one: Face, other: Face, growth: float = 1.0) -> float:
    """Intersection over union of two faces' boxes, each grown about its middle."""
    boxes = np.array([one.box, other.box]).reshape(2, 2, 2)
    middles, halves = boxes.mean(1), (boxes[:, 1] - boxes[:, 0]) / 2 * growth
    low, high = (middles - halves).max(0), (middles + halves).min(0)
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = np.prod(2 * halves, 1)
    return shared / max(float(areas.sum()) - shared, 1e-9)


def is_near(last: Face, face: Face) -> bool:
    """Whether one may be the other a moment later."""
    return overlap(last, face, _GROWTH) > 0.1 and 0.5 < face.size / last.size < 2


def _shift(one: Face, other: Face) -> float:
    return float(np.linalg.norm(one.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)))
