"""Which frame of a driving clip is most at rest: frontal, eyes open, mouth closed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from openportrait.motion.pose import angle_degrees
from openportrait.records import Motion, Ratios

DEGREES_PER_POINT = 12.0
"""A head turned by this much counts as much as eyes half closed, or lips open by half an eye."""


def neutral_index(motions: Sequence[Motion], ratios: Sequence[Ratios] = ()) -> int:
    """Index of the most neutral motion; by head pose alone without ratios; the earliest among equals."""
    cost = np.array([angle_degrees(motion.rotation) for motion in motions]) / DEGREES_PER_POINT
    if len(ratios) == len(cost):
        eyes = np.array([min(ratio.eye_left, ratio.eye_right) for ratio in ratios])
        lips = np.array([ratio.lip for ratio in ratios])
        # Openness against the clip's own: eyes differ in shape, and some lips never meet.
        wide_open = max(float(np.percentile(eyes, 80)), 1e-3)
        cost += 2 * np.clip(1 - eyes / wide_open, 0, 1)
        cost += 2 * np.clip(lips - np.percentile(lips, 10), 0, None) / wide_open
    return int(np.argmin(np.round(cost, 6)))
