"""The driving, whose movement a face takes over. It is read once for its motion, and again where its pixels are
wanted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice, repeat
from operator import ge, le
from pathlib import Path
from typing import Literal

from openportrait.drivings import Driving
from openportrait.engines.base import Engine
from openportrait.faces import Box, Size, Track, clip_box, crop_box, ratios, track
from openportrait.media import Clip, Mark, open_clip
from openportrait.media.listening import is_sound
from openportrait.options import CropOptions, Options
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.output import CloseUp, close_up
from openportrait.pipeline.source import accept_end, in_every_frame, measured_ratios, report, report_small
from openportrait.pipeline.tools import Tools
from openportrait.records import Face, FaceCrop, Frame, Image, MediaInfo, Motion, Ratios, Template
from openportrait.sequences import Computed, view
from openportrait.templates import is_template, load_template
from openportrait.trim import WHOLE, Trim

DRIVING_SIZE = 512
"""Side of a driving crop, px (SPEC §1)."""
LARGEST_DRIVING = 4096
"""Longer side to which a larger driving is reduced, px: a crop of 512 is all that is taken of it."""
_HELD_BYTES = 128 * 2**20
"""Most that is held of a clip that is played backwards."""
RATE_OF_STILLS = Fraction(25)
"""Frames a second of a template or result of a single frame."""


@dataclass(frozen=True, eq=False)
class MeasuredDriving:
    """The motion of a driving, and where to find its pixels. Any number of jobs may use it in place of its path."""

    path: Path
    kind: Literal["image", "video", "template", "sound"]
    motions: Sequence[Motion]
    """One a frame; where the face is lost, that of the nearest frame."""
    ratios: Sequence[Ratios]
    """One a frame; empty for a template without."""
    present: Sequence[bool]
    """Whether the face was found in the frame."""
    rate: Fraction | None
    """Frames a second; None for a single frame."""
    layout: str
    """Name of the keypoint layout of the motions."""
    engine: str
    """Name of the engine that measured them."""
    seen: Sequence[Face | None] = ()
    """The face as it lies in each frame, px; empty for a template."""
    close_up: CloseUp | None = None
    """What a strip shows of its frames; None for the whole."""
    warnings: tuple[str, ...] = ()
    max_gigapixels: float = CropOptions.max_gigapixels
    """How much may be decoded when its pixels are read again."""
    trim: Trim = WHOLE
    """The part of its file that was measured."""
    marks: Sequence[Mark] = ()
    """Where its file may be read from when its pixels are read again."""
    keeper: object = None
    """The owner of its temporary file: the file is removed when nothing refers to the owner any more. None for
    other files."""

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def has_pixels(self) -> bool:
        """Whether its file shows the face that moves."""
        return self.kind in ("image", "video")

    @property
    def template(self) -> Template:
        """Its motion alone."""
        return Template(self.motions, tuple(self.ratios), self.rate or RATE_OF_STILLS, self.layout, self.engine)

    def footage(self, schedule: Sequence[int]) -> Footage:
        """What its file shows in the frames that are asked for, in their order."""
        if not self.has_pixels:
            return Footage(None, schedule, (), self.max_gigapixels, self.trim, ())
        faces = view(self.seen, schedule)
        return Footage(self.path, schedule, faces, self.max_gigapixels, self.trim, self.marks, self.close_up)


@dataclass(frozen=True, eq=False)
class Footage:
    """What the file of a driving shows in some pictures of a result. It is read when it is asked for."""

    path: Path | None
    """None where the driving has no pixels."""
    schedule: Sequence[int]
    """The driving's frame in each picture."""
    faces: Sequence[Face | None]
    """The face in each picture as it lies there, px; None where it is lost."""
    max_gigapixels: float
    trim: Trim
    """The part of the file in which frames are counted."""
    marks: Sequence[Mark]
    """Where the file may be read from."""
    close_up: CloseUp | None = None
    """What a strip shows of the frames; None for the whole."""

    def frames(self) -> Generator[tuple[Image, FaceCrop | None] | None, None, None]:
        """Yield the frame and its face for each picture; None where the driving has no pixels.

        The file is read again for each stretch of the schedule that goes back.
        """
        if self.path is None:
            yield from repeat(None, len(self.schedule))
            return
        seen = frames_of(
            partial(open_driving_clip, self.path, self.max_gigapixels, self.trim), self.schedule, self.marks
        )
        for frame, face in zip(seen, self.faces, strict=False):
            yield frame.image, FaceCrop.whole(frame.image, face) if face is not None else None

    def part(self, first: int, last: int) -> Footage:
        """The same of the pictures from `first` to before `last` alone, in memory."""
        faces = tuple(self.faces[place] for place in range(first, last)) if self.path is not None else ()
        return replace(self, schedule=tuple(self.schedule[first:last]), faces=faces)


