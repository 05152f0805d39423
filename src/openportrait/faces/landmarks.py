"""The 478-point mesh of one face: in a region of the picture, then from its own last landmarks."""

from __future__ import annotations

import numpy as np

from openportrait.faces.indices import EYE_LEFT_CORNERS, EYE_RIGHT_CORNERS, SKIN
from openportrait.faces.region import Region
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Face, Floats, Image

_SIZE = 256
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
