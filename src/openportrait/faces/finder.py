"""Finds the faces of a picture with their 478 landmarks, and follows one from picture to picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from openportrait.faces.choose import SMALLEST_PX, choose, size_of
from openportrait.faces.detect import Detection, Detector, Region, scaled, scales
from openportrait.faces.landmarks import EYE_LEFT_CORNERS, EYE_RIGHT_CORNERS, SKIN
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Face, Floats, Image

_SIZE = 256
"""Side of the mesh network's input, px."""
REGION_SCALE = 1.5
"""Side of what the mesh network sees over the side of the face."""

_STEADY_SHARE = 0.01
_STEADY_RADIANS = 0.02
"""Dead bands of the region, its measures in shares of its side."""


class MeshNetwork:
    """Landmarks of the face that fills a region."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        """Loads the network."""
        self._network = load_network("face_landmarks_detector.tflite", ("Identity", "Identity_1"), runtime)

    def __call__(self, image: Image, region: Region) -> Face:
        """Landmarks in px of the picture; the score says whether there is a face at all."""
        patch = region.sample(image, _SIZE)
        out = self._network(patch[None].astype(np.float32) / 255.0)
        points = out["Identity"].reshape(-1, 3).astype(np.float64)
        matrix = region.image_from_patch(_SIZE)
        landmarks = np.empty_like(points)
        landmarks[:, :2] = points[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]
        landmarks[:, 2] = points[:, 2] * (region.side / _SIZE)
        logit = float(out["Identity_1"].reshape(-1)[0])
        return Face(landmarks, score=float(1 / (1 + np.exp(-np.clip(logit, -50, 50)))))


def region_of(face: Face) -> Region:
    """Where to look for the same face again: 1.5 × its box along the eye line."""
    points = face.landmarks[SKIN, :2]
    eyes = points[EYE_RIGHT_CORNERS[1]] - points[EYE_LEFT_CORNERS[0]]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    image_from_turned: Floats = np.array([[cos, -sin], [sin, cos]])
    turned = points @ image_from_turned
    low, high = turned.min(0), turned.max(0)
    x, y = image_from_turned @ ((low + high) / 2)
    return Region(float(x), float(y), REGION_SCALE * float((high - low).max()), angle)


def steadied(last: Region, region: Region) -> Region:
    """The region that follows `last`, but stands still while the face only trembles.

    What the mesh network answers depends a little on where exactly it looks. A region that repeats the
    tremor of its own landmarks feeds it back, and nearly doubles it on a still face; so each measure
    is only moved by what exceeds its dead band.
    """
    return Region(
        _beyond(last.x, region.x, _STEADY_SHARE * region.side),
        _beyond(last.y, region.y, _STEADY_SHARE * region.side),
        _beyond(last.side, region.side, _STEADY_SHARE * region.side),
        region.angle_radians
        - np.clip(_turn(last.angle_radians, region.angle_radians), -_STEADY_RADIANS, _STEADY_RADIANS),
    )


def _beyond(last: float, value: float, band: float) -> float:
    return value - min(max(value - last, -band), band)


def _turn(last: float, angle: float) -> float:
    """The shorter way from one angle to the other."""
    return float((angle - last + np.pi) % (2 * np.pi) - np.pi)


# Finding and following


Refine = Callable[[Image, Face, Floats | None], Floats]

_STILL_PASSES = 3
"""Looks at a still; each starts from the landmarks of the one before."""
_SURER = 0.5
"""The closer look must be surer than the first: by this share of what the threshold leaves."""

_AGREEMENT = 0.12
"""Detector and mesh agree on the eyes to this share of the face; it is 0.04 at most on faces in motion."""


class FaceNetworks(threading.local):
    """The detector and the 478-point mesh, loaded at the first picture; each thread has its own."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        self._runtime = runtime

    @cached_property
    def detector(self) -> Detector:
        """Finds boxes of faces."""
        return Detector(self._runtime)

    @cached_property
    def mesh(self) -> MeshNetwork:
        """Finds the landmarks in a box."""
        return MeshNetwork(self._runtime)


