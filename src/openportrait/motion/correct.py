"""What happens to the driven keypoints before they are rendered (SPEC §5)."""

from __future__ import annotations

from typing import Protocol

from openportrait.errors import TemplateError
from openportrait.motion.layout import KeypointLayout
from openportrait.options import MotionOptions
from openportrait.records import Floats, Ratios

LIPS_OPEN_FROM = 0.03
"""Lip ratio from which normalize-lip closes a source's lips."""
EYES_CLOSED_BELOW = 0.18
"""A source video that starts with eyes less open is held at `EYES_OPEN` instead."""
EYES_OPEN = 0.39


class Retargeter(Protocol):
    """The part of an engine that the corrections need."""

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
        self, engine: Retargeter, options: MotionOptions, *, first_source: Ratios | None, source_moves: bool
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
