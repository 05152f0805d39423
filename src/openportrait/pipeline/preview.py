"""Previews before a job runs: the faces of a file and the crop, or one picture of the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from openportrait.drivings import Driving
from openportrait.errors import MediaError, NoFaceError
from openportrait.faces import FaceFinder, choose, size_of
from openportrait.media import Clip, open_clip
from openportrait.media.listening import is_sound
from openportrait.options import Options
from openportrait.pipeline.driving import (
    RATE_OF_STILLS,
    MeasuredDriving,
    cutter,
    open_driving_clip,
    options_of,
)
from openportrait.pipeline.render import Picture, Rendering
from openportrait.pipeline.source import cut, open_source_clip
from openportrait.pipeline.tools import Tools
from openportrait.records import Face, Frame, Image, MediaInfo
from openportrait.sequences import view
from openportrait.templates import is_template
from openportrait.trim import Trim

AROUND_SECONDS = Fraction(1, 2)
"""What is measured of a clip at its start and on both sides of a moment, so that the face of one frame comes out as of
the whole clip: landmarks are steadied over a tenth of a second, and a face that was just found settles in a few frames.
Pictures of a clip of a minute differed by less than 1 of 255 on the mean."""


@dataclass(frozen=True, eq=False)
class Preview:
    """The first frame of a file."""

    image: Image
    """(H, W, 3)"""
    faces: tuple[Face, ...]
    """All that were found, largest first: the order of their numbers."""
    chosen: tuple[Face, ...]
    """Those that the options choose."""
    crop: Image
    """(S, S, 3) of the first chosen face, as the engine gets it; a whole picture where nothing is cut."""


def preview_source(path: Path, options: Options) -> Preview:
    """Raises MediaError, NoFaceError, OptionError or what the engine raises."""
    tools = Tools.load(options.engine)
    image, faces = _first_frame(open_source_clip(path, options), options, tools)
    chosen = choose(faces, options.faces.face, size_of(image), where=str(path), option="--face")
    return Preview(
        image, tuple(faces), tuple(chosen), cut(Frame(image), chosen[0], options, tools.engine.crop_rule).image
    )


def preview_driving(path: Path, options: Options) -> Preview:
    """Raises MediaError, NoFaceError, OptionError or what the engine raises."""
    clip = open_driving_clip(path, options.crop.max_gigapixels, options.trim.driving)
    image, faces = _first_frame(clip, options, Tools.load(options.engine))
    picture = size_of(image)
    face = choose(faces, options.faces.driving_face, picture, where=str(path), option="--driving-face")[0]
    return Preview(image, tuple(faces), (face,), cutter([face], picture, options.crop)(image, face).image)


def picture_at(job: Rendering, seconds: float) -> Picture:
    """The picture that the result shows at this time, or its last one where it is shorter. Raises as iteration does."""
    place = int(seconds * (job.rate or RATE_OF_STILLS))
    return job.picture(min(max(place, 0), job.frames - 1))


def measured_near(
    given: Driving, options: Options, seconds: float, tools: Tools, measure: Callable[[Driving], MeasuredDriving]
) -> MeasuredDriving | None:
    """A driving that is measured as far as one picture of a still portrait needs it: at its start, where it counts as
    at rest, and around a moment. Its other frames are as the nearest of these.

    `seconds`: of the moment, since its part begins; `measure`: measures a part. None where all of it has to be
    measured: for the most neutral frame, for crops that one box around all its faces cuts, where several faces are to
    be told apart, where one is lost, and where nothing would be saved.
    Raises MediaError where it cannot be read, and what `measure` raises.
    """
    wanted = options_of(given, options)
    if "auto" in (given.neutral_frame, options.motion.neutral_frame) or given.sound:
        return None
    if is_template(given.path) or is_sound(given.path):
        return None
    with open_driving_clip(given.path, wanted.crop.max_gigapixels, wanted.trim.driving) as clip:
        info, part = clip.info, clip.trim
    rate = info.rate
    if rate is None or info.frames is None or not _is_measured_apart(info, options, tools):
        return None
    around, moment = round(AROUND_SECONDS * rate), min(int(seconds * rate), info.frames - 1)
    head, near = range(around), range(max(moment - around, 0), min(moment + around + 1, info.frames))
    if info.frames <= 2 * (len(head) + len(near)):
        return None

    def known(frames: range) -> MeasuredDriving | None:
        """Some frames of its part; None where they show several faces at their start, or none for a while."""
        start, end = (part.start_seconds + place / rate for place in (frames.start, frames.stop))
        clip = open_driving_clip(given.path, wanted.crop.max_gigapixels, Trim(start, end))
        if len(_first_frame(clip, wanted, tools)[1]) != 1:
            return None
        measured = measure(replace(given, start_seconds=float(start), end_seconds=float(end)))
        return measured if all(measured.present) else None

    # Whatever is wrong with some frames is told of the whole.
    with suppress(MediaError, NoFaceError):
        start = known(head)
        middle = known(near) if start is not None else None
        if start is not None and middle is not None:
            return _joined(start, middle, near.start, info.frames, part)
    return None


def _is_measured_apart(info: MediaInfo, options: Options, tools: Tools) -> bool:
    """Whether the motion of one frame does not depend on where the face is in others (`cutter`)."""
    is_whole = info.width == info.height and not options.crop.crop_driving
    return tools.engine.reader.is_steady or is_whole


def _joined(start: MeasuredDriving, middle: MeasuredDriving, first: int, frames: int, part: Trim) -> MeasuredDriving:
    """A driving of so many frames of which the start and those from `first` on are known."""
    known = len(start.motions)
    last = len(middle.motions) - 1
    places = [place if place < known else known + min(max(place - first, 0), last) for place in range(frames)]
    return replace(
        middle,
        motions=view([*start.motions, *middle.motions], places),
        ratios=view([*start.ratios, *middle.ratios], places),
        present=view([*start.present, *middle.present], places),
        seen=view([*start.seen, *middle.seen], places),
        trim=part,
    )


def _first_frame(clip: Clip, options: Options, tools: Tools) -> tuple[Image, list[Face]]:
    with clip:
        image = next(iter(clip)).image
    return image, tools.finder(options.faces).find(image)


# The faces of a picture with their numbers


LARGEST = 4096
"""Longer side to which a larger picture is reduced before faces are looked for, px."""


@dataclass(frozen=True, eq=False)
class Listing:
    """What was found."""

    image: Image
    """(H, W, 3) that was looked at."""
    faces: Sequence[Face]
    """px of `image`."""
    width: int
    """px of the file."""
    height: int

    def rows(self) -> list[dict[str, Any]]:
        """Number, score 0..1, box (left, top, right, bottom) and size of each, px of the file."""
        scale = self.width / self.image.shape[1]
        return [
            {
                "number": number,
                "score": round(face.score, 3),
                "box": [round(edge * scale, 1) for edge in face.box],
                "size": round(face.size * scale, 1),
            }
            for number, face in enumerate(self.faces)
        ]


def list_faces(path: Path, finder: FaceFinder) -> Listing:
    """Find the faces. Raises MediaError."""
    full = open_clip(path).info
    with open_clip(path, max_size=LARGEST) as clip:
        image = next(iter(clip)).image
    return Listing(image, finder.find(image), full.width, full.height)
