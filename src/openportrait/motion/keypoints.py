"""From a motion to the keypoints that move the picture (SPEC §3)."""

from __future__ import annotations

import numpy as np

from openportrait.motion.layout import KeypointLayout
from openportrait.records import Floats, Motion


def keypoints(motion: Motion, layout: KeypointLayout) -> Floats:
    """(K, 3) x = s·(kp @ R + exp) + t, crop units, with t's z dropped; expression as the layout frames it."""
    if layout.expression_frame == "head":
        shape = (motion.canonical + motion.expression) @ motion.rotation
    else:
        shape = motion.canonical @ motion.rotation + motion.expression
    return np.asarray(motion.scale * shape + np.append(motion.translation[:2], 0.0), np.float64)
