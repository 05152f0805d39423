"""What is seen before a job runs: of a file its faces and what would be cut out, of the job one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openportrait.faces import choose, size_of
from openportrait.media import Clip
from openportrait.options import Options
from openportrait.pipeline.driving import RATE_OF_STILLS, cutter, open_driving_clip
from openportrait.pipeline.render import Picture, Rendering
from openportrait.pipeline.source import cut, open_source_clip
from openportrait.pipeline.tools import Tools
from openportrait.records import Face, Frame, Image


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
    """The picture that the result shows at this time; the nearest one where it is shorter. Raises as iteration does."""
    place = int(seconds * (job.rate or RATE_OF_STILLS))
    return job.picture(min(max(place, 0), job.frames - 1))


def _first_frame(clip: Clip, options: Options, tools: Tools) -> tuple[Image, list[Face]]:
    with clip:
        image = next(iter(clip)).image
    return image, tools.finder(options.faces).find(image)
