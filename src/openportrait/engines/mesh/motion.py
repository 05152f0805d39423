"""From landmarks to motion: the head's pose by weighted Procrustes, and the face freed of it.

Points are row vectors. A pose maps head points to crop units: x = s·(p @ R) + t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openportrait.engines.mesh.topology import EYE_CORNERS, canonical, pose_weights
from openportrait.records import FaceCrop, Floats, Motion

_HALF_PIXEL = np.array([0.5, 0.5, 0.0])
_CENTRE = np.array([1.0, 1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Similarity:
    """p → scale · (p @ rotation) + translation."""

    scale: float
    rotation: Floats
    """(3, 3), applied from the right to row vectors."""
    translation: Floats
    """(3,)."""

    def apply(self, points: Floats) -> Floats:
        """Map (..., 3) points."""
        return self.scale * (points @ self.rotation) + self.translation

    def undo(self, points: Floats) -> Floats:
        """The inverse of `apply`."""
        return (points - self.translation) @ self.rotation.T / self.scale


def crop_units(pixels: Floats, size: int) -> Floats:
    """(..., 3) px of a square crop → −1..1 across it; z scaled alike."""
    return np.asarray((pixels + _HALF_PIXEL) * (2 / size) - _CENTRE)


def crop_pixels(units: Floats, size: int) -> Floats:
    """The inverse of `crop_units`."""
    return np.asarray((units + _CENTRE) * (size / 2) - _HALF_PIXEL)


def fit(points: Floats, to: Floats, weights: Floats) -> Similarity:
    """The similarity that carries (N, 3) points closest to others, by weighted least squares (Umeyama 1991).

    Weights are (N,) and sum to 1; at least three points that are not in line must have one.
    """
    used = np.flatnonzero(weights)
    points, to, weights = points[used], to[used], weights[used]
    centre, to_centre = weights @ points, weights @ to
    spread = points - centre
    u, stretch, v = np.linalg.svd((spread * weights[:, None]).T @ (to - to_centre))
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = (u * handed) @ v
    scale = float(stretch @ handed / (weights @ (spread**2).sum(1)))
    return Similarity(scale, rotation, to_centre - scale * (centre @ rotation))


def pose(points: Floats) -> Similarity:
    """How the canonical face lies in (478, 3) landmarks, in their units."""
    return _head(canonical(), points)


def rigid_between(x_s: Floats, x_d: Floats) -> Similarity:
    """The head's movement from one set of (478, 3) keypoints to another: x_d ≈ scale·(x_s @ R) + t.

    Exact where x_d is moved rigidly; expression hardly enters, as jaw and cheeks have no say.
    """
    rest = pose(x_s)
    moved = _head(rest.undo(x_s), x_d)
    scale, rotation = moved.scale / rest.scale, rest.rotation.T @ moved.rotation
    return Similarity(scale, rotation, moved.translation - scale * (rest.translation @ rotation))


def _head(model: Floats, points: Floats) -> Similarity:
    """How a head `model` (478, 3), looking ahead, lies in (478, 3) points: all of the skull says where, the eyes
    how far it leans.

    Landmarks of forehead and temples lean with a mouth drawn to one side, by up to 3° where the head stands still;
    the corners of the eyes lean half as far or less.
    """
    weights = pose_weights()
    found = fit(model, points, weights)
    eyes, seen = (part[:, 0] + 1j * part[:, 1] for part in (model[EYE_CORNERS], found.undo(points[EYE_CORNERS])))
    lean = np.angle(np.vdot(eyes - eyes.mean(), seen - seen.mean()))
    turn = np.array([[np.cos(lean), np.sin(lean), 0.0], [-np.sin(lean), np.cos(lean), 0.0], [0.0, 0.0, 1.0]])
    rotation = turn @ found.rotation
    return Similarity(found.scale, rotation, weights @ points - found.scale * (weights @ model @ rotation))


def motion_of(crop: FaceCrop) -> Motion:
    """The motion of the face in a crop; its keypoints are the crop's landmarks in crop units.

    Only depth is shifted as a whole: z is measured from the head's origin, as keypoints have no t_z (SPEC §3).
    """
    points = crop_units(crop.face.landmarks, crop.size)
    found = pose(points)
    translation = found.translation.copy()
    translation[2] = 0
    return Motion(
        rotation=found.rotation,
        expression=found.undo(points) - canonical(),
        scale=found.scale,
        translation=translation,
        canonical=canonical(),
    )
