"""What a face can do, in the head frame: lids and gaze, full movements as smooth fields (cm), and a mouth that closes.

Every field is for a full movement (jaw wide open, broad smile, ...); add multiples of them to an expression.
For lids and gaze the axis before the last of every array of points is the 478 vertices; leading axes pass through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.shape.points import (
    CHIN,
    COUNT,
    EYES_LOWER,
    EYES_UPPER,
    INNER_LOWER,
    INNER_UPPER,
    IRISES,
    LID_SHELL,
    LIPS_LOWER,
    LIPS_UPPER,
    SKIN_COUNT,
    canonical,
)
from openportrait.records import Floats

_UPPER_SHARE_CLOSING, _UPPER_SHARE_OPENING = 0.88, 0.8
"""Part of a closing, and of an opening, that the upper lid does; the lower lid does the rest."""
_SHELL_SHARE_CLOSING, _SHELL_SHARE_OPENING = 0.48, 0.6
"""How far the fold above the upper lid goes along with it, closing and opening."""

_SHUT = 0.33
"""Openness of a shut eye by its landmarks, over that of the open one."""
_GAP_OF_SHUT = 0.5
"""How much of the gap that landmarks of a shut eye have is believed: it is lashes and folds."""
_SMALLEST_REFERENCE = 0.12
"""Openness that a driving's eye at rest counts with at least, so that narrow eyes do not exaggerate."""
_WIDEST = 0.5
"""By how much an eye opens wider at most, of its own openness."""
_LARGEST_GAZE = 0.35
"""Eye widths that an iris goes at most."""
_VERTICAL_GAZE = 0.8
"""Part of a look up or down that is taken over."""
_UNSURE_GAZE = 0.03
"""Eye widths: a look to the side reads as one down by this much; smaller vertical shifts are played down."""
_WINK = 0.45
"""Openness over that at rest: of an eye more closed than this the gaze is no longer believed."""
_WINK_APART = (0.2, 0.6)
"""Difference between the factors of both eyes: up to the first both do the same, from the second on each its own."""

_OUTWARD_X = np.array([1.0, -1.0])
"""Which way is outwards from the nose, for each eye."""


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


# Full movements


_JAW_HINGE = np.array([0.0, -0.5, 1.5])
"""cm, in the head frame."""
_JAW_DEGREES = 14.0
"""How far a jaw turns about its hinge for a mouth wide open."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Full movements, each (478, 3) cm."""

    jaw: Floats
    """The mouth wide open."""
    mouth_side: Floats
    """Mouth and chin to the picture's right."""
    smile: Floats
    """Corners out and up, cheeks raised."""
    sad: Floats
    """Corners down, chin raised."""
    stretch: Floats
    """Corners straight out."""
    pucker: Floats
    """Lips drawn together and forward."""
    show_teeth: Floats
    """Upper lip raised, lower lip lowered, teeth together."""
    brow: Floats
    """Brows raised."""
    frown: Floats
    """Inner brows together and down."""


def _bump(x: Floats, y: Floats, centre: tuple[float, float], radius: tuple[float, float]) -> Floats:
    return np.exp(-(((x - centre[0]) / radius[0]) ** 2) - ((y - centre[1]) / radius[1]) ** 2)


def _both(x: Floats, y: Floats, centre: tuple[float, float], radius: tuple[float, float]) -> tuple[Floats, Floats]:
    """(weight, signed weight): the same bump on both sides of the face; the sign is the side's."""
    left, right = _bump(x, y, (-centre[0], centre[1]), radius), _bump(x, y, centre, radius)
    return left + right, right - left


def _jaw_weight(x: Floats, y: Floats) -> Floats:
    """How far each point belongs to the lower jaw."""
    weight = smoothstep(y, 2.6, 6.2) * (1 - 0.55 * smoothstep(np.abs(x), 4.5, 7.2))
    column = np.abs(np.linspace(-1, 1, LIPS_LOWER.shape[1]))
    weight[LIPS_LOWER] = 1 - 0.2 * column**2 - 0.45 * column**5
    # The corners are common to both lips.
    weight[LIPS_UPPER[:, 1:-1]] = 0.3 * np.maximum(column[1:-1] - 0.5, 0) ** 1.5
    return weight


