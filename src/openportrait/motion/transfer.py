"""The core of the method: changes a source's motion by a driving's (SPEC §4), one frame at a time.

Choose a transfer once, before the loop; inside it, call it. A transfer remembers nothing, so the
same one serves clips and a live camera. When several drivings move one face, each moves its own parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from openportrait.motion.layout import KeypointLayout, turned_by
from openportrait.options import MotionOptions
from openportrait.records import Floats, Motion
from openportrait.regions import Wanted


class Transfer(Protocol):
    """How a source face moves when a driving face does."""

    def __call__(self, source: Motion, driving: Motion) -> Motion:
        """The driven motion: the source's identity, the driving's movement."""
        ...


@dataclass(frozen=True)
class Kind:
    """Which of the four columns of SPEC §4's table applies."""

    source_moves: bool
    """The source is a video."""
    driving_moves: bool
    """The driving is a video, or a template of more than one frame."""


def choose_transfer(
    layout: KeypointLayout,
    options: MotionOptions,
    kind: Kind,
    source: Motion,
    reference: Motion,
    wanted: Wanted | None = None,
) -> Transfer:
    """The transfer that the options ask for.

    `source` is the source's first motion, `reference` the driving's at rest (a driving image itself); `wanted` what
    follows this driving, where it is not all that the options say. Raises OptionError as `KeypointLayout.weights`.
    """
    wanted = wanted or options.wanted
    if not options.relative:
        return AbsoluteTransfer(
            layout=layout,
            weights=layout.weights(wanted.strengths, masked=True),
            wanted=wanted,
            source_rest=layout.neutral(source),
            driving_rest=layout.neutral(reference),
            reference=reference,
        )
    return RelativeTransfer(
        layout=layout,
        weights=layout.weights(wanted.strengths, masked=kind.source_moves),
        pose=RelativePose(wanted, kind, reference, layout.translation_follows_scale, options.stabilise),
        reference=_reference_expression(layout, wanted, kind, reference),
    )


def _reference_expression(layout: KeypointLayout, wanted: Wanted, kind: Kind, reference: Motion) -> Floats:
    if kind.driving_moves:
        return reference.expression
    if wanted.is_eyes and not kind.source_moves and not layout.eyes_of_image_from_neutral:
        return np.zeros((layout.count, 3))
    return layout.neutral(reference)


@dataclass(frozen=True, eq=False)
class RelativePose:
    """Rotation, scale and translation of the relative table; needs no keypoints, so any layout may drive."""

    wanted: Wanted
    kind: Kind
    reference: Motion
    """The driving at rest."""
    follow_scale: bool
    """Whether shifts are first multiplied by s_s / s_d,0."""
    lock_scale: bool
    """Keep the source's scale, so that the head does not seem to grow and shrink."""

    def __call__(self, source: Motion, driving: Motion) -> tuple[Floats, float, Floats]:
        """(R, s, t) of the driven face. A driving image has no pose to give; a source video keeps its place and
        size."""
        rotation, scale, translation = source.rotation, source.scale, source.translation
        wanted, reference = self.wanted, self.reference
        if self.kind.driving_moves:
            if wanted["turn"]:
                turn = turned_by(driving.rotation @ reference.rotation.T, wanted["turn"])
                rotation = turn @ source.rotation
            if wanted["place"] and not self.kind.source_moves:
                shift = driving.translation - reference.translation
                unit = source.scale / reference.scale if self.follow_scale else 1.0
                translation = source.translation + wanted["place"] * (unit * shift)
            if wanted["size"] and not self.kind.source_moves and not self.lock_scale:
                scale = resized(source.scale, driving.scale, reference.scale, wanted["size"])
        return rotation, scale, _flat(translation)


def resized(own: float, driving: float, reference: float, amount: float) -> float:
    """A scale that grows as the driving's has since its reference, to the power of `amount`."""
    return own * driving / reference if amount == 1 else float(own * (driving / reference) ** amount)


