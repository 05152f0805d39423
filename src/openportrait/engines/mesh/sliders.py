"""The sliders of the portrait editor (SPEC §10) as movements of the mesh."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.fields import blinked, fields, looked
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.rest import droop
from openportrait.engines.mesh.topology import canonical
from openportrait.motion.edits import sides, winked_sides
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
    in_plane = np.array([-edit.move_x, edit.move_y, 0.0]) * _MOVE
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
