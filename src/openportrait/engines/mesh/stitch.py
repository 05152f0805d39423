"""How far a head may go before its shoulders and the picture's border would have to follow."""

from __future__ import annotations

import cv2
import numpy as np

from openportrait.engines.mesh.curves import smoothstep, soft_limit
from openportrait.engines.mesh.motion import Similarity, pose, rigid_between
from openportrait.records import Floats

_LARGEST_TURN = np.radians(38.0)
_LARGEST_SHIFT = 0.36
"""Crop units: 0.18 of the crop's side."""
_ROOM_BELOW = 0.6
"""Of the way from the chin to the crop's border that a head may go down."""
_LARGEST_ZOOM = np.log(1.25)
_SIZE_TREMOR = 0.008
"""Of the head's size: of a change so large half is believed. Landmarks of a talking face grow and shrink by 0.004 to
0.008 (standard deviation) where the head itself, followed by its pixels, does by 0.001 to 0.003."""
_FRONTAL_LOSS = 0.35
_FARTHEST, _LEAST_AWAY = np.radians(52.0), np.radians(8.0)
"""From the viewer's direction that a face may come to be, where its far eye goes behind the nose; and by what more."""
_TURNED_FROM, _TURNED_TO = np.radians(10.0), np.radians(35.0)


def stitched(x_s: Floats, x_d: Floats) -> Floats:
    """(478, 3) x_d with the head's movement since x_s softly limited; its expression stays as it is.

    Shifts are those of the head's origin, so that a turn of the head is none.
    """
    rest, moved = pose(x_s), rigid_between(x_s, x_d)
    origin = rest.translation
    shift = moved.apply(origin) - origin
    shift[2] = 0
    rotation = _limited_turn(moved.rotation, rest.rotation)
    scale = _limited_zoom(moved.scale)
    translation = origin + _limited_shift(shift, x_s) - scale * (origin @ rotation)
    return Similarity(scale, rotation, translation).apply(moved.undo(x_d))


def _limited_zoom(scale: float) -> float:
    """A growth of at most 25 %, and hardly any where it is as small as landmarks tremble."""
    zoom = float(np.log(scale))
    zoom *= zoom**2 / (zoom**2 + _SIZE_TREMOR**2)
    return float(np.exp(_LARGEST_ZOOM * np.tanh(zoom / _LARGEST_ZOOM)))


def _limited_shift(shift: Floats, x_s: Floats) -> Floats:
    """A shift of at most 0.18 of the crop's side; downwards less where chin and border leave less room."""
    room = _ROOM_BELOW * max(1 - float(x_s[:, 1].max()), 0.0)
    narrow = np.array([1.0, max(_LARGEST_SHIFT / max(room, 1e-3), 1.0) if shift[1] > 0 else 1.0, 1.0])
    return np.asarray(soft_limit(shift * narrow, _LARGEST_SHIFT) / narrow)


def _limited_turn(turn: Floats, rest: Floats) -> Floats:
    """A rotation bent to at most 38°, less where a turned face would show a side the picture has not, or a profile."""
    vector = np.asarray(cv2.Rodrigues(turn.T)[0], np.float64).ravel()
    yaw = float(np.arcsin(np.clip(rest[2, 0], -1, 1)))
    if vector[1] * yaw < 0:
        most = _LARGEST_TURN * float(1 - _FRONTAL_LOSS * smoothstep(abs(yaw), _TURNED_FROM, _TURNED_TO))
    else:
        most = float(np.clip(_FARTHEST - abs(yaw), _LEAST_AWAY, _LARGEST_TURN))
    narrow = np.array([1.0, _LARGEST_TURN / most, 1.0])
    limited = soft_limit(vector * narrow, _LARGEST_TURN) / narrow
    return np.asarray(cv2.Rodrigues(limited)[0], np.float64).T
