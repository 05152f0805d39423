"""A portrait or a clip changed by sliders: one expression for all of it, or a timeline of them."""

from __future__ import annotations

from fractions import Fraction

from openportrait.engines.base import Engine
from openportrait.errors import OptionError
from openportrait.expressions import Timeline
from openportrait.motion import keypoints
from openportrait.options import MotionOptions, Options
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.job import Base
from openportrait.pipeline.render import Pose, Rendering
from openportrait.pipeline.source import Source, SourceFace
from openportrait.pipeline.tools import Tools
from openportrait.records import FaceEdit, Motion, Ratios, Template

MAX_RATIO = 0.8
"""Largest value of the sliders for the openness of eyes and lips (SPEC §10)."""


def own_edit(ratios: Ratios) -> FaceEdit:
    """The sliders that give a face as it is."""
    return FaceEdit(eye_ratio=min(ratios.eyes, MAX_RATIO), lip_ratio=min(ratios.lip, MAX_RATIO))


class Edited:
    """One face of the source with its sliders."""

    def __init__(
        self, engine: Engine, options: MotionOptions, face: SourceFace, edits: FaceEdit | Timeline, rate: Fraction
    ) -> None:
        """`rate`: pictures a second of the result, for the timeline."""
        self._engine = engine
        self._face = face
        self._stitches = options.stitching
        self._base = Base(engine, options, face)
        self._edits = edits
        self._rate = rate

    def __len__(self) -> int:
        moves = len(self._face.motions) > 1
        return self._edits.frames if isinstance(self._edits, Timeline) and not moves else len(self._face.motions)

    def __call__(self, i: int) -> Pose:
        """The keypoints of picture i."""
        x_s = keypoints(self._face.motions[self._frame(i)], self._engine.layout)
        x_d = keypoints(self.motion(i), self._engine.layout)
        return Pose(x_s, self._engine.stitch(x_s, x_d) if self._stitches else x_d)

    def motion(self, i: int) -> Motion:
        """The edited motion of picture i, retargeted eyes and lips included."""
        return self._base.edited(self._frame(i), self._edit(i))

    def _frame(self, i: int) -> int:
        return i if len(self._face.motions) > 1 else 0

    def _edit(self, i: int) -> FaceEdit:
        if not isinstance(self._edits, Timeline):
            return self._edits
        own = own_edit(self._face.ratios[self._frame(i)])
        same = self._rate == self._edits.rate
        return self._edits.edit(i, own) if same else self._edits.at(float(i / self._rate), own)


class EditJob(Rendering):
    """A picture or clip with sliders, or with a timeline, ready to be rendered."""

    def __init__(
        self, tools: Tools, source: Source, edits: FaceEdit | Timeline, options: Options, watch: Watch
    ) -> None:
        """A picture with a timeline becomes a clip; a clip keeps its length, and the timeline runs along with it.

        Raises OptionError where the edit is given twice.
        """
        if options.motion.edit:
            raise OptionError("--edit is for driven jobs; give the sliders themselves here")
        of_timeline = edits.rate if isinstance(edits, Timeline) else None
        self._rate = source.rate or of_timeline
        rate = self._rate or Fraction(1)
        self._edited = [Edited(tools.engine, options.motion, face, edits, rate) for face in source.faces]
        super().__init__(tools.engine, source, self._edited, options, watch)

    @property
    def rate(self) -> Fraction | None:
        """The source's, or the timeline's."""
        return self._rate

    @property
    def template(self) -> Template | None:
        """The motion of the first face, as a template to drive other portraits."""
        return self.as_template(self._edited[0].motion)
