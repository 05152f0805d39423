"""The heart of the method: a source's motion, changed by a driving's (SPEC §4), one frame at a time.

Choose a transfer once, before the loop; inside it, call it. A transfer remembers nothing, so the
same one serves clips and a live camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from openportrait.motion.layout import KeypointLayout
from openportrait.options import MotionOptions, Region
from openportrait.records import Floats, Motion


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
    layout: KeypointLayout, options: MotionOptions, kind: Kind, source: Motion, reference: Motion
) -> Transfer:
    """The transfer that the options ask for.

    `source` is the source's first motion, `reference` the driving's at rest (a driving image itself).
    """
    if not options.relative:
        return AbsoluteTransfer(
            layout=layout,
            weights=expression_weights(layout, options.region, masked=True),
            region=options.region,
            source_rest=layout.neutral(source),
            driving_rest=layout.neutral(reference),
            reference=reference,
        )
    return RelativeTransfer(
        layout=layout,
        weights=expression_weights(layout, options.region, masked=kind.source_moves),
        pose=RelativePose(options.region, kind, reference, layout.translation_follows_scale, options.stabilise),
        reference=_reference_expression(layout, options.region, kind, reference),
    )


def expression_weights(layout: KeypointLayout, region: Region, *, masked: bool) -> Floats:
    """(K, 3) how far each entry of the expression takes part in a region."""
    if region == "pose":
        return np.zeros((layout.count, 3))
    if region == "lip":
        return layout.weights.lips
    if region == "eyes":
        return layout.weights.eyes
    return layout.weights.masked if masked else layout.weights.every


def _reference_expression(layout: KeypointLayout, region: Region, kind: Kind, reference: Motion) -> Floats:
    if kind.driving_moves:
        return reference.expression
    if region == "eyes" and not kind.source_moves and not layout.eyes_of_image_from_neutral:
        return np.zeros((layout.count, 3))
    return layout.neutral(reference)


@dataclass(frozen=True, eq=False)
class RelativePose:
    """Rotation, scale and translation of the relative table; needs no keypoints, so any layout may drive."""

    region: Region
    kind: Kind
    reference: Motion
    """The driving at rest."""
    follow_scale: bool
    """Whether shifts are first multiplied by s_s / s_d,0."""
    lock_scale: bool
    """Keep the source's scale, so that the head does not breathe."""

    def __call__(self, source: Motion, driving: Motion) -> tuple[Floats, float, Floats]:
        """(R, s, t) of the driven face; a driving image brings no pose, a source video keeps its place and size."""
        rotation, scale, translation = source.rotation, source.scale, source.translation
        if self.kind.driving_moves and self.region in ("all", "pose"):
            rotation = driving.rotation @ self.reference.rotation.T @ source.rotation
            if not self.kind.source_moves:
                if self.follow_scale:
                    translation = followed(source, driving, self.reference)
                else:
                    translation = source.translation + (driving.translation - self.reference.translation)
                if self.region == "all" and not self.lock_scale:
                    scale = source.scale * driving.scale / self.reference.scale
        return rotation, scale, _flat(translation)


@dataclass(frozen=True, eq=False)
class RelativeTransfer:
    """The source plus the driving's change since it was at rest."""

    layout: KeypointLayout
    weights: Floats
    """(K, 3), 0..1."""
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
    """(K, 3), 0..1."""
    region: Region
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
        if self.region in ("all", "pose"):
            rotation = driving.rotation
            # Where a head lies in its own picture says nothing of another; only in like crops may it be taken over.
            follows = self.layout.translation_follows_scale
            translation = followed(source, driving, self.reference) if follows else driving.translation
        return Motion(rotation, expression, source.scale, _flat(translation), source.canonical)


def followed(source: Motion, driving: Motion, reference: Motion) -> Floats:
    """(3,) t: the source's place, moved by the driving's shift since `reference`, in sizes of the face."""
    return source.translation + source.scale / reference.scale * (driving.translation - reference.translation)


def _flat(translation: Floats) -> Floats:
    return np.append(translation[:2], 0.0)
