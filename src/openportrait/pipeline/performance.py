"""A still portrait that plays a timeline of expressions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from openportrait.expressions import Timeline
from openportrait.motion import PackedMotions
from openportrait.options import Options
from openportrait.pipeline.editor import Editor
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.render import Pose, Rendering
from openportrait.records import FaceEdit, Template


class Performed:
    """The one face of a portrait, edited as the timeline says."""

    def __init__(self, editor: Editor, timeline: Timeline) -> None:
        self._editor = editor
        self._timeline = timeline

    def __len__(self) -> int:
        return self._timeline.frames

    def __call__(self, i: int) -> Pose:
        """The keypoints of picture i."""
        return self._editor.pose(self.edit(i))

    def edit(self, i: int) -> FaceEdit:
        """The expression of picture i."""
        return self._timeline.edit(i, self._editor.own)


class PerformJob(Rendering):
    """A portrait with a timeline, ready to be rendered."""

    def __init__(self, source: Path, timeline: Timeline, options: Options, watch: Watch) -> None:
        """Raises what `Editor` raises."""
        self._editor = Editor(source, options)
        self._timeline = timeline
        self._performed = Performed(self._editor, timeline)
        super().__init__(self._editor.engine, self._editor.source, [self._performed], options, watch)

    @property
    def rate(self) -> Fraction | None:
        """The timeline's."""
        return self._timeline.rate

    @property
    def template(self) -> Template | None:
        """The performance as motion, to drive other portraits."""
        edits = map(self._performed.edit, range(self.frames))
        motions = PackedMotions(self._editor.motion(edit) for edit in edits)
        return Template(motions, (), self._timeline.rate, self._engine.layout.name, self._engine.name)
