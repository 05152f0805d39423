"""Lets a template of another layout drive an engine: head pose and openness exist in every layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from openportrait.motion.clip import Pairing, neutral_index
from openportrait.motion.edits import RetargetingEngine, moved_by
from openportrait.motion.layout import KeypointSet, keypoints
from openportrait.motion.transfer import RelativePose, followed, towards, turned_towards
from openportrait.options import MotionOptions
from openportrait.records import Floats, Motion, Ratios
from openportrait.regions import Wanted

CLOSED_SHARE = 0.2
"""Eyes at this share of their openness at rest are shut: landmarks of shut lids keep a gap."""
WIDEST_SHARE = 1.3
"""Eyes are opened to at most this share of the source's own openness."""
USUAL = Ratios(eye_left=0.35, eye_right=0.35, lip=0.02)
"""A face at rest, where the driving is a single frame."""


class PortableTransfer:
    """The `Drive` of a foreign template: head pose as relative or absolute motion, openness by ratio, no expression.

    Rotations follow one convention in every layout; shifts are measured in sizes of the face.
    """

    def __init__(
        self,
        engine: RetargetingEngine,
        sources: Sequence[Motion],
        source_ratios: Sequence[Ratios],
        drivings: Sequence[Motion],
        driving_ratios: Sequence[Ratios],
        options: MotionOptions,
        driving_points: KeypointSet | None = None,
        schedule: Sequence[int] | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """Sources of the engine's layout with one ratio each; drivings of any layout, ratios may be missing.

        `driving_points`: what is known of the drivings' keypoints. Missing ratios are estimated where these show
        them; elsewhere the openness stays the source's. `schedule`, `wanted`: as for `ClipTransfer`.
        """
        if not driving_ratios and driving_points is not None and driving_points.estimated_ratios is not None:
            driving_ratios = [driving_points.estimated_ratios(motion) for motion in drivings]
        self.engine = engine
        self.sources = sources
        self.source_ratios = source_ratios
        self.drivings = drivings
        self.driving_ratios = driving_ratios
        self.options = options
        self.wanted = wanted or options.wanted
        self.pairing = Pairing(len(sources), len(drivings), schedule)
        kind = self.pairing.kind
        rest = neutral_index(drivings, driving_ratios) if options.neutral_frame == "auto" else 0
        self._unit = face_size(drivings[rest], driving_points) / face_size(sources[0], engine.layout.points)
        self._reference = self._in_own_units(drivings[rest])
        self._pose = RelativePose(self.wanted, kind, self._reference, True, options.stabilise)
        self._rest = driving_ratios[rest] if driving_ratios and kind.driving_moves else USUAL

    def __len__(self) -> int:
        """Frames of the result."""
        return self.pairing.frames

    def source_index(self, i: int) -> int:
        """Frame of the source that meets frame i of the result."""
        return self.pairing.source_index(i)

    def driving_index(self, i: int) -> int:
        """Frame of the driving that meets frame i of the result."""
        return self.pairing.driving_index(i)

    def x_source(self, i: int) -> Floats:
        """(K, 3) keypoints of the source in frame i."""
        return keypoints(self.sources[self.source_index(i)], self.engine.layout)

    def x_driven(self, i: int) -> Floats:
        """(K, 3) keypoints to move to in frame i, before the corrections."""
        return keypoints(self(i), self.engine.layout)

    def __call__(self, i: int) -> Motion:
        """The driven motion of frame i; openness is part of its expression."""
        source, driving = self.sources[self.source_index(i)], self.drivings[self.driving_index(i)]
        motion = self._posed(source, driving)
        if self.driving_ratios and self.source_ratios:
            own, other = self.source_ratios[self.source_index(i)], self.driving_ratios[self.driving_index(i)]
            offsets = self._opening(keypoints(motion, self.engine.layout), own, other)
            motion = moved_by(motion, offsets, self.engine.layout, motion.rotation)
        return motion

    def _in_own_units(self, driving: Motion) -> Motion:
        """The driving with a scale as the engine's layout would measure it on the same face."""
        return replace(driving, scale=driving.scale * self._unit)

    def _posed(self, source: Motion, driving: Motion) -> Motion:
        driving = self._in_own_units(driving)
        if self.options.relative:
            rotation, scale, translation = self._pose(source, driving)
            return replace(source, rotation=rotation, scale=scale, translation=translation)
        rotation, translation = source.rotation, source.translation
        if self.wanted["turn"]:
            rotation = turned_towards(rotation, driving.rotation, self.wanted["turn"])
        if self.wanted["place"]:
            translation = towards(translation, followed(source, driving, self._reference), self.wanted["place"])
        return replace(source, rotation=rotation, translation=translation)

    def _opening(self, x: Floats, source: Ratios, driving: Ratios) -> Floats:
        """(K, 3) offsets of the keypoints; of eyes the lids' strength counts."""
        change = np.zeros_like(x)
        if self.wanted["lids"]:
            change += self.wanted["lids"] * self.engine.open_eyes(x, source, self._eye_target(source, driving))
        if self.wanted["lip"]:
            change += self.wanted["lip"] * self.engine.open_lips(x, source.lip, self._lip_target(source, driving))
        return change

    def _eye_target(self, source: Ratios, driving: Ratios) -> float:
        if not self.options.relative:
            return driving.eyes
        share = (driving.eyes / max(self._rest.eyes, 1e-3) - CLOSED_SHARE) / (1 - CLOSED_SHARE)
        return source.eyes * float(np.clip(share, 0, WIDEST_SHARE))

    def _lip_target(self, source: Ratios, driving: Ratios) -> float:
        if not self.options.relative:
            return driving.lip
        # Lips at rest are nearly closed, so their openness cannot be a unit for how far they open.
        if driving.lip >= self._rest.lip:
            return source.lip + driving.lip - self._rest.lip
        return source.lip * driving.lip / self._rest.lip


def face_size(motion: Motion, points: KeypointSet | None) -> float:
    """Height of the face in canonical units of its keypoints; `points`: what is known of them."""
    if points is not None and not points.spans_face:
        return points.face_height
    return float(np.ptp(motion.canonical[:, 1]))
