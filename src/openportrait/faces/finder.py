"""Finds the faces of a picture, and follows one from picture to picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from openportrait.faces.detect import Detections, Detector, levels
from openportrait.faces.landmarks import REGION_SCALE, MeshNetwork, region_of
from openportrait.faces.runtime import Runtime
from openportrait.records import Face, Image

_SMALLEST_FACE = 32.0
_STILL_PASSES = 3
"""Looks at a still; each starts from the landmarks of the one before."""
_MARGIN = 0.5
"""Added around the picture for a face that fills it, as a share of it."""


class FaceFinder:
    """Detection and the 478-point mesh. Networks are loaded at the first picture.

    One finder serves one thread at a time.
    """

    def __init__(self, threshold: float = 0.5, *, runtime: Runtime = "auto") -> None:
        """`threshold`, 0..1: how sure detector and mesh must be that there is a face."""
        self.threshold = threshold
        self._runtime = runtime

    @cached_property
    def _detector(self) -> Detector:
        return Detector(self._runtime)

    @cached_property
    def _mesh(self) -> MeshNetwork:
        return MeshNetwork(self._runtime)

    def find(self, image: Image, *, smallest: float = _SMALLEST_FACE) -> list[Face]:
        """All faces of at least about `smallest` px, largest first; an empty list where there is none.

        Looks at the whole picture and finer and finer, until one level past the first face.
        """
        faces: list[Face] = []
        looks_left = 2
        for detections in self._views(image, smallest):
            self._add(faces, image, detections)
            looks_left -= bool(faces)
            if not looks_left:
                break
        return sorted(faces, key=lambda face: face.size, reverse=True)

    def follow(self, image: Image, face: Face) -> Face | None:
        """The same face in the next picture, from its landmarks in the last; None when it is lost."""
        found = self._mesh(image, region_of(face))
        return found if found.score >= self.threshold and _is_sound(found, image) else None

    def _views(self, image: Image, smallest: float) -> Iterator[Detections]:
        detector, threshold = self._detector, self.threshold
        yield detector.whole(image, threshold)
        yield detector.whole(image, threshold, margin=_MARGIN)
        for turns in (1, 2, 3):
            yield detector.whole(image, threshold, quarter_turns=turns)
        for level in levels(image, smallest):
            yield detector.tiles(image, threshold, level, smallest)

    def _add(self, faces: list[Face], image: Image, detections: Detections) -> None:
        """Append those detections that turn out to be faces not yet known."""
        for region in detections.regions(REGION_SCALE):
            if any(_inside(known, region.x, region.y) for known in faces):
                continue
            face: Face | None = self._mesh(image, region)
            for _ in range(_STILL_PASSES - 1):
                face = face and self.follow(image, face)
            if face and not any(_same(known, face) for known in faces):
                faces.append(face)


def _inside(face: Face, x: float, y: float) -> bool:
    left, top, right, bottom = face.box
    return left <= x <= right and top <= y <= bottom


def _same(known: Face, face: Face) -> bool:
    left, top, right, bottom = face.box
    return _inside(known, (left + right) / 2, (top + bottom) / 2)


def _is_sound(face: Face, image: Image) -> bool:
    """Whether most of the face lies in the picture and is not a speck."""
    height, width = image.shape[:2]
    left, top, right, bottom = face.box
    seen = max(0.0, min(right, width) - max(left, 0)) * max(0.0, min(bottom, height) - max(top, 0))
    return face.size > 8 and seen > 0.25 * (right - left) * (bottom - top)
