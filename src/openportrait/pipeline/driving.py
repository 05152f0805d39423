"""The driving: what the face moves like. Read once for its motion; its pixels are read again where wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Literal, overload

import numpy as np

from openportrait.engines.base import Engine
from openportrait.faces import Box, FaceFinder, Size, Track, clip_box, crop_box, ratios, track
from openportrait.media import Clip, open_clip
from openportrait.motion import PackedMotions
from openportrait.options import CropOptions, Options
from openportrait.pipeline.flow import View, Watch, groups
from openportrait.pipeline.render import Cue
from openportrait.pipeline.source import accept_end, in_every_frame, measured_ratios, report, report_small
from openportrait.records import Face, FaceCrop, Frame, Image, MediaInfo, Motion, Ratios, Template
from openportrait.templates import is_template, load_template

DRIVING_SIZE = 512
"""Side of a driving crop, px (SPEC §1)."""
LARGEST_DRIVING = 4096
"""Longer side to which a larger driving is reduced, px: a crop of 512 is all that is taken of it."""
RATE_OF_STILLS = Fraction(25)
"""Frames a second of a template or result of a single frame."""


@dataclass(frozen=True, eq=False)
class Driving:
    """A driving's motion, and the way back to its pixels."""

    path: Path
    kind: Literal["image", "video", "template"]
    motions: Sequence[Motion]
    """One a frame; where the face is lost, that of the nearest frame."""
    ratios: Sequence[Ratios]
    """One a frame; empty for a template without."""
    present: Sequence[bool]
    """Whether the face was found in the frame."""
    rate: Fraction | None
    layout: str
    """Name of the keypoint layout of the motions."""
    engine: str
    """Name of the engine that measured them."""
    seen: Sequence[Face | None] = ()
    """The face as it lies in each frame, px; empty for a template."""
    warnings: tuple[str, ...] = ()
    max_gigapixels: float = CropOptions.max_gigapixels
    """How much may be decoded when its pixels are read again."""

    @property
    def template(self) -> Template:
        """Its motion alone."""
        return Template(self.motions, tuple(self.ratios), self.rate or RATE_OF_STILLS, self.layout, self.engine)

    def schedule(self, source_rate: Fraction | None, source_frames: int) -> Sequence[int] | None:
        """For each picture of the result the driving's frame, where source and driving differ in rate."""
        if source_rate is None or self.rate is None or source_rate == self.rate:
            return None
        step = self.rate / source_rate
        return [int(i * step) for i in range(source_frames) if i * step < len(self.motions)]

    def cues(self, schedule: Sequence[int] | None) -> Iterator[Cue | None]:
        """What is shown, in order; an image repeats for ever, a template has no pixels."""
        if self.kind == "template":
            yield from repeat(None)
        with open_driving_clip(self.path, self.max_gigapixels) as clip:
            for frame in clip if schedule is None else _scheduled(clip, schedule):
                face = self.seen[frame.index]
                cue = Cue(frame.image, FaceCrop.whole(frame.image, face) if face is not None else None)
                yield cue
                if self.kind == "image":
                    yield from repeat(cue)


def _scheduled(frames: Iterable[Frame], schedule: Sequence[int]) -> Iterator[Frame]:
    wanted = iter(schedule)
    next_wanted = next(wanted, None)
    for frame in frames:
        while next_wanted == frame.index:
            yield frame
            next_wanted = next(wanted, None)


def open_driving_clip(path: Path, max_gigapixels: float) -> Clip:
    """The driving's frames. Raises MediaError."""
    return open_clip(path, max_size=LARGEST_DRIVING, max_gigapixels=max_gigapixels)


def open_driving(path: Path, engine: Engine, options: Options, watch: Watch) -> Driving:
    """Measure what the driving does.

    Raises MediaError, NoFaceError or TemplateError.
    """
    if is_template(path):
        return _template(path)
    with open_driving_clip(path, options.crop.max_gigapixels) as clip:
        info = clip.info
        return (
            _image(clip.info, next(iter(clip)), engine, options)
            if info.kind == "image"
            else _video(info, engine, options, watch)
        )


def _template(path: Path) -> Driving:
    template = load_template(path)
    return Driving(
        path=path,
        kind="template",
        motions=template.motions,
        ratios=template.ratios,
        present=(True,) * len(template.motions),
        rate=template.rate if len(template.motions) > 1 else None,
        layout=template.layout,
        engine=template.engine,
    )