def frames_of(
    open_clip_again: Callable[[], Clip], schedule: Sequence[int], marks: Sequence[Mark] = ()
) -> Generator[Frame, None, None]:
    """The frames of a clip by number, in any order; memory holds one, or `_HELD_BYTES` where the order runs back.

    `marks`: where it may be read from.
    """
    place = 0
    while place < len(schedule):
        rising, falling = _stretch(schedule, place, ge), _stretch(schedule, place, le)
        if falling > rising:
            yield from _falling(open_clip_again, schedule[place:falling], marks)
        else:
            yield from _rising(open_clip_again, schedule[place:rising], marks)
        place = max(rising, falling)


def _stretch(schedule: Sequence[int], start: int, ordered: Callable[[int, int], bool]) -> int:
    """Where the numbers end that follow each other in order."""
    end = start + 1
    while end < len(schedule) and ordered(schedule[end], schedule[end - 1]):
        end += 1
    return end


def _rising(open_clip_again: Callable[[], Clip], wanted: Sequence[int], marks: Sequence[Mark]) -> Iterator[Frame]:
    place = 0
    with open_clip_again() as clip:
        for frame in clip.frames(wanted[0], marks):
            while place < len(wanted) and wanted[place] == frame.index:
                yield frame
                place += 1
            if place == len(wanted):
                return


