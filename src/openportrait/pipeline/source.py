"""The source, whose face is animated: finds its faces and cuts them out, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, islice, repeat
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from openportrait.engines.base import Appearance, Engine, Memory
from openportrait.errors import MediaError
from openportrait.faces import (
    Size,
    Track,
    choose,
    crop_face,
    described,
    is_small,
    names_of,
    ratios,
    size_of,
    track,
    whole_crop,
)
from openportrait.files import AnyPath
from openportrait.media import Clip, Sound, open_clip
from openportrait.motion import PackedMotions
from openportrait.options import CropOptions, Options
from openportrait.pipeline.background import Background
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.output import CloseUp, close_up
from openportrait.pipeline.tools import Tools
from openportrait.records import CropRule, Face, FaceCrop, Frame, Image, Motion, Ratios
from openportrait.sequences import groups, nearest, view

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class SourceFace:
    """One animated face of a source, as it moves of its own."""

    motions: Sequence[Motion]
    """One a frame; a single one for an image. Where the face is lost, that of the nearest frame."""
    ratios: Sequence[Ratios]
    names: frozenset[str] = frozenset()
    """The choices (`left`, `2`) that mean this face."""


@dataclass(frozen=True, eq=False)
class Sitter:
    """One face of one source frame, ready to be rendered."""

    crop: FaceCrop
    appearance: Appearance


@dataclass(frozen=True, eq=False)
class Scene:
    """One source frame with its faces, in the order of `Source.faces`; None where a face is lost."""

    frame: Frame
    sitters: tuple[Sitter | None, ...]


class Source(Protocol):
    """A picture or a clip whose faces are animated."""

    @property
    def rate(self) -> Fraction | None:
        """Frames a second; None for an image."""
        ...

    @property
    def faces(self) -> tuple[SourceFace, ...]:
        """The faces that were chosen."""
        ...

    @property
    def seen(self) -> tuple[Face, ...]:
        """The same as each lies in the first frame that shows it, px."""
        ...

    @property
    def close_up(self) -> CloseUp | None:
        """What a strip shows of its frames; None for the whole, as where several faces are animated."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of it."""
        ...

    @property
    def sound(self) -> Sound:
        """What is heard of it, if anything."""
        ...

    def scenes(self) -> Iterator[Scene]:
        """The source's frames in order; an image repeats for ever."""
        ...


def cut(frame: Frame, face: Face, options: Options, rule: CropRule) -> FaceCrop:
    """The crop of a source face that the options and the engine ask for (SPEC §1), with the frame's alpha."""
    if frame.alpha is None:
        return _cut(frame.image, face, options.crop, rule)
    crop = _cut(frame.pixels, face, options.crop, rule)
    return replace(crop, image=np.ascontiguousarray(crop.image[..., :3]), alpha=crop.image[..., 3].copy())


def _cut(image: Image, face: Face, crop: CropOptions, rule: CropRule) -> FaceCrop:
    if not crop.crop_source:
        return whole_crop(image, face, rule.size)
    return crop_face(
        image,
        face,
        scale=crop.source_scale,
        shift_x=crop.source_shift_x,
        shift_y=crop.source_shift_y,
        rule=rule,
    )


class ImageSource:
    """A still portrait: everything about it is computed once."""

    rate: Fraction | None = None

    def __init__(self, path: Path, tools: Tools, options: Options) -> None:
        engine, choice = tools.engine, options.faces.face
        self.path = path
        self.sound = Sound(path)
        with open_source_clip(path, options) as clip:
            self._frame = Background(options.output).cut_out(next(iter(clip)))
        picture = size_of(self._frame.image)
        found = tools.finder(options.faces).find(self._frame.image)
        faces = choose(found, choice, picture, where=str(path), option="--face")
        self.seen = tuple(faces)
        self.close_up = close_up(faces, picture) if len(faces) == 1 else None
        crops = [cut(self._frame, face, options, engine.crop_rule) for face in faces]
        self.faces = tuple(
            SourceFace((motion,), (ratios(face),), names_of(face, found, choice, picture))
            for motion, face in zip(engine.motion(crops), faces, strict=True)
        )
        self._sitters = tuple(Sitter(crop, engine.appearance(crop)) for crop in crops)
        self.warnings = (*remarks(engine, self._sitters), *report_small(path, faces, picture))

    @property
    def has_alpha(self) -> bool:
        """Whether the picture has transparency."""
        return self._frame.alpha is not None

    def scenes(self) -> Iterator[Scene]:
        """The one frame, for ever."""
        return repeat(Scene(self._frame, self._sitters))


