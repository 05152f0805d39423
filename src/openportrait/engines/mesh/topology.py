"""Which vertices of the 478-point mesh are what, and where they lie on the canonical face.

Axes of the head frame: x to the picture's right, y down, z away from the viewer; unit cm. Eye 0 is the eye on
the picture's left (the subject's right), eye 1 the other; rows of an eye run from its outer to its inner corner.
Rows of the lips run from the picture's left corner to the right one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from openportrait.faces.canonical import canonical_face
from openportrait.records import Floats

Indices = NDArray[np.intp]

COUNT = 478
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

FACE_OVAL: Indices = np.array(
    [
        [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377],
        [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
    ]
).ravel()
"""(36,) outline of the face, clockwise in the picture from the top."""

_FOREHEAD = (10, 338, 297, 332, 284, 251, 389, 356, 454, 109, 67, 103, 54, 21, 162, 127, 234)
_NOSE_BRIDGE = (151, 9, 8, 168, 6, 197)
_SKULL = np.array([*_FOREHEAD, *_NOSE_BRIDGE, *EYE_CORNERS])
_IRIS_RADIUS_CM = 0.585
_IRIS_DEPTH_CM = 0.25


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
