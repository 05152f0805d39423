"""Jobs without a driving: a portrait or a clip changed by sliders or a timeline, and the eyes and lips of a clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from openportrait.engines.base import Engine
from openportrait.errors import OptionError
from openportrait.expressions import Timeline
from openportrait.motion import keypoints, neutral_index, neutralised, smooth
from openportrait.options import MotionOptions, Options, RetargetOptions
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.job import Base
from openportrait.pipeline.render import Pose, Rendering
from openportrait.pipeline.source import AnySource, Source, SourceFace, is_still, open_source, path_of
from openportrait.pipeline.tools import Tools
from openportrait.records import FaceEdit, Floats, Motion, Ratios, Template
from openportrait.regions import EXPRESSION, EYES

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


# Eyes and lips of a clip that keeps its own motion (SPEC §10)


SILENT = dict.fromkeys(set(EXPRESSION) - set(EYES), 1.0)
"""What keeps the lips silent: the expression at rest but for the eyes (SPEC §10)."""


class Retargeted:
    """One face of a clip with its eyes and lips as open as wanted."""

    def __init__(self, engine: Engine, face: SourceFace, wanted: RetargetOptions, *, stitching: bool) -> None:
        self._engine = engine
        self._face = face
        self._wanted = wanted
        self._stitching = stitching
        self._rest = neutral_index(face.motions, face.ratios)
        self._expression_at_rest = engine.layout.neutral(face.motions[self._rest])
        smoothed = smooth((self._offsets(i) for i in range(len(self))), wanted.retarget_smoothing)
        self._smoothed = [offsets.astype(np.float32) for offsets in smoothed]

    def __len__(self) -> int:
        return len(self._face.motions)

    def __call__(self, i: int) -> Pose:
        """The keypoints of frame i."""
        x_s = self._x_s(i)
        x_d = self._silenced(i) if self._wanted.silent else x_s
        x_d = x_d + self._smoothed[i]
        return Pose(x_s, self._engine.stitch(x_s, x_d) if self._stitching else x_d)

    def _x_s(self, i: int) -> Floats:
        return keypoints(self._face.motions[i], self._engine.layout)

    def _silenced(self, i: int) -> Floats:
        """The face at rest, except for the eyes: exp = N outside the eye set."""
        layout = self._engine.layout
        return keypoints(neutralised(self._face.motions[i], self._expression_at_rest, SILENT, layout), layout)

    def _offsets(self, i: int) -> Floats:
        x_s, ratios, wanted = self._x_s(i), self._face.ratios[i], self._wanted
        offsets = np.zeros_like(x_s)
        if wanted.lip is not None:
            offsets += self._engine.open_lips(x_s, ratios.lip, wanted.lip)
        elif wanted.close_lips_at_rest:
            open_at_rest = self._face.ratios[self._rest].lip
            offsets += self._engine.open_lips(x_s, ratios.lip, max(ratios.lip - open_at_rest, 0.0))
        if wanted.eyes is not None:
            offsets += self._engine.open_eyes(x_s, ratios, wanted.eyes)
        return offsets


class RetargetJob(Rendering):
    """A clip whose faces are found and measured. Iterate to render it."""

    def __init__(
        self, source: AnySource, wanted: RetargetOptions, options: Options, watch: Watch, tools: Tools | None = None
    ) -> None:
        """Raises OptionError where nothing is asked for or the source is a picture, and what `Job` raises."""
        if not (wanted.silent or wanted.close_lips_at_rest) and wanted.lip is None and wanted.eyes is None:
            raise OptionError("nothing to retarget; give --lip, --eyes, --silent or --close-lips-at-rest")
        if wanted.silent and (wanted.lip is not None or wanted.close_lips_at_rest):
            raise OptionError("--silent keeps the lips at rest; leave out --lip and --close-lips-at-rest")
        if is_still(source, options):
            raise OptionError(f"{path_of(source)} is a picture; retargeting takes a clip (edit takes pictures)")
        tools = tools or Tools.load(options.engine)
        engine, found = tools.engine, open_source(source, tools, options, watch)
        moves = [Retargeted(engine, face, wanted, stitching=options.motion.stitching) for face in found.faces]
        super().__init__(engine, found, moves, options, watch)
