"""The main job: source and driving in, animated pictures out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from openportrait.engines import load
from openportrait.engines.base import Shot
from openportrait.motion import ClipTransfer, Corrections, Drive, PortableTransfer
from openportrait.options import Options
from openportrait.paste import paste_back
from openportrait.pipeline.driving import Cue, open_driving
from openportrait.pipeline.flow import Watch, ahead, groups
from openportrait.pipeline.source import Portrait, Scene, Sitter, open_source
from openportrait.records import Image, Template

RATE_OF_STILLS = Fraction(25)
"""Stated in a template of a single frame."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture."""

    index: int
    image: Image
    """(H, W, 3): the whole frame, or the face crop where nothing is pasted back."""
    source: Image
    """(H, W, 3) the source's frame."""
    driving: Image | None
    """(H, W, 3) the driving's frame; None for a template."""
    alpha: Image | None = None
    """(H, W) of a source that has one."""


@dataclass(frozen=True, eq=False)
class _Moment:
    """What comes together in one picture of the result."""

    index: int
    scene: Scene
    cue: Cue | None


class Job:
    """An animation whose faces are found and whose motion is measured. Iterate to render it."""

    def __init__(self, source: Path, driving: Path, options: Options, watch: Watch) -> None:
        """Raises MediaError, NoFaceError, TemplateError, EngineError or WeightsError."""
        self.options = options
        self._watch = watch
        self._engine = load(options.engine)
        self._source = open_source(source, self._engine, options, watch)
        self._driving = open_driving(driving, self._engine, options, watch)
        self._schedule = self._driving.schedule(self._source.rate, len(self._source.portraits[0].motions))
        self._drives = [self._drive(portrait) for portrait in self._source.portraits]
        self._corrections = [self._correct(portrait) for portrait in self._source.portraits]

    @property
    def engine(self) -> str:
        """Name of the engine at work."""
        return self._engine.name

    @property
    def faces(self) -> int:
        """How many faces are animated."""
        return len(self._source.portraits)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second of the result; None for a single picture."""
        return self._source.rate or self._driving.rate

    @property
    def frames(self) -> int:
        """How many pictures the result has."""
        return len(self._drives[0])

    @property
    def pastes_back(self) -> bool:
        """Whether whole frames come out, or face crops (SPEC §6)."""
        crop = self.options.crop
        return crop.paste_back and crop.crop_source and self.options.motion.stitching

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the inputs."""
        own = []
        if self._driving.layout != self._engine.layout.name:
            own.append(
                f"{self._driving.path} was made by the {self._driving.engine} engine; "
                "of its motion the head pose and the openness of eyes and lips are used"
            )
        if self.options.crop.paste_back and not self.pastes_back:
            own.append("the result is the face crop: paste-back needs the source crop and stitching")
        return (*self._source.warnings, *self._driving.warnings, *own)

    @property
    def template(self) -> Template:
        """The driving's motion."""
        driving = self._driving
        return Template(
            driving.motions, tuple(driving.ratios), driving.rate or RATE_OF_STILLS, driving.layout, driving.engine
        )

    def __iter__(self) -> Iterator[Picture]:
        """Render the pictures in order. Raises Cancelled when the caller wants to stop."""
        with (
            closing(ahead(self._source.scenes())) as scenes,
            closing(ahead(self._driving.cues(self._schedule))) as cues,
        ):
            moments = (_Moment(*parts) for parts in zip(range(self.frames), scenes, cues, strict=False))
            for group in groups(moments, self._engine.batch_size):
                for picture in self._render(group):
                    yield picture
                    self._watch.tell("render", picture.index + 1, self.frames, picture.image)

    def _drive(self, portrait: Portrait) -> Drive:
        driving, options = self._driving, self.options.motion
        if driving.layout == self._engine.layout.name:
            return ClipTransfer(
                self._engine.layout,
                portrait.motions,
                driving.motions,
                options,
                driving_ratios=driving.ratios,
                schedule=self._schedule,
            )
        return PortableTransfer(
            self._engine,
            portrait.motions,
            portrait.ratios,
            driving.motions,
            driving.ratios,
            options,
            schedule=self._schedule,
        )

    def _correct(self, portrait: Portrait) -> Corrections:
        moves = self._source.rate is not None
        return Corrections(self._engine, self.options.motion, first_source=portrait.ratios[0], source_moves=moves)

    def _render(self, moments: Sequence[_Moment]) -> Iterator[Picture]:
        shots: dict[tuple[int, int], Shot] = {}
        for moment in moments:
            for place, sitter in enumerate(moment.scene.sitters):
                if sitter is not None and self._driving.present[self._drives[place].driving_index(moment.index)]:
                    shots[moment.index, place] = self._shot(moment, place, sitter)
        rendered = dict(zip(shots, self._engine.render(list(shots.values())), strict=True))
        for moment in moments:
            crops = [rendered.get((moment.index, place)) for place in range(self.faces)]
            yield self._finish(moment, crops)

    def _shot(self, moment: _Moment, place: int, sitter: Sitter) -> Shot:
        drive, portrait, i = self._drives[place], self._source.portraits[place], moment.index
        x_s = drive.x_source(i)
        x_d = self._corrections[place](
            x_s,
            drive.x_driven(i),
            portrait.ratios[drive.source_index(i)],
            self._driving.ratios[drive.driving_index(i)] if self._driving.ratios else None,
        )
        return Shot(sitter.appearance, x_s, x_d, moment.cue.driver if moment.cue else None)

    def _finish(self, moment: _Moment, crops: Sequence[Image | None]) -> Picture:
        frame = moment.scene.frame
        image, alpha = frame.image, frame.alpha
        if self.pastes_back:
            for sitter, crop in zip(moment.scene.sitters, crops, strict=True):
                if sitter is not None and crop is not None:
                    image = paste_back(image, crop, sitter.crop.image_from_crop)
        else:
            image, alpha = self._crop_alone(moment.scene.sitters[0], crops[0]), None
        return Picture(moment.index, image, frame.image, moment.cue.image if moment.cue else None, alpha)

    def _crop_alone(self, sitter: Sitter | None, crop: Image | None) -> Image:
        """The rendered crop; where there is none the source's own, or black, in the size of all others."""
        size = self._engine.crop_rule.size
        if crop is None:
            crop = sitter.crop.image if sitter is not None else np.zeros((size, size, 3), np.uint8)
        if self._source.rate is None or crop.shape[0] == size:
            return crop
        # Native crops of a clip differ in size from frame to frame; its pictures may not.
        return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
