"""Editing a face by sliders (SPEC §10): poses for every engine, expressions for the 21 keypoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple, Protocol

import numpy as np

from openportrait.checked import Range, specs
from openportrait.errors import OptionError
from openportrait.motion.correct import Retargeter
from openportrait.motion.keypoints import keypoints
from openportrait.motion.layout import KeypointLayout
from openportrait.motion.liveportrait import COUNT, X, Y, Z
from openportrait.motion.pose import degrees_from_rotation, rotation_from_degrees
from openportrait.records import FaceEdit, Floats, Motion, Ratios

SAME_RATIO = 0.005
"""Half a slider's hundredth: a target this close to the source's own openness changes nothing."""


def sides(edit: FaceEdit, name: str) -> tuple[float, float]:
    """A slider on the picture's left and right: its own value and that of each side, within its range."""
    low, high = _range(name)
    both = getattr(edit, name)
    left, right = (min(max(both + getattr(edit, f"{name}_{side}"), low), high) for side in ("left", "right"))
    return left, right


def winked_sides(edit: FaceEdit) -> tuple[float, float]:
    """The winks of the eyes on the picture's left and right; the released slider `wink` is the left's."""
    return min(edit.wink + edit.wink_left, _range("wink").high), edit.wink_right


def _range(name: str) -> Range:
    found = next(spec.range for spec in specs(FaceEdit) if spec.name == name)
    assert found is not None, "all sliders with sides have a range"
    return found


class Slider(NamedTuple):
    """What one slider adds to the expression: gain times its value, to each entry."""

    name: str
    """Field of `FaceEdit`."""
    values: Literal["any", "above 0", "below 0"]
    entries: tuple[tuple[int, int, float], ...]
    """(keypoint, axis, gain)."""


SLIDERS = (
    Slider(
        "smile",
        "any",
        (
            (20, Y, -0.01),
            (14, Y, -0.02),
            (17, Y, 0.0065),
            (17, Z, 0.003),
            (13, Y, -0.00275),
            (16, Y, -0.00275),
            (3, Y, -0.0035),
            (7, Y, -0.0035),
        ),
    ),
    Slider("wink", "any", ((11, Y, 0.001), (13, Y, -0.0003), (17, X, 0.0003), (17, Y, 0.0003), (3, Y, -0.0003))),
    # Not in SPEC §10: the same for the other eye, whose keypoints those of the vertical gaze name.
    Slider("wink_right", "any", ((15, Y, 0.001), (16, Y, -0.0003), (17, X, -0.0003), (17, Y, 0.0003), (7, Y, -0.0003))),
    Slider("eyebrow", "above 0", ((1, Y, 0.001), (2, Y, -0.001))),
    Slider("eyebrow", "below 0", ((1, X, -0.001), (2, X, 0.001), (1, Y, 0.0003), (2, Y, -0.0003))),
    Slider("gaze_x", "above 0", ((11, X, 0.0007), (15, X, 0.001))),
    Slider("gaze_x", "below 0", ((11, X, 0.001), (15, X, 0.0007))),
    Slider("gaze_y", "any", ((11, Y, -0.001), (15, Y, -0.001))),
    # The lids follow the gaze: the blink of SPEC §10, −1/2 of the gaze, is multiplied into the gains.
    Slider("gaze_y", "any", ((11, Y, 0.0005), (13, Y, -0.00015), (15, Y, 0.0005), (16, Y, -0.00015))),
    Slider("pouting", "any", ((19, X, 1.0),)),
    Slider("pursing", "any", ((14, Y, 0.001), (3, Y, -0.0005), (7, Y, -0.0005), (17, Z, -0.0005))),
    Slider("grin", "any", ((20, Z, -0.001), (20, Y, -0.001), (14, Y, -0.001))),
    Slider("lip_open", "any", ((19, Y, 0.001), (19, Z, 0.0001), (17, Y, -0.0001))),
    Slider("move_x", "any", ((5, X, -1.0),)),
    Slider("move_y", "any", ((5, Y, 1.0),)),
)


def edit_expression(edit: FaceEdit) -> Floats:
    """(21, 3) what the sliders add to the expression of the published model's keypoints.

    Raises OptionError for a side that these keypoints do not move alone.
    """
    for name in ("smile", "eyebrow"):
        if len(set(sides(edit, name))) > 1:
            raise OptionError(
                f"the keypoints of this engine do not move one side alone; give {name} for both, "
                "or take an engine that does (--engine mesh)"
            )
    left, right = winked_sides(edit)
    edit = replace(edit, smile=sides(edit, "smile")[0], eyebrow=sides(edit, "eyebrow")[0], wink=left, wink_right=right)
    change = np.zeros((COUNT, 3))
    for slider in SLIDERS:
        value: float = getattr(edit, slider.name)
        if slider.values == "any" or (value > 0) == (slider.values == "above 0"):
            for point, axis, gain in slider.entries:
                change[point, axis] += gain * value
    return change


def edited(motion: Motion, edit: FaceEdit, change: Floats) -> Motion:
    """The motion with pose sliders applied and `change` (K, 3) added to its expression; it keeps its place."""
    pitch, yaw, roll = degrees_from_rotation(motion.rotation)
    rotation = rotation_from_degrees(pitch + edit.pitch_degrees, yaw + edit.yaw_degrees, roll + edit.roll_degrees)
    turned = edit.pitch_degrees or edit.yaw_degrees or edit.roll_degrees
    return replace(
        motion,
        rotation=rotation if turned else motion.rotation,
        expression=motion.expression + change,
        scale=motion.scale * edit.move_z,
    )


class Editor(Retargeter, Protocol):
    """The part of an engine that editing needs."""

    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        """(K, 3) change of the expression for the sliders of an edit."""
        ...


def edited_motion(engine: Editor, source: Motion, ratios: Ratios, edit: FaceEdit) -> Motion:
    """The source with the sliders applied, then the target openness of eyes and lips as part of its expression."""
    motion = edited(source, edit, engine.expression(edit, source))
    x_s = keypoints(source, engine.layout)
    offsets = np.zeros_like(x_s)
    if edit.eye_ratio is not None and abs(edit.eye_ratio - ratios.eyes) >= SAME_RATIO:
        offsets += engine.open_eyes(x_s, ratios, edit.eye_ratio)
    if edit.lip_ratio is not None and abs(edit.lip_ratio - ratios.lip) >= SAME_RATIO:
        offsets += engine.open_lips(x_s, ratios.lip, edit.lip_ratio)
    return moved_by(motion, offsets, engine.layout, source.rotation)


def moved_by(motion: Motion, offsets: Floats, layout: KeypointLayout, rotation: Floats) -> Motion:
    """The motion with an expression that moves its keypoints by (K, 3) offsets, crop units.

    `rotation` (3, 3) is that of the head on which the offsets were measured.
    """
    if layout.expression_frame == "head":
        offsets = offsets @ rotation.T
    return replace(motion, expression=motion.expression + offsets / motion.scale)


def edited_keypoints(
    engine: Editor, source: Motion, ratios: Ratios, edit: FaceEdit, *, stitching: bool = True
) -> tuple[Floats, Floats]:
    """(x_s, x_d), each (K, 3): the edited face's keypoints, then stitching."""
    x_s = keypoints(source, engine.layout)
    x_d = keypoints(edited_motion(engine, source, ratios, edit), engine.layout)
    return x_s, engine.stitch(x_s, x_d) if stitching else x_d
