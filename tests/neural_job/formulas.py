"""SPEC §3 to §5 written out once more, for 21 keypoints, a still source and a driving clip."""

from __future__ import annotations

import numpy as np

from openportrait.records import Floats, Motion
from tests.engines.neural.standins import stand_in_weights

LIPS = [6, 12, 14, 17, 19, 20]
EYES = [11, 13, 15, 16, 18]
MOVING = {"all": range(21), "exp": range(21), "lip": LIPS, "eyes": EYES, "pose": []}
"""Region → keypoints whose expression moves."""


def points(motion: Motion) -> Floats:
    """x = s·(kp @ R + exp) + t, without t's z."""
    place = motion.translation * (1, 1, 0)
    return np.asarray(motion.scale * (motion.canonical @ motion.rotation + motion.expression) + place)


def by_clip(source: Motion, driving: Motion, first: Motion, region: str) -> Floats:
    """x of a still source that follows a clip by relative motion."""
    moving = list(MOVING[region])
    expression = source.expression.copy()
    expression[moving] += driving.expression[moving] - first.expression[moving]
    rotation, place, scale = source.rotation, source.translation, source.scale
    if region in ("all", "pose"):
        rotation = driving.rotation @ first.rotation.T @ source.rotation
        place = place + driving.translation - first.translation
    if region == "all":
        scale *= driving.scale / first.scale
    return points(Motion(rotation, expression, scale, place, source.canonical))


def as_it_is(source: Motion, driving: Motion) -> Floats:
    """x of a still source by absolute motion, region all: the expression mask of SPEC §4."""
    mask = np.zeros((21, 3), bool)
    mask[[1, 2, 6, *range(11, 21)]] = True
    mask[[3, 4], 1] = True
    mask[[5, 8, 9], 2] = True
    mask[9, 1] = True
    expression = np.where(mask, driving.expression, source.expression)
    return points(Motion(driving.rotation, expression, source.scale, driving.translation, source.canonical))


def stitched(x_s: Floats, x: Floats) -> Floats:
    """x + S(x_s, x), S the stand-ins' perceptron 126-128-128-64-65 with ReLU: offsets, and one shift in the plane."""
    layers = {key: value.double().numpy() for key, value in stand_in_weights("retarget_shoulder").items()}
    value = np.concatenate([x_s.ravel(), x.ravel()])
    for i, key in enumerate(sorted({key.rsplit(".", 1)[0] for key in layers})):
        value = layers[f"{key}.weight"] @ (np.maximum(value, 0) if i else value) + layers[f"{key}.bias"]
    return np.asarray(x + value[:63].reshape(21, 3) + np.append(value[63:], 0))
