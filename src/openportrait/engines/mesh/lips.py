"""Closing a mouth that stands open, whatever opened it. In the head frame."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.fields import fields
from openportrait.engines.mesh.topology import (
    INNER_LOWER,
    INNER_UPPER,
    LIPS_LOWER,
    LIPS_UPPER,
    SKIN_COUNT,
    canonical,
)
from openportrait.records import Floats

_LOWER_SHARE = 0.8
"""Part of the way that the lower lip and the jaw go; the upper lip comes down for the rest."""
_CHIN = 152
_OPENED_BY_JAW_CM = (0.8, 2.0)
"""Lips less far apart may be parted with teeth together, unless the chin is low; farther apart, only a jaw does it."""
_RINGS = np.array([0.6, 0.75, 0.9, 1.0])[:, None, None]
"""How far each ring of a lip follows its inner edge, the outer ring first."""


def closed(points: Floats) -> Floats:
    """(478, 3) displacement of head points that lets the two edges of the mouth meet; none where they do."""
    gap = points[INNER_LOWER] - points[INNER_UPPER]
    gap *= smoothstep(gap[:, 1:2], 0.0, 0.05)
    middle = len(gap) // 2
    jaw = fields().jaw
    needed = _LOWER_SHARE * gap[middle, 1] / jaw[INNER_LOWER[middle], 1]
    dropped = (points[_CHIN, 1] - canonical()[_CHIN, 1]) / jaw[_CHIN, 1]
    surely = float(smoothstep(gap[middle, 1], *_OPENED_BY_JAW_CM)) * needed
    moved = -jaw * min(needed, max(dropped, surely))
    x, y, _ = canonical().T
    philtrum = np.exp(-((x / 2.2) ** 4)) * smoothstep(y, 1.4, 3.2) * (y < 4.0)
    philtrum[SKIN_COUNT:] = 0
    moved[:, 1] += philtrum * ((1 - _LOWER_SHARE) * gap[middle, 1])
    # What jaw and philtrum leave open, column by column, the lips do themselves.
    moved[LIPS_UPPER] += _RINGS * ((1 - _LOWER_SHARE) * gap - moved[INNER_UPPER])
    moved[LIPS_LOWER] += _RINGS * (-_LOWER_SHARE * gap - moved[INNER_LOWER])
    return np.asarray(moved)
