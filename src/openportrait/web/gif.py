"""A result as a GIF, for places that take no video."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path

from openportrait.errors import OptionError
from openportrait.media import open_clip, open_writer
from openportrait.media.provenance import said

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
