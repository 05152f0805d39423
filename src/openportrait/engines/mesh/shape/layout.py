"""What the 478 points mean to the motion algebra: a face at rest, soft regions, and how a change carries over."""

from __future__ import annotations

from functools import cache

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.shape import movements
from openportrait.engines.mesh.shape.movements import Fields, blinked, closed, fields, looked
from openportrait.engines.mesh.shape.points import (
    BROWS,
    COUNT,
    EYES_LOWER,
    EYES_UPPER,
    INNER_LOWER,
    INNER_UPPER,
    IRISES,
    LID_SHELL,
    LIPS_LOWER,
    LIPS_UPPER,
    canonical,
)
from openportrait.layouts import MESH_POINTS
from openportrait.motion.layout import KeypointLayout
from openportrait.records import Floats, Motion

_REST_OPENNESS = (0.2, 0.36)
"""Eyes within these are taken for the face's own; outside of them for an expression."""
_REST_GAZE = (0.0, -0.085)
"""Where irises that look ahead lie, the mean of both eyes: eye widths right and down of the corners' middle."""
_MOUTH = np.unique(np.concatenate([LIPS_UPPER.ravel(), LIPS_LOWER.ravel()]))
"""All points of both lips."""
_SHAPE_PRIOR = 0.6
"""Weight of `no expression` against the landmarks: faces at rest differ too."""
_AVERAGE_BROWS = np.array([0.17, -0.28])
"""Amounts of `brow` and `frown` that are fitted to the mean of people who do neither: the canonical brows are low."""
_AVERAGE_DROOP_CM = -0.02
"""How far the mouth's corners lie below its middle at rest; the mean of the same."""
_SURE_DROOP_CM = (0.05, 0.15)
"""What is beyond the average by less is the face's own, by more wholly an expression."""
_OPEN_CM = (0.1, 0.5)
"""Lips less far apart count as shut, from the larger on as open."""
_NARROW_DROOPS = 0.15
"""By what part of its narrowness the middle of a narrow or pursed mouth rises over its corners."""


def neutral(motion: Motion) -> Floats:
    """(478, 3) expression of this face at rest: lips closed, jaw up, brows relaxed, eyes open, looking ahead."""
    points = motion.canonical + motion.expression
    points = points + closed(points) - _drooping(points)
    points = points - _fitted(points, _MOUTH, ("smile", "stretch", "pucker"))
    points = points - _fitted(points, BROWS.ravel(), ("brow", "frown"), _AVERAGE_BROWS)
    own = movements.openness(points)
    points = points + blinked(points, np.clip(own, *_REST_OPENNESS) / own)
    ahead = _REST_GAZE - movements.gaze(points).mean(0)
    points = points + looked(points, (float(ahead[0]), float(ahead[1])))
    return np.asarray(points - motion.canonical)


def _drooping(points: Floats) -> Floats:
    """What the corners of shut lips are pulled down by, more than those of faces at rest.

    Of an open mouth nobody can tell: its middle is moved too.
    """
    middle = INNER_UPPER.size // 2
    gap = points[INNER_LOWER[middle], 1] - points[INNER_UPPER[middle], 1]
    narrower = _width(canonical()) - _width(points)
    more = droop(points) - _AVERAGE_DROOP_CM - _NARROW_DROOPS * max(narrower, 0.0)
    sure = more * float(smoothstep(more, *_SURE_DROOP_CM) * (1 - smoothstep(gap, *_OPEN_CM)))
    return np.asarray(sure / droop(fields().sad) * fields().sad)


def droop(points: Floats) -> float:
    """How far the corners of the lips' inner edges lie below their middle, cm."""
    corners, middle = INNER_UPPER[[0, -1]], INNER_UPPER.size // 2
    return float(points[corners, 1].mean() - (points[INNER_UPPER[middle], 1] + points[INNER_LOWER[middle], 1]) / 2)


def _width(points: Floats) -> float:
    return float(points[LIPS_UPPER[0, -1], 0] - points[LIPS_UPPER[0, 0], 0])


def _fitted(points: Floats, where: np.ndarray, names: tuple[str, ...], average: Floats | float = 0.0) -> Floats:
    """The part of a face's shape that the named fields explain at some points, after their common shift.

    `average` (fields,): amounts that are no expression.
    """
    made: Fields = fields()
    basis = np.stack([getattr(made, name) for name in names])
    residual = (points - canonical())[where, :2]
    columns = basis[:, where, :2]
    columns = (columns - columns.mean(1, keepdims=True)).reshape(len(names), -1).T
    target = (residual - residual.mean(0)).ravel()
    weight = _SHAPE_PRIOR * np.linalg.norm(columns, axis=0)
    amounts = np.linalg.solve(columns.T @ columns + np.diag(weight**2), columns.T @ target)
    return np.asarray(np.tensordot(np.clip(amounts - average, -1.5, 1.5), basis, 1))


# The layout


