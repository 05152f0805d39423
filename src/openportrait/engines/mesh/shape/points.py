"""The 478 points: which vertex is what, how the head lies in them, and where they are put right.

Axes of the head frame: x to the picture's right, y down, z away from the viewer; unit cm. Eye 0 is the eye on
the picture's left (the subject's right), eye 1 the other; rows of an eye run from its outer to its inner corner.
Rows of the lips run from the picture's left corner to the right one.

The head's pose is found by weighted Procrustes analysis; what is left when it is taken away is the expression.
Points are row vectors. A pose maps head points to crop units: x = s·(p @ R) + t."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from openportrait.faces.landmarks import canonical_face
from openportrait.layouts import MESH_POINTS
from openportrait.records import Face, Floats, Motion

Indices = NDArray[np.intp]

COUNT = MESH_POINTS.count
"""Landmarks of the face mesh."""
SKIN_COUNT = 468
"""Vertices that the triangles use; the ten after them are the irises."""

EYES_UPPER: Indices = np.array(
    [[33, 246, 161, 160, 159, 158, 157, 173, 133], [263, 466, 388, 387, 386, 385, 384, 398, 362]]
)
"""(2, 9) upper lid margin, both corners included."""
EYES_LOWER: Indices = np.array(
    [[33, 7, 163, 144, 145, 153, 154, 155, 133], [263, 249, 390, 373, 374, 380, 381, 382, 362]]
)
"""(2, 9) lower lid margin; column i lies below column i of the upper one."""
EYE_CORNERS: Indices = np.array([33, 133, 263, 362])
"""(4,) both corners of eye 0, then of eye 1."""
LID_SHELL: Indices = np.array([[247, 30, 29, 27, 28, 56, 190], [467, 260, 259, 257, 258, 286, 414]])
"""(2, 7) fold above the upper lid: column i lies above column i + 1 of the lid margin."""
IRISES: Indices = np.array([[468, 469, 470, 471, 472], [473, 474, 475, 476, 477]])
"""(2, 5) centre, then four points of the rim."""
BROWS: Indices = np.array(
    [[70, 63, 105, 66, 107, 46, 53, 52, 65, 55], [300, 293, 334, 296, 336, 276, 283, 282, 295, 285]]
)
"""(2, 10) upper, then lower edge of each brow, from its outer to its inner end."""

LIPS_UPPER: Indices = np.array(
    [
        [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
        [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
        [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
        [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
    ]
)
"""(4, 11) rings of the upper lip from its outer edge to the mouth; both corners included."""
LIPS_LOWER: Indices = np.array(
    [
        [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
        [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
        [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
        [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    ]
)
"""(4, 11) rings of the lower lip, its outer edge first."""
INNER_UPPER: Indices = LIPS_UPPER[3]
"""(11,) upper edge of the mouth opening; column i meets column i of the lower one."""
INNER_LOWER: Indices = LIPS_LOWER[3]
"""(11,) lower edge of the mouth opening."""

CHIN = 152
"""Lowest point of the face."""
MOUTH_CORNERS: Indices = np.array([61, 291])
"""(2,) outer corners, the picture's left first."""
CHEEKS: Indices = np.array([[50, 205, 187, 147, 123, 117, 101, 36], [280, 425, 411, 376, 352, 346, 330, 266]])
"""(2, 8) outline of bare skin on each cheek, the picture's left first."""

FACE_OVAL: Indices = np.array(
    [
        [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377],
        [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
    ]
).ravel()
"""(36,) outline of the face, clockwise in the picture from the top."""

_FOREHEAD = (10, 338, 297, 332, 284, 251, 389, 356, 454, 109, 67, 103, 54, 21, 162, 127, 234)
"""The upper part of the outline, from ear to ear."""
_NOSE_BRIDGE = (151, 9, 8, 168, 6, 197)
"""From between the brows down to above the tip of the nose."""
_SKULL = np.array([*_FOREHEAD, *_NOSE_BRIDGE, *EYE_CORNERS])
"""Points that no expression moves: the head's pose is taken from them alone."""
_IRIS_RADIUS_CM = 0.585
"""Of an average adult."""
_IRIS_DEPTH_CM = 0.25
"""How far the iris lies nearer to the viewer than the nearest point of its lids."""


@cache
def canonical() -> Floats:
    """(478, 3) the canonical face in the head frame, cm, irises looking straight ahead; read-only."""
    points = np.empty((COUNT, 3))
    points[:SKIN_COUNT] = canonical_face().vertices * (1.0, -1.0, -1.0)
    rim = _IRIS_RADIUS_CM * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]], float)
    for upper, lower, iris in zip(EYES_UPPER, EYES_LOWER, IRISES, strict=True):
        lids = points[np.concatenate([upper, lower[1:-1]])]
        centre = (lids[:, :2].max(0) + lids[:, :2].min(0)) / 2
        points[iris] = rim
        points[iris] += (*centre, lids[:, 2].min() - _IRIS_DEPTH_CM)
    points.flags.writeable = False
    return points


@cache
def triangles() -> NDArray[np.int32]:
    """(898, 3) vertex numbers of the skin; the mouth and the eyes are covered too."""
    return canonical_face().triangles


@cache
def pose_weights() -> Floats:
    """(478,) weight of each vertex in the head's pose; sums to 1.

    Forehead, temples, bridge of the nose and corners of the eyes alike. The canonical face's own set has points
    of nose, cheeks and jaw too: with them the head nods as the mouth opens, and rolls with a lopsided smile.
    """
    weights = np.zeros(COUNT)
    weights[_SKULL] = 1 / len(_SKULL)
    weights.flags.writeable = False
    return weights


# From landmarks to motion


_HALF_PIXEL = np.array([0.5, 0.5, 0.0])
"""px from a pixel's corner, where crop units begin, to its middle, where landmarks are counted from."""
_CENTRE = np.array([1.0, 1.0, 0.0])
"""Crop units from the corner of the crop to its middle."""


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


def motion_of(face: Face, size: int) -> Motion:
    """The motion of a face in a crop with a side of `size` px; its keypoints are the landmarks in crop units.

    Only depth is shifted as a whole: z is measured from the head's origin, as keypoints have no t_z (SPEC §3).
    """
    points = crop_units(face.landmarks, size)
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


# Landmarks moved to where pictures show what they stand for


_LOWER_LID_OUT, _UPPER_LID_OUT, _EYE_CORNER_OUT = 0.035, 0.03, 0.03
"""In widths of the eye."""
_MOUTH_CORNER_OUT = 0.045
"""In widths of the mouth."""


def fitted(face: Floats) -> Floats:
    """The same landmarks (478, 3) px, with the lids and the corners of the mouth moved outwards."""
    face = face.copy()
    bulge = np.sin(np.pi * np.arange(9) / 8)[:, None]
    for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True):
        along = face[upper[-1], :2] - face[upper[0], :2]
        down = np.array([-along[1], along[0]]) * np.sign(along[0] or 1.0)
        face[upper[1:-1], :2] -= (_UPPER_LID_OUT * down * bulge)[1:-1]
        face[lower[1:-1], :2] += (_LOWER_LID_OUT * down * bulge)[1:-1]
        face[upper[0], :2] -= _EYE_CORNER_OUT * along
    left, right = LIPS_UPPER[:, 0], LIPS_UPPER[:, -1]
    across = _MOUTH_CORNER_OUT * (face[right[-1], :2] - face[left[-1], :2])
    face[left, :2] -= across
    face[right, :2] += across
    return face
