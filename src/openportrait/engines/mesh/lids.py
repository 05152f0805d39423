"""Eyelids and gaze: measured, and set by how far an eye is open. All in the head frame.

The axis before the last of every array of points is the 478 vertices; leading axes pass through.
"""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.topology import EYES_LOWER, EYES_UPPER, IRISES, LID_SHELL
from openportrait.records import Floats

# A blink moves the upper lid, which takes a part of the fold above it along.
_UPPER_SHARE_CLOSING = 0.88
_UPPER_SHARE_OPENING = 0.8
_SHELL_SHARE_CLOSING = 0.48
_SHELL_SHARE_OPENING = 0.6

# The landmarks of a shut eye still stand this part of the open eye apart.
_SHUT = 0.33
_GAP_OF_SHUT = 0.5
"""How much of the gap that landmarks of a shut eye have is believed: it is lashes and folds."""
_SMALLEST_REFERENCE = 0.12
_WIDEST = 0.5
_LARGEST_GAZE = 0.35
_VERTICAL_GAZE = 0.8
_UNSURE_GAZE = 0.03
"""Eye widths: a look to the side reads as one down by this much; smaller vertical shifts are played down."""
_WINK = 0.45
_WINK_APART = (0.2, 0.6)

_OUTWARD_X = np.array([1.0, -1.0])


def openness(points: Floats) -> Floats:
    """(..., 2) height over width of each eye."""
    gap = np.linalg.norm(points[..., EYES_UPPER[:, 3:6], :] - points[..., EYES_LOWER[:, 3:6], :], axis=-1).mean(-1)
    width = np.linalg.norm(points[..., EYES_UPPER[:, 0], :] - points[..., EYES_UPPER[:, -1], :], axis=-1)
    return np.asarray(gap / width)


def followed(driving: Floats, reference: Floats) -> Floats:
    """(..., 2) factor on the source's openness, from the driving's openness and that of its reference.

    0 shut, 1 unchanged, above 1 wider; shut maps to shut, whatever the shapes of the two eyes. Both eyes
    do the same unless they clearly differ: a small difference is the landmarks', a large one a wink.
    """
    ratio = 1 + (driving - reference) / np.maximum(reference, _SMALLEST_REFERENCE)
    wider = _WIDEST * np.tanh(0.9 / _WIDEST * np.maximum(ratio - 1, 0))
    factor = np.clip((ratio - _SHUT) / (1 - _SHUT), 0, 1) + wider
    mean = factor.mean(-1, keepdims=True)
    apart = factor - mean
    return np.asarray(mean + apart * smoothstep(2 * np.abs(apart), *_WINK_APART))


def carry_by_corners(change: Floats) -> None:
    """Replace the change of lids and irises by that of the eye's corners, so that an eye moves as one."""
    outer, inner = change[..., EYES_UPPER[:, :1], :], change[..., EYES_UPPER[:, -1:], :]
    way = np.linspace(0, 1, EYES_UPPER.shape[1])[1:-1, None]
    between = outer + (inner - outer) * way
    change[..., EYES_UPPER[:, 1:-1], :] = between
    change[..., EYES_LOWER[:, 1:-1], :] = between
    change[..., IRISES, :] = (outer + inner) / 2


def move_lids(change: Floats, points: Floats, factor: Floats) -> None:
    """Add to `change` (..., 478, 3) what brings the lids of `points` to `factor` (..., 2) of their openness."""
    gap = points[..., EYES_UPPER[:, 1:-1], :] - points[..., EYES_LOWER[:, 1:-1], :]
    step = (factor - 1)[..., None, None]
    upper = gap * step * np.where(step < 0, _UPPER_SHARE_CLOSING, _UPPER_SHARE_OPENING)
    change[..., EYES_UPPER[:, 1:-1], :] += upper
    change[..., EYES_LOWER[:, 1:-1], :] += upper - gap * step
    change[..., LID_SHELL, :] += upper * np.where(step < 0, _SHELL_SHARE_CLOSING, _SHELL_SHARE_OPENING)


def raise_lids(change: Floats, points: Floats, openness: Floats, share: Floats) -> None:
    """Add to `change` (..., 478, 3) what opens the lids of `points` to `openness`, by `share`; both (..., 2).

    Unlike `move_lids`, also where the lids touch: the opening is an arch between the corners.
    """
    _, right, width = _frames(points)
    down = np.stack([-right[..., 1], right[..., 0]], -1)[..., None, :]
    gap = ((points[..., EYES_LOWER[:, 1:-1], :2] - points[..., EYES_UPPER[:, 1:-1], :2]) * down).sum(-1)
    arch = np.sin(np.pi * np.linspace(0, 1, EYES_UPPER.shape[1])[1:-1]) * width * openness[..., None]
    missing = (np.maximum(arch - _GAP_OF_SHUT * gap, 0) * share[..., None])[..., None] * down
    change[..., EYES_UPPER[:, 1:-1], :2] -= _UPPER_SHARE_OPENING * missing
    change[..., EYES_LOWER[:, 1:-1], :2] += (1 - _UPPER_SHARE_OPENING) * missing
    change[..., LID_SHELL, :2] -= _UPPER_SHARE_OPENING * _SHELL_SHARE_OPENING * missing


def _frames(points: Floats) -> tuple[Floats, Floats, Floats]:
    """Middle (..., 2, 2), axis to the picture's right (..., 2, 2) and width (..., 2, 1) of each eye, in x and y."""
    outer, inner = points[..., EYES_UPPER[:, 0], :2], points[..., EYES_UPPER[:, -1], :2]
    across = (inner - outer) * _OUTWARD_X[:, None]
    width = np.linalg.norm(across, axis=-1, keepdims=True)
    return (outer + inner) / 2, across / width, width


def gaze(points: Floats) -> Floats:
    """(..., 2, 2) place of each iris in its eye, in eye widths to the right and down from the corners' middle."""
    middle, right, width = _frames(points)
    offset = points[..., IRISES[:, 0], :2] - middle
    down = np.stack([-right[..., 1], right[..., 0]], -1)
    return np.stack([(offset * right).sum(-1), (offset * down).sum(-1)], -1) / width


def followed_gaze(driving: Floats, reference: Floats) -> Floats:
    """(..., 2, 2) how far the source's irises go for the driving's points: both alike, as an open eye says."""
    shift = gaze(driving) - gaze(reference)
    shift = np.clip(shift, -_LARGEST_GAZE, _LARGEST_GAZE)
    up_down = np.abs(shift[..., 1])
    shift[..., 1] *= _VERTICAL_GAZE * up_down / (up_down + _UNSURE_GAZE)
    left_open = openness(driving) / np.maximum(openness(reference), _SMALLEST_REFERENCE)
    trust = np.clip((left_open - _WINK) / 0.2, 1e-3, 1)[..., None]
    return np.broadcast_to((shift * trust).sum(-2, keepdims=True) / trust.sum(-2, keepdims=True), shift.shape)


def move_irises(change: Floats, points: Floats, shift: Floats) -> None:
    """Add to `change` what moves the irises of `points` by `shift` (..., 2, 2), eye widths right and down."""
    _, right, width = _frames(points)
    down = np.stack([-right[..., 1], right[..., 0]], -1)
    moved = (shift[..., :1] * right + shift[..., 1:] * down) * width
    change[..., IRISES, :2] += moved[..., None, :]