class VideoSource:
    """A clip as the source: its face keeps its own motion, to which the driving's is added. Read once to track,
    once to measure,
    once to render; only landmarks and motion are kept."""

    def __init__(self, path: Path, tools: Tools, options: Options, watch: Watch) -> None:
        self.path = path
        self._engine = tools.engine
        self._options = options
        self._background = Background(options.output)
        with open_source_clip(path, options) as clip:
            assert clip.info.rate is not None, "only clips come here"
            with watch.over(clip, clip.info.frames) as frames:
                self._tracks = track(
                    frames,
                    tools.finder(options.faces),
                    options.faces.face,
                    rate=clip.info.rate,
                    bridge_seconds=options.faces.bridge_seconds,
                    where=str(path),
                    option="--face",
                )
            broken_off = accept_end(clip, options)
            self.sound = Sound(path, trim=clip.trim)
            picture = (clip.info.width, clip.info.height)
        # A clip of one frame is a picture.
        self.rate: Fraction | None = clip.info.rate if len(self._tracks[0].faces) > 1 else None
        self.seen = tuple(next(face for face in found.seen if face is not None) for found in self._tracks)
        self.close_up = close_up(self._tracks[0].seen, picture) if len(self._tracks) == 1 else None
        self.faces = self._measure(watch)
        self._reported = (*broken_off, *(line for found in self._tracks for line in report(path, found, picture)))
        self._remarks: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about it; how it is drawn is known once its first frame was asked for."""
        return (*self._remarks, *self._reported)

    def _crops(self, frame: Frame) -> list[FaceCrop | None]:
        faces = (found.faces[frame.index] for found in self._tracks)
        rule = self._engine.crop_rule
        return [cut(frame, face, self._options, rule) if face is not None else None for face in faces]

    def _measure(self, watch: Watch) -> tuple[SourceFace, ...]:
        measured = [PackedMotions() for _ in self._tracks]
        memories: list[Memory | None] = [None] * len(measured)
        count = len(self._tracks[0].faces)
        with (
            open_source_clip(self.path, self._options) as clip,
            watch.over(islice(clip, count), count) as frames,
        ):
            for group in groups(frames, self._engine.batch_size):
                wanted = [
                    (place, crop)
                    for frame in group
                    for place, crop in enumerate(self._crops(frame))
                    if crop is not None
                ]
                motions = self._engine.motion([crop for _, crop in wanted])
                for (place, crop), motion in zip(wanted, motions, strict=True):
                    measured[place].append(motion)
                    memories[place] = self._engine.remember(crop, memories[place])
        self._memories = memories
        return tuple(
            SourceFace(in_every_frame(found, motions), in_every_frame(found, measured_ratios(found)), found.names)
            for motions, found in zip(measured, self._tracks, strict=True)
        )

    def scenes(self) -> Iterator[Scene]:
        """Each frame with its crops and appearances; a single one for ever."""
        count = len(self._tracks[0].faces)
        sitters: tuple[Sitter | None, ...] = (None,) * len(self._tracks)
        with open_source_clip(self.path, self._options) as clip:
            for frame in map(self._background.cut_out, islice(clip, count)):
                sitters = tuple(map(self._sitter, self._crops(frame), sitters, self._memories))
                self._remarks = self._remarks or remarks(self._engine, sitters)
                yield Scene(frame, sitters)
                if count == 1:
                    yield from repeat(Scene(frame, sitters))

    def _sitter(self, crop: FaceCrop | None, earlier: Sitter | None, memory: Memory | None) -> Sitter | None:
        """A face and what is remembered of it; `earlier` is the same one in the frame before."""
        if crop is None:
            return None
        return Sitter(crop, self._engine.appearance(crop, earlier.appearance if earlier is not None else None, memory))


def open_source_clip(path: Path, options: Options) -> Clip:
    """The frames of the source that the options want, in the size that they want. Raises MediaError."""
    crop = options.crop
    return open_clip(path, max_size=crop.max_size, max_gigapixels=crop.max_gigapixels, trim=options.trim.source)


Opened = ImageSource | VideoSource
"""A source that is analysed; any number of jobs may use it, one after the other or at once."""
AnySource = AnyPath | Opened
"""A source as jobs are given it: its file, or what was opened before."""


def path_of(source: AnySource) -> Path:
    """The source's file."""
    return source.path if isinstance(source, Opened) else Path(source)


