"""The sliders of the portrait editor (SPEC §10) as movements of the mesh."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.fields import blinked, fields, looked
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.rest import droop
from openportrait.records import FaceEdit, Floats, Motion

# A slider's value that amounts to one full movement of the face.
_SMILE, _SAD = 1.0, 0.3
_SAD_DROOP_CM, _SADDEST = 0.35, 2.0
"""How far the corners of a sad mouth hang at least; how much of the movement may be needed to get there."""
_WINK = 25.0
_BROW = 30.0
_GAZE_X, _GAZE_Y = 120.0, 300.0
_LID_UP, _LID_DOWN = 300.0, 150.0
"""The same for the lids, one movement being the openness that the eye has: they go down with a look more than up."""
_POUT = 0.12
_PURSE, _STRETCH = 12.0, 30.0
_GRIN = 15.0
_LIP_OPEN, _LIP_CLOSE = 110.0, 90.0
_MOVE = 1.0


def edited(edit: FaceEdit, source: Motion) -> Floats:
    """(478, 3) change of the source's expression; pose, zoom and target ratios of the edit are left to the caller."""
    made, points = fields(), source.canonical + source.expression
    change = (
        (max(edit.smile, 0.0) / _SMILE) * made.smile
        + (max(-edit.smile, 0.0) / _SAD) * _saddened(points)
        + (max(edit.eyebrow, 0.0) / _BROW) * made.brow
        + (max(-edit.eyebrow, 0.0) / _BROW) * made.frown
        + (edit.pouting / _POUT) * made.mouth_side
        + (max(edit.pursing, 0.0) / _PURSE) * made.pucker
        + (max(-edit.pursing, 0.0) / _STRETCH) * made.stretch
        + (edit.grin / _GRIN) * (made.show_teeth + 0.5 * made.stretch)
        + (max(edit.lip_open, 0.0) / _LIP_OPEN) * made.jaw
    )
    if edit.lip_open < 0:
        change += min(-edit.lip_open / _LIP_CLOSE, 1.0) * closed(points)
    if edit.wink:
        change += _winked(edit.wink / _WINK, points)
    if edit.gaze_x or edit.gaze_y:
        change += looked(points, (edit.gaze_x / _GAZE_X, -edit.gaze_y / _GAZE_Y))
        # The upper lids go along with the eyes: down with a look down.
        change += blinked(
            points, np.full(2, 1 + np.clip(edit.gaze_y / (_LID_UP if edit.gaze_y > 0 else _LID_DOWN), -0.5, 0.25))
        )
    in_plane = np.array([-edit.move_x, edit.move_y, 0.0]) * _MOVE
    return np.asarray(change + in_plane @ source.rotation.T / source.scale)


def _saddened(points: Floats) -> Floats:
    """The movement to a sad mouth, larger for lips whose corners are turned up."""
    made = fields().sad
    needed = (_SAD_DROOP_CM - droop(points)) / droop(made)
    return np.asarray(np.clip(needed, 1.0, _SADDEST) * made)


def _winked(strength: float, points: Floats) -> Floats:
    """The eye on the picture's left shuts, and the cheek below it rises a little."""
    side = (points[:, :1] < 0) * fields().smile
    return blinked(points, np.array([1 - np.clip(strength, 0, 1), 1.0])) + 0.25 * strength * side
