"""A face at rest, guessed from a single picture of it."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh import lids
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.fields import Fields, blinked, fields, looked
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.topology import BROWS, INNER_LOWER, INNER_UPPER, LIPS_LOWER, LIPS_UPPER, canonical
from openportrait.records import Floats, Motion

_REST_OPENNESS = (0.2, 0.36)
"""Eyes within these are taken for the face's own; outside of them for an expression."""
_REST_GAZE = (0.0, -0.085)
"""Where irises that look ahead lie, the mean of both eyes: eye widths right and down of the corners' middle."""
_MOUTH = np.unique(np.concatenate([LIPS_UPPER.ravel(), LIPS_LOWER.ravel()]))
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
    own = lids.openness(points)
    points = points + blinked(points, np.clip(own, *_REST_OPENNESS) / own)
    ahead = _REST_GAZE - lids.gaze(points).mean(0)
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
