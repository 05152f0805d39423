"""Finds the cases in which the formulas of SPEC §4 and §5 use nothing of a driving, so that the source stays as it
is."""

from __future__ import annotations

from openportrait.layouts import KEYPOINT_SETS
from openportrait.options import MotionOptions
from openportrait.pipeline.playing import Played
from openportrait.regions import EXPRESSION, PARTS, POSE, RELEASED_POSE

OPENS = ("lids", "gaze", "lip")
"""What a driving of another layout moves of the expression."""


def why_idle(played: Played, layout: str, options: MotionOptions) -> str | None:
    """One line on what was asked of a driving and does not show in the result, with the remedy.

    None where everything shows that a user may expect. `layout`: name of the engine's keypoint layout.
    """
    driving, wanted = played.driving, played.wanted
    region = played.given.region or options.region
    if options.multiplier == 0:
        return "--multiplier 0 takes nothing of the driving: the source is left as it is; give a larger one"
    if not wanted.any(PARTS):
        return f"the strengths leave nothing of {driving.path}: the source is left as it is; give larger ones"
    if options.eye_retargeting or options.lip_retargeting:
        return None
    # A driving of another layout gives head pose and, where it knows it, how open eyes and lips are.
    foreign = driving.layout != layout
    points = KEYPOINT_SETS.get(driving.layout)
    estimates = points is not None and points.estimated_ratios is not None
    speaks = not foreign or bool(driving.ratios) or estimates
    opens = wanted.any(OPENS if foreign else EXPRESSION) and speaks
    turns = wanted.any(POSE)
    if not opens and not turns:
        return (
            f"{driving.path} says nothing of eyes and lips that this engine can use, and the region {region} "
            "takes nothing else: the source is left as it is; give all or pose"
        )
    if not opens and not options.relative and not wanted.any(RELEASED_POSE):
        return f"absolute motion keeps the size of the head, and {region} takes nothing else; leave out --no-relative"
    if turns and options.relative and driving.rate is None and (region != "all" or not opens):
        rest = "" if opens else ", and nothing else is taken of it, so the source is left as it is"
        return (
            f"{driving.path} is a single picture: its head pose counts as at rest{rest}; "
            "give --no-relative to take the pose over"
        )
    return None
