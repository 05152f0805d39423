"""Small faces with numbers that can be followed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from openportrait.motion import KeypointLayout, KeypointSet
from openportrait.records import Floats, Motion, Ratios

REST = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.25]])


def _half_at_rest(motion: Motion) -> Floats:
    return motion.canonical / 2


def weights(*rows: float) -> Floats:
    return np.repeat(np.array(rows)[:, None], 3, axis=1)


HEAD = KeypointLayout(
    points=KeypointSet(name="three", count=3, face_height=0.5, reach=20.0),
    parts={
        "brows": weights(0, 0, 0),
        "lids": weights(0.75, 0, 0),
        "gaze": weights(0.25, 0, 0),
        "lip": weights(0, 0.5, 0),
        "rest": weights(0, 0, 0.25),
    },
    whole=weights(1, 0.5, 0.25),
    mask=weights(1, 1, 0),
    neutral=_half_at_rest,
    expression_frame="head",
    translation_follows_scale=True,
    eyes_of_image_from_neutral=True,
)
"""Like a mesh: soft weights, expression in the head's frame, a neutral that depends on the face."""

CAMERA = replace(
    HEAD,
    points=replace(HEAD.points, name="camera"),
    expression_frame="camera",
    translation_follows_scale=False,
    eyes_of_image_from_neutral=False,
)


def motion(expression: float | Floats = 0.0, **changes: Any) -> Motion:
    """A frontal face at the origin; `expression` is one number for all entries, or (3, 3)."""
    plain = Motion(np.eye(3), np.full((3, 3), expression), 1.0, np.zeros(3), REST)
    return replace(plain, **changes)


class Recorder:
    """A retargeter whose answers tell who was called."""

    layout = CAMERA

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        self.calls.append(("stitch",))
        return np.asarray(x_d * 10)

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        self.calls.append(("eyes", round(target, 6)))
        return np.full_like(x_s, 1.0)

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        self.calls.append(("lips", ratio, round(target, 6)))
        return np.full_like(x_s, 2.0)
