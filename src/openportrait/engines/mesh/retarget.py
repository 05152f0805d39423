"""Eyes and lips brought to a wanted openness, as offsets of keypoints."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.fields import blinked, fields
from openportrait.engines.mesh.lids import raise_lids
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.motion import pose
from openportrait.faces import ratios as ratios_of
from openportrait.records import Face, Floats, Ratios

_SHUT, _PLAIN = 0.06, 0.2
"""Landmarks of shut lids read up to 0.06; from 0.2 on a reading is taken at its word."""
_WIDEST = 2.0
_SHUT_EYE = (0.11, 0.18)
"""Readings of shut eyes, with lashes and folds that a network takes for a gap, and of open ones."""
_WIDEST_OF_SHUT = 0.24
"""Openness that a shut eye may get: what is made up looks right behind lids that are not wide open."""
_STEPS = 20
_WIDEST_JAW = 2.5


def eye_offsets(x_s: Floats, ratios: Ratios, target: float) -> Floats:
    """(478, 3) offsets that bring each eye from its ratio to the target; a target below 0.06 shuts it."""
    reading = np.array([ratios.eye_left, ratios.eye_right])
    own = _opening(reading)
    factor = 1 + (_opening(np.array(target)) - own) / np.maximum(own, 0.1)
    head = pose(x_s)
    points = head.undo(x_s)
    # What a shut eye is opened to is no multiple of the little that its landmarks stand apart.
    shut = (1 - smoothstep(reading, *_SHUT_EYE)) * (target > reading)
    moved = blinked(points, 1 + (1 - shut) * (np.clip(factor, 0, _WIDEST) - 1))
    raise_lids(moved, points, np.full(2, min(target, _WIDEST_OF_SHUT)), shut)
    return np.asarray(head.scale * moved @ head.rotation)


def _opening(reading: Floats) -> Floats:
    return np.asarray(np.where(reading < _PLAIN, (reading - _SHUT) * (_PLAIN / (_PLAIN - _SHUT)), reading).clip(0))


def lip_offsets(x_s: Floats, ratio: float, target: float) -> Floats:
    """(478, 3) offsets that bring the lips from a ratio to the target: by the jaw, and shut by the lips too."""
    head = pose(x_s)
    wider = target > ratio
    field = fields().jaw if wider else closed(head.undo(x_s))
    full = head.scale * (field @ head.rotation)
    own = _lip_ratio(x_s)
    goal = own + target - ratio
    low, high = 0.0, _WIDEST_JAW if wider else 1.0
    for _ in range(_STEPS):
        amount = (low + high) / 2
        enough = _lip_ratio(x_s + amount * full) >= goal if wider else _lip_ratio(x_s + amount * full) <= goal
        low, high = (low, amount) if enough else (amount, high)
    return np.asarray(high * full) if target != ratio else np.zeros_like(x_s)


def _lip_ratio(x: Floats) -> float:
    return ratios_of(Face(x)).lip
