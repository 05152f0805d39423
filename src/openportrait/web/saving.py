"""Results as files to take away: saved in a folder of the one who runs the app, and as a GIF for places that take no
video."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice
from math import ceil
from pathlib import Path

from openportrait.errors import MediaError, OptionError
from openportrait.media import open_clip, open_writer
from openportrait.media.provenance import said
from openportrait.media.target import Target, together
from openportrait.records import Result

SUFFIX = ".gif"
LONGER_SIDE = 360
"""px. With the two below, about 15 MB at most: what chats and forums take."""
MOST_RATE = Fraction(25, 2)
"""Frames a second: every second one of a clip of 25."""
MOST_SECONDS = 15


def place_of(clip: Path) -> Path:
    """Where a clip's GIF lies."""
    return clip.with_suffix(SUFFIX)


def gif_of(clip: Path) -> Path:
    """A small GIF beside a clip, made when it is first asked for. It says what the clip says of where it comes from.

    Raises OptionError for a picture and for a clip that is too long, MediaError.
    """
    made = place_of(clip)
    if made.exists():
        return made
    with open_clip(clip, max_size=LONGER_SIDE) as read:
        rate, frames = read.info.rate, read.info.frames
        if rate is None:
            raise OptionError("a picture is no GIF; animate it first")
        if frames is not None and frames > MOST_SECONDS * rate:
            raise OptionError(f"a GIF is {MOST_SECONDS} s long at most; take the video, or make a shorter one")
        step = ceil(rate / MOST_RATE)
        with open_writer(made, rate=rate / step, description=said(clip).description) as writer:
            for frame in islice(read, 0, None, step):
                writer.write(frame.image)
    return made


def files_of(result: Result) -> list[Path]:
    """The files of a result, itself first, and the GIF that was made of it, last."""
    made = [path for path in (result.path, result.side_by_side, result.template) if path is not None]
    gif = place_of(result.path)
    return [*made, gif] if gif.exists() else made


def save(result: Result, folder: Path) -> tuple[Result, tuple[Path, ...]]:
    """Copy a result's files into the folder, over none that is there; gives them too.

    Where that cannot be done, the result says so in a warning.
    """
    files = files_of(result)
    named = (_named(files, folder, number) for number in count(1))
    places = next(places for places in named if not any(place.exists() for place in places))
    try:
        with together():
            for path, place in zip(files, places, strict=True):
                with Target(place) as target:
                    shutil.copyfile(path, target.temporary)
    except (MediaError, OSError) as error:
        return replace(result, warnings=(*result.warnings, f"it was not saved: {error}")), ()
    return result, tuple(places)


def _named(files: list[Path], folder: Path, number: int) -> list[Path]:
    """Where the files go: `officer--talk.mp4`, and `officer--talk-2.mp4` where that is taken."""
    stem = files[0].stem
    new = stem if number == 1 else f"{stem}-{number}"
    return [folder / path.name.replace(stem, new, 1) for path in files]
