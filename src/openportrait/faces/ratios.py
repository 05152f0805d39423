"""How open eyes and lips are (SPEC §2), from the 478 landmarks."""

from __future__ import annotations

import numpy as np

from openportrait.faces.indices import (
    EYE_LEFT_CORNERS,
    EYE_LEFT_LIDS,
    EYE_RIGHT_CORNERS,
    EYE_RIGHT_LIDS,
    INNER_LIP,
    LIP_CORNERS,
)
from openportrait.records import Face, Floats, Ratios


def ratios(face: Face) -> Ratios:
    """Openness of the eye on the picture's left, the one on its right, and the lips.

    Distance between the lids' middles over the distance between the eye's corners; distance between
    the inner lips' middles over that of the outer lip corners: the same points of the face as the
    203-point definition of SPEC §2, measured in the plane of the picture as there. A face that carries
    refined points is measured by those.
    """
    if face.refined is not None:
        return ratios_203(face.refined)
    points = face.landmarks[:, :2]
    return Ratios(
        eye_left=_openness(points, EYE_LEFT_LIDS, EYE_LEFT_CORNERS),
        eye_right=_openness(points, EYE_RIGHT_LIDS, EYE_RIGHT_CORNERS),
        lip=_openness(points, INNER_LIP, LIP_CORNERS),
    )


def ratios_203(points: Floats) -> Ratios:
    """The same from (203, 2) points of the neural engine's landmark network, exactly as SPEC §2."""
    return Ratios(
        eye_left=_openness(points, (6, 18), (0, 12)),
        eye_right=_openness(points, (30, 42), (24, 36)),
        lip=_openness(points, (90, 102), (48, 66)),
    )


def _openness(points: Floats, height: tuple[int, int], width: tuple[int, int]) -> float:
    def distance(pair: tuple[int, int]) -> float:
        return float(np.linalg.norm(points[pair[0]] - points[pair[1]]))

    return distance(height) / (distance(width) + 1e-6)
