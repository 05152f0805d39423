"""Soft steps and limits."""

from __future__ import annotations

import numpy as np

from openportrait.records import Floats


def smoothstep(value: Floats | float, low: Floats | float, high: Floats | float) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between; shapes broadcast."""
    t = np.clip((value - np.asarray(low)) / (np.asarray(high) - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def soft_limit(vector: Floats, limit: float) -> Floats:
    """A vector in its own direction, its length n bent to limit·tanh(n / limit): small ones hardly change."""
    length = float(np.linalg.norm(vector))
    return vector if length < 1e-12 else vector * (limit * np.tanh(length / limit) / length)
