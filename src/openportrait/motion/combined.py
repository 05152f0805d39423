"""Several drivings on one face: each moves the parts that are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from openportrait.motion.layout import KeypointLayout
from openportrait.motion.pose import turned_by
from openportrait.motion.transfer import resized, towards, turned_towards
from openportrait.records import Floats, Motion
from openportrait.regions import Wanted


class Driven(NamedTuple):
    """What one driving makes of a face."""

    motion: Motion
    wanted: Wanted
    """The parts that follow it; no part follows two drivings."""
    share: float = 1.0
    """How far it is followed, 0..1: less where a driving fades out."""


def combined(source: Motion, drivings: Sequence[Driven]) -> Motion:
    """The source's motion with the change that each driving makes in its own parts; one alone is given back as it is.

    The expression is the sum of the changes. Of rotation, place and size each has one driving at most.
    """
    if len(drivings) == 1 and drivings[0].share == 1:
        return drivings[0].motion
    made = source
    for motion, wanted, share in drivings:
        if not share:
            continue
        expression = made.expression + share * (motion.expression - source.expression)
        made = replace(made, expression=expression)
        if wanted["turn"]:
            made = replace(made, rotation=turned_towards(source.rotation, motion.rotation, share))
        if wanted["place"]:
            made = replace(made, translation=towards(source.translation, motion.translation, share))
        if wanted["size"]:
            made = replace(made, scale=resized(source.scale, motion.scale, source.scale, share))
    return made


def neutralised(source: Motion, rest: Floats, amounts: Mapping[str, float], layout: KeypointLayout) -> Motion:
    """The source with its own expression taken away: of each part (absent: nothing) by 0..1.

    `rest` (K, 3) is the expression at rest, one for a whole clip: an estimate for each frame would flicker. Of the
    pose only the turn has a neutral: straight at the viewer. Raises OptionError as `KeypointLayout.weights`.
    """
    expression = source.expression + layout.shares(amounts) * (rest - source.expression)
    return replace(source, rotation=turned_by(source.rotation, 1 - amounts.get("turn", 0.0)), expression=expression)


def carried(motion: Motion, before: Motion, after: Motion) -> Motion:
    """A motion that is changed as another one was: turn, expression and size; both of the same layout."""
    return replace(
        motion,
        rotation=after.rotation @ before.rotation.T @ motion.rotation,
        expression=motion.expression + after.expression - before.expression,
        scale=motion.scale * after.scale / before.scale,
    )
