"""Segments: stretches of a result that are rendered and encoded apart, by whatever process or machine.

A clip is cut at the same places however many render it, and a segment's file depends on its pictures alone: so the
result is the same file for any number of workers.

A job's process and its workers exchange messages about them: orders go out; `Rendered`s and a `Part` come back.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from openportrait.errors import OpenPortraitError, known
from openportrait.media.segments import SegmentWriter, is_joined
from openportrait.options import BACKGROUND_TRANSPARENT, Options
from openportrait.pipeline.background import names_file
from openportrait.pipeline.cues import Reel
from openportrait.pipeline.driving import RATE_OF_STILLS
from openportrait.pipeline.flow import Watch, ahead
from openportrait.pipeline.render import Picture, Pose, Rendering
from openportrait.pipeline.source import ImageSource
from openportrait.pipeline.tools import Tools
from openportrait.records import Image

SHORTEST, LONGEST = 48, 100
"""Pictures of a segment. Shorter segments cost bytes, as each has a key frame; with longer ones workers wait at the
end."""
_AT_ONCE = 16
"""Segments of a long clip are a multiple of it, so that 2, 4, 8 or 16 workers end together."""


def spans(frames: int) -> list[range]:
    """The pictures of each segment of a clip of that many pictures; one segment where it is too short to be cut."""
    if frames < 2 * SHORTEST:
        return [range(frames)]
    count = -(-frames // (_AT_ONCE * LONGEST)) * _AT_ONCE
    length = max(-(-frames // count), SHORTEST)
    return [range(first, min(first + length, frames)) for first in range(0, frames, length)]


def may_be_cut(result: Path, options: Options, *, renders_apart: bool) -> bool:
    """Whether a longer clip of a still source is rendered in segments. This and `is_cut` alone say for which jobs.

    An engine that keeps all cores or a device busy by itself renders without segments. So do results that are no video
    file, and pictures with alpha, which ProRes and VP9 carry in their own ways.
    """
    return renders_apart and is_joined(result) and options.output.background != BACKGROUND_TRANSPARENT


def is_cut(job: Rendering, result: Path) -> bool:
    """Whether a job is rendered in segments.

    Of the jobs that may be cut, these are not: a clip as the source, since its background depends on earlier frames;
    and short clips, which are done before a second process has begun.
    """
    still = isinstance(job.source, ImageSource) and not job.source.has_alpha
    may = may_be_cut(result, job.options, renders_apart=job.renders_apart)
    return still and may and len(spans(job.frames)) > 1


@dataclass(frozen=True, eq=False)
class Setting:
    """What all segments of a job share. It may be sent to another process."""

    source: ImageSource
    options: Options
    rate: Fraction
    """Frames a second."""
    result: Path
    """The clip that the segments are for: its suffix decides how they are encoded."""

    @classmethod
    def of(cls, job: Rendering, result: Path) -> Setting:
        """That of a job that `is_cut`."""
        assert isinstance(job.source, ImageSource), "other sources are not cut"
        return cls(job.source, job.options, job.rate or RATE_OF_STILLS, result)

    def with_copies(self, copies: Mapping[Path, Path]) -> Setting:
        """The same where files are read from their copies."""
        output = self.options.output
        if not names_file(output.background):
            return self
        background = str(copies[Path(output.background)])
        return replace(self, options=replace(self.options, output=replace(output, background=background)))


@dataclass(frozen=True, eq=False)
class Segment:
    """Some pictures of a result, one behind the other: how the faces move, and what the drivings show meanwhile.

    It may be sent to another process; about 35 kB a picture and face.
    """

    number: int
    """Its place among the segments, from 0."""
    poses: Sequence[Sequence[Pose | None]]
    """One a picture for each face; None passes the source through."""
    reel: Reel

    @classmethod
    def of(cls, job: Rendering, number: int, span: range) -> Segment:
        """The pictures `span` of a job."""
        poses = [[move(i) for i in span] for move in job.moves]
        return cls(number, poses, job.reel.part(span.start, span.stop))

    def with_copies(self, copies: Mapping[Path, Path]) -> Segment:
        """The same where files are read from their copies."""
        footage = [replace(one, path=one.path and copies[one.path]) for one in self.reel.footage]
        return replace(self, reel=replace(self.reel, footage=footage))


def files_of(job: Rendering) -> tuple[Path, ...]:
    """The files and folders that are read when a job's segments are rendered."""
    driving, behind = [one.path for one in job.reel.footage if one.path is not None], job.options.output.background
    return tuple(dict.fromkeys((*driving, *([Path(behind)] if names_file(behind) else []))))


