"""Where the formulas of SPEC §4 and §5 leave nothing of a driving, so that the source comes back as it is."""

from __future__ import annotations

from openportrait.motion import LIVEPORTRAIT_21
from openportrait.options import MotionOptions
from openportrait.pipeline.driving import Driving

OPENS = ("all", "exp", "eyes", "lip")
TURNS = ("all", "pose")


def why_idle(driving: Driving, layout: str, options: MotionOptions) -> str | None:
    """Why nothing of the driving shows in the result, and the remedy, in one line; None where something does.

    `layout`: name of the engine's keypoint layout.
    """
    if options.multiplier == 0:
        return "--multiplier 0 takes nothing of the driving: the source is left as it is; give a larger one"
    if options.eye_retargeting or options.lip_retargeting:
        return None
    # A driving of another layout gives head pose and, where it knows it, how open eyes and lips are.
    foreign = driving.layout != layout
    speaks = not foreign or bool(driving.ratios) or driving.layout == LIVEPORTRAIT_21.name
    if options.region in OPENS and speaks:
        return None
    if options.region not in TURNS:
        return (
            f"{driving.path} says nothing of eyes and lips that this engine can use, and --region {options.region} "
            "takes nothing else: the source is left as it is; give --region all or pose"
        )
    if options.relative and len(driving.motions) == 1:
        return (
            f"{driving.path} is a single picture: its head pose counts as at rest, and nothing else is taken of it, "
            "so the source is left as it is; give --no-relative to take the pose over"
        )
    return None