def change(source: Floats, driving: Floats, reference: Floats) -> Floats:
    """What the driving's change since its reference means on the source's face; all (..., 478, 3), head frame.

    Eyes go where their corners go; on top of that, lids follow the driving's openness relative to its
    reference and irises its gaze in eye widths. The edges of the mouth do not cross. Everything else is the
    plain difference. Nothing changes where driving and reference are the same.
    """
    own, driving, reference = source + canonical(), driving + canonical(), reference + canonical()
    moved = np.asarray(driving - reference)
    movements.carry_by_corners(moved)
    movements.move_lids(moved, own, movements.followed(movements.openness(driving), movements.openness(reference)))
    movements.move_irises(moved, own, movements.followed_gaze(driving, reference))
    own_gap = own[..., INNER_LOWER, 1] - own[..., INNER_UPPER, 1]
    gap = own_gap + moved[..., INNER_LOWER, 1] - moved[..., INNER_UPPER, 1]
    crossed = np.maximum(np.minimum(own_gap, 0) - gap, 0) / 2
    moved[..., INNER_UPPER[1:-1], 1] -= crossed[..., 1:-1]
    moved[..., INNER_LOWER[1:-1], 1] += crossed[..., 1:-1]
    return np.asarray(moved)


def _everything(x: Floats, y: Floats) -> Floats:
    """How far each point takes over a change: the mouth, jaw and brows wholly, stiff parts less."""
    weight: Floats = np.full(len(x), 0.6)
    weight = np.maximum(weight, np.minimum(1.6 * np.exp(-((x / 4) ** 2) - ((y - 4.6) / 3.2) ** 2), 1))
    weight = np.maximum(weight, np.minimum(1.5 * np.exp(-(((x - 3) / 3) ** 2) - ((y + 3.8) / 2.2) ** 2), 1))
    nose = np.exp(-((x / 1.6) ** 2) - ((y - 0.8) / 2.2) ** 2) * (1 - smoothstep(y, 2.2, 3.4))
    weight *= 1 - 0.6 * nose
    # The chin needs nearly all of it, or the lower lip folds over it.
    weight = np.maximum(weight, smoothstep(y, 3.2, 5.2) * (1 - 0.35 * smoothstep(x, 4.5, 7)))
    weight *= 1 - 0.6 * smoothstep(-y, 5.5, 8)
    weight *= 1 - 0.8 * smoothstep(x, 5.2, 7.4) * (1 - smoothstep(y, 2, 6))
    return np.sqrt(weight)


_BROW_REACH_CM = (6.6, 2.2)
"""Half width and half height of the soft patch over both brows and the skin above, about `_BROW_MIDDLE_CM`."""
_BROW_MIDDLE_CM = -5.2
"""y: on the canonical face the brows lie from −3.9 at their outer ends to −5.1."""


def _parts() -> tuple[Floats, dict[str, Floats]]:
    """(478,) how far each point takes over a change, and which part of that belongs to which region."""
    x, y = np.abs(canonical()[:, 0]), canonical()[:, 1]
    skin = _everything(x, y)
    eye = smoothstep(np.exp(-(((x - 3.2) / 2.6) ** 4) - ((y + 2.8) / 1.5) ** 4), 0.1, 0.7)
    lip = smoothstep(y, 1.6, 3.2)
    across, high = _BROW_REACH_CM
    brow = smoothstep(np.exp(-((x / across) ** 4) - ((y - _BROW_MIDDLE_CM) / high) ** 4), 0.1, 0.7) * (1 - eye)
    shares = {"brows": brow, "lids": eye, "gaze": np.zeros(COUNT), "lip": lip}
    # An eye is set as a whole for the source: all of it or nothing.
    for points in (EYES_UPPER, EYES_LOWER, IRISES, LID_SHELL):
        skin[points] = 1.0
        for region, share in shares.items():
            share[points] = float(region == ("gaze" if points is IRISES else "lids"))
    shares["rest"] = 1 - np.sum(list(shares.values()), axis=0)
    return skin, {region: skin * share for region, share in shares.items()}


_LIP_OPEN_OF_RATIO = 317.0
"""Measured on the canonical face: the slider opens its lips evenly, to 0.35 at 110."""


@cache
def mesh_layout() -> KeypointLayout:
    """The layout `mesh-478`."""
    skin, parts = _parts()

    def entries(weight: Floats) -> Floats:
        spread = np.repeat(weight[:, None], 3, axis=1)
        spread.flags.writeable = False
        return spread

    return KeypointLayout(
        points=MESH_POINTS,
        parts={region: entries(share) for region, share in parts.items()},
        whole=entries(skin),
        mask=np.ones((COUNT, 3)),
        neutral=neutral,
        change=change,
        expression_frame="head",
        translation_follows_scale=True,
        eyes_of_image_from_neutral=True,
        average=canonical(),
        lip_open_of_ratio=_LIP_OPEN_OF_RATIO,
    )
