"""A face at rest, guessed from a single picture of it."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh import lids
from openportrait.engines.mesh.fields import Fields, blinked, fields, looked
from openportrait.engines.mesh.lips import closed
from openportrait.engines.mesh.topology import BROWS, LIPS_LOWER, LIPS_UPPER, canonical
from openportrait.records import Floats, Motion

_REST_OPENNESS = (0.2, 0.36)
"""Eyes within these are taken for the face's own; outside of them for an expression."""
_REST_GAZE = (0.0, -0.085)
"""Where irises that look ahead lie, the mean of both eyes: eye widths right and down of the corners' middle."""
_MOUTH = np.unique(np.concatenate([LIPS_UPPER.ravel(), LIPS_LOWER.ravel()]))
_CORNERS = np.array([61, 291])
_SHAPE_PRIOR = 0.6
"""Weight of `no expression` against the landmarks: faces at rest differ too."""


def neutral(motion: Motion) -> Floats:
    """(478, 3) expression of this face at rest: lips closed, jaw up, brows relaxed, eyes open, looking ahead."""
    points = motion.canonical + motion.expression
    points = points + closed(points)
    points = points - _fitted(points, _MOUTH, ("smile", "stretch", "pucker"))
    points = points - _fitted(points, BROWS.ravel(), ("brow", "frown"))
    own = lids.openness(points)
    points = points + blinked(points, np.clip(own, *_REST_OPENNESS) / own)
    ahead = _REST_GAZE - lids.gaze(points).mean(0)
    points = points + looked(points, (float(ahead[0]), float(ahead[1])))
    return np.asarray(points - motion.canonical)


def _fitted(points: Floats, where: np.ndarray, names: tuple[str, ...]) -> Floats:
    """The part of a face's shape that the named fields explain at some points, after their common shift."""
    made: Fields = fields()
    basis = np.stack([getattr(made, name) for name in names])
    residual = (points - canonical())[where, :2]
    columns = basis[:, where, :2]
    columns = (columns - columns.mean(1, keepdims=True)).reshape(len(names), -1).T
    target = (residual - residual.mean(0)).ravel()
    weight = _SHAPE_PRIOR * np.linalg.norm(columns, axis=0)
    amounts = np.linalg.solve(columns.T @ columns + np.diag(weight**2), columns.T @ target)
    return np.asarray(np.tensordot(np.clip(amounts, -1.5, 1.5), basis, 1))