def _falling(open_clip_again: Callable[[], Clip], wanted: Sequence[int], marks: Sequence[Mark]) -> Iterator[Frame]:
    """Block by block from the end."""
    place = 0
    while place < len(wanted):
        with open_clip_again() as clip:
            block = max(_HELD_BYTES // (clip.info.width * clip.info.height * 3), 1)
            lowest = max(wanted[place] - block + 1, 0)
            held = {frame.index: frame for frame in islice(clip.frames(lowest, marks), wanted[place] + 1 - lowest)}
        while place < len(wanted) and wanted[place] >= lowest:
            yield held[wanted[place]]
            place += 1


def open_driving_clip(path: Path, max_gigapixels: float, trim: Trim) -> Clip:
    """The driving's frames. Raises MediaError."""
    return open_clip(path, max_size=LARGEST_DRIVING, max_gigapixels=max_gigapixels, trim=trim)


def options_of(given: Driving, options: Options) -> Options:
    """The options of a job for one of its drivings. Raises OptionError where its part of the file ends before it
    begins."""
    faces, trim = options.faces, options.trim
    start = trim.driving_start if given.start_seconds is None else given.start_seconds
    end = trim.driving_end if given.end_seconds is None else given.end_seconds
    return replace(
        options,
        faces=replace(faces, driving_face=given.driving_face or faces.driving_face),
        trim=replace(trim, driving_start=start, driving_end=end),
    )


def frames_promised(given: Driving, options: Options) -> int | None:
    """How many frames it has, as far as the header of its file tells; 1 for a template, which may have more.

    Raises MediaError.
    """
    if isinstance(given.file, MeasuredDriving):
        return len(given.file.motions)
    if given.sound or is_sound(given.path):
        return None
    if is_template(given.path):
        return 1
    return _clip(given.path, options_of(given, options)).info.frames


def _clip(path: Path, options: Options) -> Clip:
    return open_driving_clip(path, options.crop.max_gigapixels, options.trim.driving)


def open_driving(path: Path, tools: Tools, options: Options, watch: Watch, *, sound: bool = False) -> MeasuredDriving:
    """Measure the motion of the driving. `sound`: take its sound, though it has a picture.

    Raises MediaError, NoFaceError or TemplateError.
    """
    if is_template(path):
        return of_template(load_template(path), path, options.trim.driving)
    if sound or is_sound(path):
        return _sound(path, tools, options, watch)
    with _clip(path, options) as clip:
        info = clip.info
        return (
            _image(clip.info, next(iter(clip)), tools, options)
            if info.kind == "image"
            else _video(info, tools, options, watch)
        )


def of_template(template: Template, path: Path, trim: Trim) -> MeasuredDriving:
    """A part of a template as a driving; `path`: its file, or what it is called.

    Raises MediaError where it ends before the part; one of a single frame, a picture's, is used as it is.
    """
    count = len(template.motions)
    frames = trim.frames(template.rate, count) if count > 1 else range(count)
    if not frames:
        raise trim.nothing_left(path, count / template.rate)
    is_whole = len(frames) == count
    return MeasuredDriving(
        path=path,
        kind="template",
        motions=template.motions if is_whole else view(template.motions, frames),
        ratios=template.ratios[frames.start : frames.stop],
        present=(True,) * len(frames),
        rate=template.rate if len(frames) > 1 else None,
        layout=template.layout,
        engine=template.engine,
    )


def _sound(path: Path, tools: Tools, options: Options, watch: Watch) -> MeasuredDriving:
    """The motion of a face at rest that speaks this sound."""
    from openportrait.pipeline.speaking import open_speech  # With scipy, which takes longer to load than all else.

    engine = tools.engine
    speech = open_speech(path, engine, options.speech, watch, options.trim.driving)
    return MeasuredDriving(
        path=path,
        kind="sound",
        motions=speech.motions,
        ratios=speech.ratios,
        present=(True,) * len(speech.motions),
        rate=speech.rate,
        layout=engine.layout.name,
        engine=engine.name,
        warnings=speech.warnings,
        trim=options.trim.driving,
    )


def _image(info: MediaInfo, frame: Frame, tools: Tools, options: Options) -> MeasuredDriving:
    engine, finder = tools.engine, tools.finder(options.faces)
    choice, path = options.faces.driving_face, info.path
    face = finder.choose(frame.image, choice, where=str(path), option="--driving-face")[0]
    return MeasuredDriving(
        path=path,
        kind="image",
        motions=tuple(engine.motion([cutter([face], (info.width, info.height), options.crop)(frame.image, face)])),
        ratios=(ratios(face),),
        present=(True,),
        rate=None,
        layout=engine.layout.name,
        engine=engine.name,
        seen=(face,),
        close_up=close_up([face], (info.width, info.height)),
        warnings=report_small(path, [face], (info.width, info.height)),
        max_gigapixels=options.crop.max_gigapixels,
    )


def _video(info: MediaInfo, tools: Tools, options: Options, watch: Watch) -> MeasuredDriving:
    engine = tools.engine
    with _clip(info.path, options) as clip:
        with watch.over(clip, clip.info.frames) as frames:
            found = track(
                frames,
                tools.finder(options.faces),
                options.faces.driving_face,
                rate=info.rate or Fraction(25),
                bridge_seconds=options.faces.bridge_seconds,
                where=str(info.path),
                option="--driving-face",
            )[0]
        broken_off = accept_end(clip, options)
    moves = len(found.faces) > 1
    return MeasuredDriving(
        path=info.path,
        kind="video" if moves else "image",
        motions=in_every_frame(found, _measure(info, found, engine, options, watch)),
        ratios=in_every_frame(found, measured_ratios(found)),
        present=found.present,
        rate=info.rate if moves else None,
        layout=engine.layout.name,
        engine=engine.name,
        seen=found.seen,
        close_up=close_up(found.seen, (info.width, info.height)),
        trim=clip.trim,
        marks=clip.marks,
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


def _measure(info: MediaInfo, found: Track, engine: Engine, options: Options, watch: Watch) -> Sequence[Motion]:
    """The motion of each frame that shows the face."""
    places = [place for place, present in enumerate(found.present) if present]

    def look(place: int) -> Face:
        face = found.faces[places[place]]
        assert face is not None
        return face

    showing = Computed(look, len(places))

    def crops() -> Generator[FaceCrop, None, None]:
        cut = cutter(showing, (info.width, info.height), options.crop)
        with _clip(info.path, options) as clip, watch.over(clip, info.frames) as frames:
            for frame, face in zip(frames, found.faces, strict=False):
                if face is not None:
                    yield cut(frame.image, face)

    return engine.reader.read_clip(showing, max(info.width, info.height), crops)
