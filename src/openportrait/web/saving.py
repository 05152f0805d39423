"""Results that are saved in a folder of the one who runs the app, under names of their own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

from openportrait.errors import MediaError
from openportrait.media.target import Target, together
from openportrait.records import Result
from openportrait.web.gif import place_of


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
