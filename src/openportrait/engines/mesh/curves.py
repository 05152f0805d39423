"""Soft steps and limits."""

from __future__ import annotations

import numpy as np

from openportrait.records import Floats


def smoothstep(value: Floats | float, low: Floats | float, high: Floats | float) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between; shapes broadcast."""
    t = np.clip((value - np.asarray(low)) / (np.asarray(high) - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def soft_limit(vector: Floats, limit: float) -> Floats:
    """A vector in its own direction: up to half the limit as it is, what is longer bent to end at the limit."""
    length, half = float(np.linalg.norm(vector)), limit / 2
    if length <= half:
        return vector
    return np.asarray(vector * ((half + half * np.tanh((length - half) / half)) / length))
