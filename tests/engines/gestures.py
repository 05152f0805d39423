"""Expressions made by hand, so that tests and example files need no driving."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from openportrait.engines.mesh.shape.movements import blinked, fields, looked
from openportrait.motion.layout import rotation_from_degrees
from openportrait.records import Motion

_NECK_PIVOT_CM = np.array([0.0, 7.0, 5.0])
"""In the head frame."""


@dataclass(frozen=True)
class Gesture:
    """What an authored face does; 0 everywhere is the source's own face."""

    jaw: float = 0.0
    """1: the mouth wide open."""
    smile: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0
    """1 raises the brows, negative values lower them."""
    frown: float = 0.0
    show_teeth: float = 0.0
    blink_left: float = 0.0
    """1 shuts the eye on the picture's left."""
    blink_right: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    """Eye widths to the picture's right and down."""
    pitch_degrees: float = 0.0
    """Positive nods down."""
    yaw_degrees: float = 0.0
    """Positive turns the nose to the picture's left."""
    roll_degrees: float = 0.0
    """Positive tips the top of the head to the picture's right."""


def authored(source: Motion, gesture: Gesture) -> Motion:
    """The source's motion with a gesture on top; the head turns about the neck, in its own frame."""
    made, points = fields(), source.canonical + source.expression
    expression = source.expression + (
        gesture.jaw * made.jaw
        + gesture.smile * made.smile
        + gesture.pucker * made.pucker
        + gesture.brow * made.brow
        + gesture.frown * made.frown
        + gesture.show_teeth * made.show_teeth
        + blinked(points, 1 - np.array([gesture.blink_left, gesture.blink_right]))
        + looked(points, gesture.gaze)
    )
    turn = rotation_from_degrees(gesture.pitch_degrees, gesture.yaw_degrees, gesture.roll_degrees)
    rotation = turn @ source.rotation
    shift = source.scale * (_NECK_PIVOT_CM @ source.rotation - _NECK_PIVOT_CM @ rotation)
    translation = source.translation + shift * (1.0, 1.0, 0.0)
    return replace(source, rotation=rotation, expression=expression, translation=translation)