class FaceFinder:
    """Finds faces and their landmarks."""

    def __init__(
        self, threshold: float = 0.5, *, networks: FaceNetworks | None = None, refine: Refine | None = None
    ) -> None:
        """`threshold`, 0..1: how sure detector and mesh must be that there is a face. `networks`: those of others.

        `refine` (picture, face, its refined points in the frame before) gives the (203, 2) points of
        another landmark network, px, which each face then carries.
        """
        self.threshold = threshold
        self._networks = networks or FaceNetworks()
        self._refine = refine

    @property
    def _detector(self) -> Detector:
        return self._networks.detector

    @property
    def _mesh(self) -> MeshNetwork:
        return self._networks.mesh

    def find(self, image: Image, *, smallest: float = SMALLEST_PX, lying: bool = True) -> list[Face]:
        """All faces of at least about `smallest` px, largest first; an empty list where there is none.

        Looks at the whole picture, then (where `lying`) for faces that lie or hang, then finer and finer;
        once there is a face, until a finer look adds none.
        """
        steps = scales(image, smallest)
        faces: list[Face] = []
        for scale, quarter_turns in _views(steps, lying):
            self._add(faces, image, self._detector.look(image, self.threshold, scale, quarter_turns))
            if faces:
                break
        for finer in (step for step in steps if faces and step > scale):
            known = len(faces)
            self._add(faces, image, self._detector.look(image, self.threshold, finer, quarter_turns))
            if len(faces) == known:
                break
        refined = [self._refined(image, face, None) for face in faces]
        return sorted(refined, key=lambda face: face.size, reverse=True)

    def choose(self, image: Image, choice: str, *, where: str, option: str) -> list[Face]:
        """Those faces of a picture that `choice` means; raises as `choose`."""
        return choose(self.find(image), choice, size_of(image), where=where, option=option)

    def follow(self, image: Image, face: Face, region: Region | None = None) -> Face | None:
        """The same face in the next picture, from its landmarks in the last; None when it is lost.

        One look, at the box of the last landmarks or at another `region`.
        """
        found = self._look(image, region or region_of(face))
        return self._refined(image, found, face.refined) if found is not None else None

    def confirm(self, image: Image, face: Face) -> Face | None:
        """The face as the detector sees it, too; found anew where the mesh slid off it, None where there is none.

        The mesh alone is easily fooled: its score stays near 1 on a chin that it takes for a face.
        """
        seen = self._detector.look_closer(image, scaled(region_of(face), 1 / REGION_SCALE))
        if seen is None or seen.score < self.threshold:
            return None
        apart = float(np.linalg.norm(seen.points[1:3] - _eyes(face), axis=1).max())
        if apart < _AGREEMENT * face.size:
            return face
        found = self._measure(image, seen)
        return self._refined(image, found, None) if found is not None else None

    def _look(self, image: Image, region: Region) -> Face | None:
        found = self._mesh(image, region)
        return found if found.score >= self.threshold and _is_sound(found, image) else None

    def _refined(self, image: Image, face: Face, before: Floats | None) -> Face:
        return face if self._refine is None else replace(face, refined=self._refine(image, face, before))

    def _add(self, faces: list[Face], image: Image, detections: list[Detection]) -> None:
        """Append those detections that turn out to be faces not yet known."""
        for detection in detections:
            if any(_inside(known, *detection.points[0]) for known in faces):
                continue
            seen = self._detector.straighten(image, detection.region)
            if seen is None or seen.score < self.threshold + _SURER * (1 - self.threshold):
                continue
            face = self._measure(image, seen)
            if face and not any(_same(known, face) for known in faces):
                faces.append(face)

    def _measure(self, image: Image, detection: Detection) -> Face | None:
        """The landmarks of a detected face, None where the mesh sees none."""
        face: Face | None = self._mesh(image, scaled(detection.region, REGION_SCALE))
        for _ in range(_STILL_PASSES - 1):
            face = face and self._look(image, region_of(face))
        return face


def _views(steps: list[float], lying: bool) -> list[tuple[float, int]]:
    """(scale, quarter turns) in the order of looking: likely first, costly last.

    Half the first scale leaves room around a face that fills the picture.
    """
    coarse, fine = steps[:2], steps[2:]
    turned = [(scale, turns) for scale in coarse for turns in (1, 2, 3)] if lying else []
    return [(steps[0], 0), (steps[0] / 2, 0), *((s, 0) for s in coarse[1:]), *turned, *((s, 0) for s in fine)]


def _eyes(face: Face) -> Floats:
    """(2, 2) px: the middles of the left and of the right eye."""
    return np.stack([face.landmarks[list(pair), :2].mean(0) for pair in (EYE_LEFT_CORNERS, EYE_RIGHT_CORNERS)])


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