def _image(info: MediaInfo, frame: Frame, engine: Engine, options: Options) -> Driving:
    finder = FaceFinder(options.faces.detection_threshold, refine=engine.refine)
    choice, path = options.faces.driving_face, info.path
    face = finder.choose(frame.image, choice, where=str(path), option="--driving-face")[0]
    return Driving(
        path=path,
        kind="image",
        motions=tuple(engine.motion([cutter([face], (info.width, info.height), options.crop)(frame.image, face)])),
        ratios=(ratios(face),),
        present=(True,),
        rate=None,
        layout=engine.layout.name,
        engine=engine.name,
        seen=(face,),
        warnings=report_small(path, [face], (info.width, info.height)),
        max_gigapixels=options.crop.max_gigapixels,
    )


def _video(info: MediaInfo, engine: Engine, options: Options, watch: Watch) -> Driving:
    with open_driving_clip(info.path, options.crop.max_gigapixels) as clip:
        with watch.over(clip, clip.info.frames) as frames:
            found = track(
                frames,
                FaceFinder(options.faces.detection_threshold, refine=engine.refine),
                options.faces.driving_face,
                rate=info.rate or Fraction(25),
                bridge_seconds=options.faces.bridge_seconds,
                where=str(info.path),
                option="--driving-face",
            )[0]
        broken_off = accept_end(clip, options)
    moves = len(found.faces) > 1
    return Driving(
        path=info.path,
        kind="video" if moves else "image",
        motions=in_every_frame(found, _measure(info, found, engine, options, watch)),
        ratios=in_every_frame(found, measured_ratios(found)),
        present=found.present,
        rate=info.rate if moves else None,
        layout=engine.layout.name,
        engine=engine.name,
        seen=found.seen,
        warnings=(*broken_off, *report(info.path, found, (info.width, info.height))),
        max_gigapixels=options.crop.max_gigapixels,
    )


def driving_box(faces: Iterable[Face], crop: CropOptions) -> Box:
    """The one box around a driving's face that the options ask for."""
    return clip_box(faces, scale=crop.driving_scale, shift_x=crop.driving_shift_x, shift_y=crop.driving_shift_y)


def cutter(faces: Iterable[Face], picture: Size, crop: CropOptions) -> Callable[[Image, Face], FaceCrop]:
    """How the driving's crops are made: one box for the whole clip, or square frames as they are (SPEC §1)."""
    if not crop.crop_driving and picture[0] == picture[1]:
        return FaceCrop.whole
    return partial(crop_box, box=driving_box(faces, crop), size=DRIVING_SIZE)


class _FromLandmarks(Sequence[Motion]):
    """Motions that are measured when asked for: from landmarks that is quick, and nothing is kept."""

    def __init__(self, engine: Engine, info: MediaInfo, found: Track) -> None:
        self._engine = engine
        self._blank = np.broadcast_to(np.uint8(0), (info.height, info.width, 3))
        self._faces = View(found.faces, [i for i, present in enumerate(found.present) if present])

    def __len__(self) -> int:
        return len(self._faces)

    @overload
    def __getitem__(self, index: int) -> Motion: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Motion]: ...

    def __getitem__(self, index: int | slice) -> Motion | Sequence[Motion]:
        if isinstance(index, slice):
            return View(self, range(len(self))[index])
        face = self._faces[index]
        assert face is not None
        return self._engine.motion([FaceCrop.whole(self._blank, face)])[0]


def _measure(info: MediaInfo, found: Track, engine: Engine, options: Options, watch: Watch) -> Sequence[Motion]:
    """The motion of each frame that shows the face."""
    if not engine.reads_pixels:
        return _FromLandmarks(engine, info, found)
    chosen = (face for face in found.faces if face is not None)
    cut = cutter(chosen, (info.width, info.height), options.crop)
    motions = PackedMotions()
    with open_driving_clip(info.path, options.crop.max_gigapixels) as clip, watch.over(clip, info.frames) as frames:
        showing = ((frame, face) for frame, face in zip(frames, found.faces, strict=False) if face is not None)
        for group in groups(showing, engine.batch_size):
            for motion in engine.motion([cut(frame.image, face) for frame, face in group]):
                motions.append(motion)
    return motions
