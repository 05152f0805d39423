"""What is done to a face's keypoints besides a driving: corrections before rendering (SPEC §5), sliders (SPEC §10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from openportrait.checked import Range, specs
from openportrait.errors import TemplateError
from openportrait.motion.layout import KeypointLayout, degrees_from_rotation, keypoints, rotation_from_degrees
from openportrait.options import MotionOptions
from openportrait.records import FaceEdit, Floats, Motion, Ratios

LIPS_OPEN_FROM = 0.03
"""Lip ratio from which normalize-lip closes a source's lips."""
EYES_CLOSED_BELOW = 0.18
"""A source video that starts with eyes less open is held at `EYES_OPEN` instead."""
EYES_OPEN = 0.39
"""Eye ratio of eyes that are open; this and the two above: SPEC §5."""


class RetargetingEngine(Protocol):
    """What the corrections need of an engine."""

    layout: KeypointLayout

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """x_d (K, 3) changed so that shoulders and border stay where they are."""
        ...

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        """(K, 3) offsets that bring the eyes from `ratios` to the openness `target`."""
        ...

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        """(K, 3) offsets that bring the lips from `ratio` to the openness `target`."""
        ...


class Corrections:
    """Stitching, retargeting and the multiplier, in the order of SPEC §5; built once, called per frame."""

    def __init__(
        self, engine: RetargetingEngine, options: MotionOptions, *, first_source: Ratios | None, source_moves: bool
    ) -> None:
        """`first_source`: openness in the source's first frame; None where it is unknown."""
        self.engine = engine
        self.options = options
        self.retargeting = options.eye_retargeting or options.lip_retargeting
        self.close_lips = options.normalize_lip and options.relative
        self.eye_target: float | None = None
        if options.source_eye_retargeting and source_moves and first_source is not None:
            openness = first_source.eyes
            self.eye_target = openness if openness >= EYES_CLOSED_BELOW else EYES_OPEN

    def __call__(
        self,
        x_s: Floats,
        x_d: Floats,
        source: Ratios | None,
        driving: Ratios | None,
        base: Floats | None = None,
    ) -> Floats:
        """(K, 3) keypoints to render; ratios are those of this frame's source and driving.

        `base` (K, 3): what motion was added to, where that is not the source as it is.
        Without `source` ratios nothing is retargeted. Raises TemplateError when retargeting is
        asked for and the driving has no ratios.
        """
        if self.retargeting:
            x = self._retargeted(x_s, x_d, source, driving, x_s if base is None else base)
        else:
            x = self._stitched(x_s, x_d, source)
        return x_s + (x - x_s) * self.options.multiplier

    def _stitched(self, x_s: Floats, x_d: Floats, source: Ratios | None) -> Floats:
        x = self.engine.stitch(x_s, x_d) if self.options.stitching else x_d
        if source is None:
            return x
        if self.close_lips and source.lip >= LIPS_OPEN_FROM:
            x = x + self.engine.open_lips(x_s, source.lip, 0.0)
        if self.eye_target is not None:
            x = x + self.engine.open_eyes(x_s, source, self.eye_target)
        return x

    def _retargeted(
        self, x_s: Floats, x_d: Floats, source: Ratios | None, driving: Ratios | None, base: Floats
    ) -> Floats:
        if driving is None:
            raise TemplateError(
                "the driving template says nothing of how open eyes and lips are; turn eye and lip retargeting off"
            )
        x = base if self.options.relative else x_d
        if source is not None and self.options.eye_retargeting:
            x = x + self.engine.open_eyes(x_s, source, driving.eye_left)
        if source is not None and self.options.lip_retargeting:
            x = x + self.engine.open_lips(x_s, source.lip, driving.lip)
        return self.engine.stitch(x_s, x) if self.options.stitching else x


# Editing by sliders (SPEC §10)


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


class EditingEngine(RetargetingEngine, Protocol):
    """What editing needs of an engine."""

    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        """(K, 3) change of the expression for the sliders of an edit."""
        ...


def edited_motion(engine: EditingEngine, source: Motion, ratios: Ratios, edit: FaceEdit) -> Motion:
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
    engine: EditingEngine, source: Motion, ratios: Ratios, edit: FaceEdit, *, stitching: bool = True
) -> tuple[Floats, Floats]:
    """(x_s, x_d), each (K, 3): the edited face's keypoints, then stitching."""
    x_s = keypoints(source, engine.layout)
    x_d = keypoints(edited_motion(engine, source, ratios, edit), engine.layout)
    return x_s, engine.stitch(x_s, x_d) if stitching else x_d
