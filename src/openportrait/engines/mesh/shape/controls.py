"""What is asked of a face: sliders of the editor (SPEC §10), eyes and lips of a wanted openness, a head within limits.

A head may go only so far that its shoulders and the picture's border need not follow."""

from __future__ import annotations

import cv2
import numpy as np

from openportrait.engines.mesh.curves import smoothstep, soft_limit
from openportrait.engines.mesh.shape.layout import droop
from openportrait.engines.mesh.shape.movements import blinked, closed, fields, looked, raise_lids
from openportrait.engines.mesh.shape.points import Similarity, canonical, pose, rigid_between
from openportrait.faces import ratios as ratios_of
from openportrait.motion.edits import sides, winked_sides
from openportrait.records import Face, FaceEdit, Floats, Motion, Ratios

# A value of a slider that makes one full movement of the face.
_SMILE, _SAD = 1.0, 0.3
"""A smile, and a sad mouth. What the released sliders reach: SPEC §10."""
_SAD_DROOP_CM, _SADDEST = 0.35, 2.0
"""How far the corners of a sad mouth hang at least; how much of the movement may be needed to get there."""
_WINK = 25.0
"""A shut eye."""
_BROW = 30.0
"""Brows wholly up, or wholly drawn together."""
_GAZE_X, _GAZE_Y = 120.0, 300.0
"""A gaze of one width of the eye, to the side and up."""
_LID_UP, _LID_DOWN = 300.0, 150.0
"""The same for the lids, one movement being the openness that the eye has: they go down with a look more than up."""
_POUT = 0.12
"""The mouth wholly to one side."""
_PURSE, _STRETCH = 12.0, 30.0
"""Lips wholly pursed, and wholly stretched the other way."""
_GRIN = 15.0
"""Upper teeth wholly shown."""
_LIP_OPEN, _LIP_CLOSE = 110.0, 90.0
"""The jaw wholly open, and, on an open mouth, wholly shut."""
_MOUTH_BORDER_CM, _BROW_BORDER_CM = 1.2, 0.8
"""How far to either side of the middle a movement of one side fades: half a mouth, the gap between the brows."""


def edited(edit: FaceEdit, source: Motion) -> Floats:
    """(478, 3) change of the source's expression; pose, zoom and target ratios of the edit are left to the caller."""
    made, points = fields(), source.canonical + source.expression
    smile, brow = _spread(sides(edit, "smile"), _MOUTH_BORDER_CM), _spread(sides(edit, "eyebrow"), _BROW_BORDER_CM)
    change = (
        np.maximum(smile, 0) / _SMILE * made.smile
        + np.maximum(-smile, 0) / _SAD * _saddened(points)
        + np.maximum(brow, 0) / _BROW * made.brow
        + np.maximum(-brow, 0) / _BROW * made.frown
        + (edit.pouting / _POUT) * made.mouth_side
        + (max(edit.pursing, 0.0) / _PURSE) * made.pucker
        + (max(-edit.pursing, 0.0) / _STRETCH) * made.stretch
        + (edit.grin / _GRIN) * (made.show_teeth + 0.5 * made.stretch)
        + (max(edit.lip_open, 0.0) / _LIP_OPEN) * made.jaw
    )
    if edit.lip_open < 0:
        change += min(-edit.lip_open / _LIP_CLOSE, 1.0) * closed(points)
    winks = np.array(winked_sides(edit)) / _WINK
    if winks.any():
        change += _winked(winks, points)
    if edit.gaze_x or edit.gaze_y:
        change += looked(points, (edit.gaze_x / _GAZE_X, -edit.gaze_y / _GAZE_Y))
        # The upper lids go along with the eyes: down with a look down.
        change += blinked(
            points, np.full(2, 1 + np.clip(edit.gaze_y / (_LID_UP if edit.gaze_y > 0 else _LID_DOWN), -0.5, 0.25))
        )
    # Moves are in crop units.
    in_plane = np.array([-edit.move_x, edit.move_y, 0.0])
    return np.asarray(change + in_plane @ source.rotation.T / source.scale)


def _saddened(points: Floats) -> Floats:
    """The movement to a sad mouth, larger for lips whose corners are turned up."""
    made = fields().sad
    needed = (_SAD_DROOP_CM - droop(points)) / droop(made)
    return np.asarray(np.clip(needed, 1.0, _SADDEST) * made)


def _spread(amounts: tuple[float, float], border_cm: float) -> Floats:
    """(478, 1) the amount at each point, of one for the picture's left and one for its right; soft in the middle."""
    right = smoothstep(canonical()[:, :1], -border_cm, border_cm)
    return np.asarray(amounts[0] + (amounts[1] - amounts[0]) * right)


def _winked(strengths: Floats, points: Floats) -> Floats:
    """The eyes shut, (2,) the picture's left first, and the cheek below each rises a little."""
    cheek = np.where(points[:, :1] < 0, strengths[0], strengths[1]) * fields().smile
    return np.asarray(blinked(points, 1 - np.clip(strengths, 0, 1)) + 0.25 * cheek)


# Eyes and lips brought to a wanted openness


_SHUT, _PLAIN = 0.06, 0.2
"""Landmarks of shut lids read up to 0.06; from 0.2 on a reading is taken at its word."""
_WIDEST = 2.0
"""Of the eye's own openness, at most."""
_SHUT_EYE = (0.11, 0.18)
"""Readings of shut eyes, with lashes and folds that a network takes for a gap, and of open ones."""
_WIDEST_OF_SHUT = 0.24
"""Openness that a shut eye may get: what is made up looks right behind lids that are not wide open."""
_STEPS = 20
"""Halvings of the search: the ratio is met to a millionth of the way."""
_WIDEST_JAW = 2.5
"""Full movements of the jaw, at most."""


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


# How far a head may go


_LARGEST_TURN = np.radians(38.0)
"""Radians."""
_LARGEST_SHIFT = 0.36
"""Crop units: 0.18 of the crop's side."""
_ROOM_BELOW = 0.6
"""Of the way from the chin to the crop's border that a head may go down."""
_LARGEST_ZOOM = np.log(1.25)
"""Logarithm: a quarter larger or smaller."""
_SIZE_TREMOR = 0.008
"""Of the head's size: of a change so large half is believed. Landmarks of a talking face grow and shrink by 0.004 to
0.008 (standard deviation) where the head itself, followed by its pixels, does by 0.001 to 0.003."""
_FRONTAL_LOSS = 0.35
"""Part of the largest turn that is lost where a turned head goes back to frontal and beyond."""
_FARTHEST, _LEAST_AWAY = np.radians(52.0), np.radians(8.0)
"""From the viewer's direction that a face may come to be, where its far eye goes behind the nose; and by what more."""
_TURNED_FROM, _TURNED_TO = np.radians(10.0), np.radians(35.0)
"""Radians of yaw over which a source passes from frontal to turned."""


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