@dataclass(frozen=True)
class Part:
    """A segment that is encoded."""

    number: int
    frames: int
    """How many pictures it has; it has files only where there are some."""
    result: Path
    strip: Path | None
    """The same side by side with driving and source, where that is wanted."""
    error: OpenPortraitError | None
    """What ended it early; the pictures before that are in it."""


class _Excerpt(Rendering):
    """The pictures of a segment."""

    def __init__(self, tools: Tools, setting: Setting, segment: Segment, watch: Watch) -> None:
        self._reel = segment.reel
        moves = [_Recorded(poses) for poses in segment.poses]
        super().__init__(tools.engine, setting.source, moves, setting.options, watch)

    @property
    def reel(self) -> Reel:
        return self._reel


class _Recorded:
    """A `Move` of poses that were computed before."""

    def __init__(self, poses: Sequence[Pose | None]) -> None:
        self._poses = poses

    def __len__(self) -> int:
        return len(self._poses)

    def __call__(self, i: int) -> Pose | None:
        return self._poses[i]


def render_segment(setting: Setting, segment: Segment, folder: Path, tools: Tools, watch: Watch) -> Part:
    """Render and encode a segment into a file of its own in `folder`. `tools`: those of the setting's options.

    An error, or being stopped by the watch, ends it early: the part says so.
    """
    excerpt = _Excerpt(tools, setting, segment, watch)
    try:
        return encode(excerpt, setting, folder, segment.number)
    finally:
        excerpt.close()


def parts_made_here(job: Rendering, setting: Setting, folder: Path) -> Generator[Part, None, None]:
    """The segments of a job, rendered and encoded by this process, in their order."""
    with closing(ahead(job)) as pictures:
        for number, span in enumerate(spans(job.frames)):
            yield encode(islice(pictures, len(span)), setting, folder, number)


def encode(pictures: Iterable[Picture], setting: Setting, folder: Path, number: int) -> Part:
    """Write pictures as a segment of this number, until they end or fail."""
    suffix = setting.result.suffix
    result, strip = folder / f"{number}{suffix}", folder / f"{number}_concat{suffix}"
    quality, wanted = setting.options.output.quality, setting.options.output.side_by_side
    frames, error = 0, None
    try:
        with ExitStack() as stack:
            writer = stack.enter_context(SegmentWriter(result, setting.result, rate=setting.rate, quality=quality))
            beside = SegmentWriter(strip, setting.result, rate=setting.rate, quality=quality) if wanted else None
            if beside is not None:
                stack.enter_context(beside)
            for picture in pictures:
                writer.write(picture.image, picture.alpha)
                if beside is not None:
                    beside.write(picture.strip)
                frames += 1
    except OpenPortraitError as raised:
        error = known(raised)
    return Part(number, frames, result, strip if wanted else None, error)


# The messages between a job's process and its workers


class Order(NamedTuple):
    """A segment that is to be rendered."""

    segment: Segment
    folder: Path


class Stop(NamedTuple):
    """End the segment under way early."""


class Rendered(NamedTuple):
    """One more picture is rendered."""

    image: Image | None
    """The picture: now and then, where a preview is wanted; else None."""


class Begin(NamedTuple):
    """Tell what job the next segments belong to."""

    setting: Setting
    is_looked_at: bool
    """Whether a preview of rendered pictures is wanted."""
    files: Sequence[Path]
    """Files and folders that are read for them: a hand of another machine has copies of these."""