def is_still(source: AnySource, options: Options) -> bool:
    """Whether a source is a picture and no clip. Raises MediaError."""
    if isinstance(source, Opened):
        return isinstance(source, ImageSource)
    return open_source_clip(Path(source), options).info.kind == "image"


def is_single(source: AnySource, options: Options) -> bool:
    """Whether a source holds one picture, as far as the header of its file tells. Raises MediaError."""
    if isinstance(source, Opened):
        return source.rate is None
    return open_source_clip(Path(source), options).info.frames == 1


def open_source(source: AnySource, tools: Tools, options: Options, watch: Watch) -> Opened:
    """Find, choose and measure the source's faces, where that is not done yet.

    Raises MediaError for a file that cannot be read, NoFaceError where the chosen face is not in it.
    """
    if isinstance(source, Opened):
        return source
    path = Path(source)
    return ImageSource(path, tools, options) if is_still(path, options) else VideoSource(path, tools, options, watch)


def remarks(engine: Engine, sitters: Sequence[Sitter | None]) -> tuple[str, ...]:
    """What the engine says of how these faces will be drawn, each line once."""
    lines = (line for sitter in sitters if sitter is not None for line in engine.remarks(sitter.appearance))
    return tuple(dict.fromkeys(lines))


def in_every_frame(found: Track, measured: Sequence[Value]) -> Sequence[Value]:
    """What was measured where there is a face, extended to all frames: elsewhere that of the nearest face."""
    rank = list(accumulate(found.present, initial=-1))[1:]
    return view(measured, [rank[place] for place in nearest(found.present)])


def measured_ratios(found: Track) -> list[Ratios]:
    """How open eyes and lips are in each frame that shows the face."""
    return [ratios(face) for face in found.faces if face is not None]


def accept_end(clip: Clip, options: Options) -> tuple[str, ...]:
    """A warning for a clip that broke off while it was read. Raises MediaError where only a whole clip is accepted."""
    if clip.truncated is None:
        return ()
    if options.output.keep_partial:
        return (f"{clip.truncated}; what comes before is used",)
    raise MediaError(f"{clip.truncated}; repair the file, or use what comes before with --keep-partial")


def report_small(path: Path, faces: Sequence[Face], picture: Size) -> tuple[str, ...]:
    """A warning for each face that is so small that the user may mean another."""
    small = (face for face in faces if is_small(face, picture))
    return tuple(f"{path}: the face is small: {described(face, picture)}" for face in small)


def report(path: Path, found: Track, picture: Size) -> Iterable[str]:
    """A line where the face is small in the middle one of its frames, and one a gap of the track, by frame numbers."""
    seen = [index for index, present in enumerate(found.present) if present]
    middle = found.seen[seen[len(seen) // 2]]
    yield from report_small(path, [middle] if middle is not None else [], picture)
    yield from (f"{path}: no face in frames {spell(gap)}; bridged" for gap in found.bridged)
    passed = "the source is passed through there; a larger --bridge-seconds bridges it"
    yield from (f"{path}: no face in frames {spell(gap)}; {passed}" for gap in found.lost)


def spell(frames: Sequence[int]) -> str:
    """`12` or `12 to 15`."""
    return f"{frames[0]}" if len(frames) == 1 else f"{frames[0]} to {frames[-1]}"
