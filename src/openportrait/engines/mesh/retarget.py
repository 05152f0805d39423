"""Eyes and lips brought to a wanted openness, as offsets of keypoints."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.fields import blinked, fields
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.motion import pose
from openportrait.faces import ratios as ratios_of
from openportrait.records import Face, Floats, Ratios

_SHUT, _PLAIN = 0.06, 0.2
"""Landmarks of shut lids read up to 0.06; from 0.2 on a reading is taken at its word."""
_WIDEST = 2.0
_STEPS = 20
_WIDEST_JAW = 2.5


def eye_offsets(x_s: Floats, ratios: Ratios, target: float) -> Floats:
    """(478, 3) offsets that bring each eye from its ratio to the target; a target below 0.06 shuts it."""
    own = _opening(np.array([ratios.eye_left, ratios.eye_right]))
    factor = 1 + (_opening(np.array(target)) - own) / np.maximum(own, 0.1)
    head = pose(x_s)
    return np.asarray(head.scale * blinked(head.undo(x_s), np.clip(factor, 0, _WIDEST)) @ head.rotation)


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