@dataclass(frozen=True, eq=False)
class RelativeTransfer:
    """The source plus the driving's change since it was at rest."""

    layout: KeypointLayout
    weights: Floats
    """(K, 3), 0..3: of each part its strength."""
    pose: RelativePose
    reference: Floats
    """(K, 3) expression of the driving at rest."""

    def __call__(self, source: Motion, driving: Motion) -> Motion:
        """Shapes as in `Motion`; both of this transfer's layout."""
        change = self.layout.change(source.expression, driving.expression, self.reference)
        rotation, scale, translation = self.pose(source, driving)
        return Motion(rotation, source.expression + self.weights * change, scale, translation, source.canonical)


@dataclass(frozen=True, eq=False)
class AbsoluteTransfer:
    """The driving's motion as it is, on the source's face."""

    layout: KeypointLayout
    weights: Floats
    """(K, 3), 0..3: of each part its strength."""
    wanted: Wanted
    source_rest: Floats
    """(K, 3) N of the source's face."""
    driving_rest: Floats
    """(K, 3) N of the driving's; where N is one constant, the expression is the driving's own (SPEC §4)."""
    reference: Motion
    """The driving at rest, for layouts whose shifts follow the scale."""

    def __call__(self, source: Motion, driving: Motion) -> Motion:
        """Shapes as in `Motion`; both of this transfer's layout."""
        target = self.source_rest + self.layout.change(self.source_rest, driving.expression, self.driving_rest)
        expression = source.expression + self.weights * (target - source.expression)
        rotation, translation = source.rotation, source.translation
        if self.wanted["turn"]:
            rotation = turned_towards(source.rotation, driving.rotation, self.wanted["turn"])
        if self.wanted["place"]:
            # The place of a head in one picture means nothing in another; it is taken over only between crops of the
            # same kind.
            follows = self.layout.translation_follows_scale
            there = followed(source, driving, self.reference) if follows else driving.translation
            translation = towards(source.translation, there, self.wanted["place"])
        return Motion(rotation, expression, source.scale, _flat(translation), source.canonical)


def followed(source: Motion, driving: Motion, reference: Motion) -> Floats:
    """(3,) t: the source's place, moved by the driving's shift since `reference`, in sizes of the face."""
    return source.translation + source.scale / reference.scale * (driving.translation - reference.translation)


def towards(start: Floats, end: Floats, amount: float) -> Floats:
    """`amount` of the way from one to the other, beyond it above 1."""
    return end if amount == 1 else np.asarray(start + amount * (end - start))


def turned_towards(start: Floats, end: Floats, amount: float) -> Floats:
    """(3, 3) the rotation `amount` of the way from one to the other."""
    return end if amount == 1 else turned_by(end @ start.T, amount) @ start


def _flat(translation: Floats) -> Floats:
    return np.append(translation[:2], 0.0)


# Several drivings on one face


class Driven(NamedTuple):
    """The motion that one driving gives a face."""

    motion: Motion
    wanted: Wanted
    """The parts that follow it; no part follows two drivings."""
    share: float = 1.0
    """How far it is followed, 0..1: less where a driving fades out."""


def combined(source: Motion, drivings: Sequence[Driven]) -> Motion:
    """The source's motion with the change that each driving makes in its own parts; one alone is given back as it is.

    The expression is the sum of the changes. At most one driving sets the rotation, one the place and one the size.
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
    pose, only the turn has a neutral: looking straight at the viewer. Raises OptionError as
    `KeypointLayout.weights`.
    """
    expression = source.expression + layout.shares(amounts) * (rest - source.expression)
    return replace(source, rotation=turned_by(source.rotation, 1 - amounts.get("turn", 0.0)), expression=expression)


def carried(motion: Motion, before: Motion, after: Motion) -> Motion:
    """The motion, with the change that led from one motion to another: turn, expression and size; one layout for
    all."""
    return replace(
        motion,
        rotation=after.rotation @ before.rotation.T @ motion.rotation,
        expression=motion.expression + after.expression - before.expression,
        scale=motion.scale * after.scale / before.scale,
    )
