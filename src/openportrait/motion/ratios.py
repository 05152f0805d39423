"""How open eyes and lips are, from 203 landmarks (SPEC §2)."""

from __future__ import annotations

import numpy as np

from openportrait.records import Floats, Ratios


def ratios_203(landmarks: Floats) -> Ratios:
    """Height over width of both eyes and of the inner lips; `landmarks` (203, 2), any unit."""

    def ratio(upper: int, lower: int, left: int, right: int) -> float:
        height = np.linalg.norm(landmarks[upper] - landmarks[lower])
        return float(height / (np.linalg.norm(landmarks[left] - landmarks[right]) + 1e-6))

    return Ratios(eye_left=ratio(6, 18, 0, 12), eye_right=ratio(30, 42, 24, 36), lip=ratio(90, 102, 48, 66))