def _jaw(x: Floats, y: Floats, z: Floats) -> Floats:
    weight = _jaw_weight(x, y)
    angle = np.radians(_JAW_DEGREES)
    up_down, depth = y - _JAW_HINGE[1], z - _JAW_HINGE[2]
    field = np.zeros((len(x), 3))
    field[:, 0] = -0.05 * x * weight
    field[:, 1] = np.maximum((np.cos(angle) - 1) * up_down - np.sin(angle) * depth, 0) * weight
    field[:, 2] = 0.5 * (np.sin(angle) * up_down + (np.cos(angle) - 1) * depth) * weight
    # The upper lip gives way a little, arched.
    field[LIPS_UPPER[:, 1:-1], 1] -= 0.16 * (1 - np.linspace(-1, 1, LIPS_UPPER.shape[1])[1:-1] ** 2)
    return field


def _teeth(x: Floats, y: Floats) -> Floats:
    """Lips parted by their own muscles: strongest in the middle third, nothing at the corners."""
    across = np.exp(-((x / 2.0) ** 4))
    upper, lower = smoothstep(y, 1.4, 3.2), 1 - smoothstep(y, 6.0, 8.0)
    field = np.zeros((len(x), 3))
    is_lower = y > 4.25
    is_lower[LIPS_UPPER[:, 1:-1]] = False
    is_lower[LIPS_LOWER[:, 1:-1]] = True
    field[:, 1] = across * np.where(is_lower, 0.3 * lower, -0.3 * upper)
    return field


@cache
def fields() -> Fields:
    """All fields; their arrays are read-only. They move neither irises nor lids: `looked` and `blinked` do."""
    x, y, z = canonical().T
    none = np.zeros(COUNT)
    corner, corner_side = _both(x, y, (2.46, 4.34), (2.2, 1.9))
    drawn, drawn_side = _both(x, y, (2.6, 4.6), (1.4, 1.7))
    chin = _bump(x, y, (0, 6.2), (1.8, 1.3))
    cheek, _ = _both(x, y, (3.9, 1.2), (1.9, 1.7))
    above_lids = smoothstep(-y, 3.3, 4.3)
    brow, _ = _both(x, y, (3.2, -4.9), (2.8, 1.5))
    inner_brow, inner_side = _both(x, y, (1.6, -4.6), (1.7, 1.2))
    mouth = _bump(x, y, (0, 4.6), (2.6, 1.8))
    around_mouth = _bump(x, y, (0, 5.0), (3.6, 3.2))
    made = Fields(
        jaw=_jaw(x, y, z),
        mouth_side=np.stack([0.9 * around_mouth, none, none], 1),
        smile=np.stack([0.75 * corner_side, -0.62 * corner - 0.28 * cheek, 0.25 * corner], 1),
        sad=np.stack([0.06 * drawn_side, 0.32 * drawn - 0.1 * chin, none], 1),
        stretch=np.stack([0.7 * corner_side, none, 0.2 * corner], 1),
        pucker=np.stack([-0.38 * x * mouth, none, -0.5 * mouth], 1),
        show_teeth=_teeth(x, y),
        brow=np.stack([none, -0.7 * brow * above_lids, none], 1),
        frown=np.stack([-0.38 * inner_side * above_lids, 0.55 * inner_brow * above_lids, none], 1),
    )
    for field in vars(made).values():
        field[SKIN_COUNT:] = 0
        field.flags.writeable = False
    return made


def blinked(points: Floats, openness: Floats) -> Floats:
    """(478, 3) displacement that brings the eyes of head points to (2,) factors of their openness."""
    moved = np.zeros_like(points)
    move_lids(moved, points, openness)
    return moved


def looked(points: Floats, gaze: tuple[float, float]) -> Floats:
    """(478, 3) displacement of the irises of head points by a gaze in eye widths, right and down."""
    moved = np.zeros_like(points)
    move_irises(moved, points, np.broadcast_to(np.array(gaze), (2, 2)))
    return moved


# Closing the mouth


_LOWER_SHARE = 0.8
"""Part of the way that the lower lip and the jaw go; the upper lip comes down for the rest."""
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
    dropped = (points[CHIN, 1] - canonical()[CHIN, 1]) / jaw[CHIN, 1]
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
