"""Changes how open the eyes and lips of a clip are; the clip keeps its own motion (SPEC §10)."""

from __future__ import annotations

import numpy as np

from openportrait.engines.base import Engine
from openportrait.errors import OptionError
from openportrait.motion import keypoints, neutral_index, neutralised, smooth
from openportrait.options import Options, RetargetOptions
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.render import Pose, Rendering
from openportrait.pipeline.source import AnySource, SourceFace, is_still, open_source, path_of
from openportrait.pipeline.tools import Tools
from openportrait.records import Floats
from openportrait.regions import EXPRESSION, EYES

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
