"""The main job: a source that follows a driving."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from openportrait.engines import load
from openportrait.engines.base import Engine
from openportrait.motion import ClipTransfer, Corrections, Drive, PortableTransfer
from openportrait.options import MotionOptions, Options
from openportrait.pipeline.driving import Driving, open_driving
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.idle import why_idle
from openportrait.pipeline.render import Cue, Pose, Rendering
from openportrait.pipeline.source import Portrait, open_source
from openportrait.records import Template


class Follow:
    """One face that follows the driving: transfer, then corrections (SPEC §4, §5)."""

    def __init__(
        self,
        engine: Engine,
        options: MotionOptions,
        portrait: Portrait,
        driving: Driving,
        schedule: Sequence[int] | None,
    ) -> None:
        """`schedule`: as `Driving.schedule` gives it."""
        self._portrait = portrait
        self._driving = driving
        self._drive = _drive(engine, options, portrait, driving, schedule)
        self._correct = Corrections(
            engine, options, first_source=portrait.ratios[0], source_moves=len(portrait.motions) > 1
        )

    def __len__(self) -> int:
        return len(self._drive)

    def __call__(self, i: int) -> Pose | None:
        """None where the driving's face is lost."""
        driven = self._drive.driving_index(i)
        if not self._driving.present[driven]:
            return None
        x_s, ratios = self._drive.x_source(i), self._driving.ratios
        source_ratios = self._portrait.ratios[self._drive.source_index(i)]
        x_d = self._correct(x_s, self._drive.x_driven(i), source_ratios, ratios[driven] if ratios else None)
        return Pose(x_s, x_d)


def _drive(
    engine: Engine, options: MotionOptions, portrait: Portrait, driving: Driving, schedule: Sequence[int] | None
) -> Drive:
    sources, drivings = portrait.motions, driving.motions
    if driving.layout == engine.layout.name:
        return ClipTransfer(engine.layout, sources, drivings, options, driving_ratios=driving.ratios, schedule=schedule)
    return PortableTransfer(engine, sources, portrait.ratios, drivings, driving.ratios, options, schedule=schedule)


class Job(Rendering):
    """An animation whose faces are found and whose motion is measured. Iterate to render it."""

    def __init__(self, source: Path, driving: Path, options: Options, watch: Watch) -> None:
        """Raises MediaError, NoFaceError, TemplateError, EngineError or WeightsError."""
        engine = load(options.engine)
        found = open_source(source, engine, options, watch)
        self._driving = open_driving(driving, engine, options, watch)
        self._schedule = self._driving.schedule(found.rate, len(found.portraits[0].motions))
        moves = [
            Follow(engine, options.motion, portrait, self._driving, self._schedule) for portrait in found.portraits
        ]
        super().__init__(engine, found, moves, options, watch)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second of the result; None for a single picture."""
        return super().rate or self._driving.rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the engine and the inputs."""
        idle = why_idle(self._driving, self._engine.layout.name, self.options.motion)
        lines = (*super().warnings, *self._driving.warnings, *([idle] if idle else []))
        if self._driving.layout == self._engine.layout.name:
            return lines
        return (
            *lines,
            f"{self._driving.path} was made by the {self._driving.engine} engine; "
            "of its motion the head pose and the openness of eyes and lips are used",
        )

    @property
    def template(self) -> Template | None:
        """The driving's motion."""
        return self._driving.template

    def cues(self) -> Iterable[Cue | None]:
        """The driving's frames, one a picture."""
        return self._driving.cues(self._schedule)
