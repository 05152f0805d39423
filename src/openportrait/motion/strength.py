"""The expression-friendly option: how strongly a clip acts on this portrait (SPEC §4)."""

from __future__ import annotations

import math

import numpy as np

from openportrait.records import Floats


class Strength:
    """x ← x_s + m·(x_d − x_d,0): the clip's movement, resized from the driving's face to the source's."""

    def __init__(self, x_s: Floats, x_rest: Floats, volume_points: tuple[int, ...] | None = None) -> None:
        """`x_s` (K, 3) the source; `x_rest` (K, 3) the driven face where the driving is at rest."""
        self.x_s = x_s
        self.x_rest = x_rest
        points = slice(None) if volume_points is None else list(volume_points)
        self.multiplier = motion_multiplier(x_s[points], x_rest[points])

    def __call__(self, x_d: Floats) -> Floats:
        """(K, 3) keypoints with the movement resized."""
        return self.x_s + self.multiplier * (x_d - self.x_rest)


def motion_multiplier(x_s: Floats, x_rest: Floats) -> float:
    """m = √V(x_s) / √V(x_rest), V the volume of the convex hull; 1 where points span no volume."""
    volumes = [_hull_volume(x_s), _hull_volume(x_rest)]
    return math.sqrt(volumes[0] / volumes[1]) if min(volumes) > 0 else 1.0


def _hull_volume(points: Floats) -> float:
    # Imported here: SciPy's geometry takes longer to load than all of this package.
    from scipy.spatial import ConvexHull, QhullError

    try:
        return float(ConvexHull(np.asarray(points, np.float64)).volume)
    except QhullError:
        return 0.0
