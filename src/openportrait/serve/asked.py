"""Reads what a form asks for, and checks it by the same records as the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from openportrait.arguments import as_arguments
from openportrait.batches.lists import option_value
from openportrait.bounds import named, shown
from openportrait.drivings import MOST_DRIVINGS, Driving
from openportrait.errors import OpenPortraitError, OptionError
from openportrait.media.stills import PICTURE_SUFFIXES
from openportrait.media.writer import CLIP_SUFFIXES
from openportrait.options import (
    BACKGROUND_KEPT,
    BACKGROUND_TRANSPARENT,
    OF_A_DRIVING,
    OF_A_SOURCE,
    EngineOptions,
    FaceEdit,
    Options,
    RunOptions,
    SigningOptions,
    specs,
)
from openportrait.pipeline.background import names_file
from openportrait.serve.forms import Form
from openportrait.serve.records import Refused

FORMATS = tuple(dict.fromkeys(suffix.removeprefix(".") for suffix in (*CLIP_SUFFIXES, *PICTURE_SUFFIXES)))
"""Of results."""
JOB_FILES: Mapping[str, int] = {"source": 1, "driving": MOST_DRIVINGS, "background": 1}
JOB_TEXTS = ("options", "drivings", "format")
TEMPLATE_FILES: Mapping[str, int] = {"driving": 1}
TEMPLATE_TEXTS = ("options",)
EDIT_FILES: Mapping[str, int] = {"picture": 1}
EDIT_TEXTS = ("edit", "options", "format")
EDIT_FORMATS = ("jpg", "png", "webp")
EDIT_OPTIONS = (
    "face",
    "detection_threshold",
    *OF_A_SOURCE,
    "stitching",
    "neutralise",
    "quality",
    "background",
    "provenance",
)
"""The options that matter when a picture is edited."""
FACES_TEXTS = ("options",)
FACES_OPTIONS = ("detection_threshold",)
OF_THE_SERVICE = tuple(spec.name for record in (EngineOptions, SigningOptions, RunOptions) for spec in specs(record))
"""The options that clients cannot choose: the engine, the number of cores, and who signs."""
_OF_A_DRIVING = tuple(item.name for item in fields(Driving) if item.name != "file")


def job_asked(form: Form, names: Mapping[str, Sequence[str]], max_seconds: float) -> dict[str, Any]:
    """A job as it is kept. `names`: those of its files, by their parts. Raises Refused."""
    for needed in ("source", "driving"):
        if not names[needed]:
            raise Refused(422, f"there is no {needed}; send its file as a part of that name")
    given = form.json("options", dict, {})
    if names["background"]:
        given = {**given, "background": names["background"][0]}
    else:
        _check_colour(given)
    options = _options(given)
    return {
        "source": names["source"][0],
        "drivings": _drivings(form.json("drivings", list, []), names["driving"], max_seconds),
        "format": _format(form.text("format")),
        "options": options,
    }


def template_asked(form: Form, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A template as it is kept. Raises Refused."""
    if not names["driving"]:
        raise Refused(422, "there is no driving; send its file as a part of that name")
    return {"source": names["driving"][0], "options": _options(form.json("options", dict, {}), OF_A_DRIVING)}


def edit_asked(form: Form) -> dict[str, Any]:
    """The sliders, options and format of an edited picture. Raises Refused."""
    options = form.json("options", dict, {})
    _check_colour(options)
    wanted = form.text("format") or ("png" if options.get("background") == BACKGROUND_TRANSPARENT else "jpg")
    if wanted not in EDIT_FORMATS:
        raise Refused(422, f"format is {shown(wanted)}; choose one of {', '.join(EDIT_FORMATS)}")
    sliders = form.json("edit", dict, {})
    known = [spec.name for spec in specs(FaceEdit)]
    if strange := next((name for name in sliders if name not in known), None):
        raise Refused(422, f"there is no slider {named(strange)}; known are {', '.join(known)}")
    try:
        FaceEdit(**sliders)
    except OptionError as error:
        raise refusal(422, error) from error
    return {"edit": sliders, "options": _options(options, EDIT_OPTIONS), "format": wanted}


def faces_asked(form: Form) -> dict[str, Any]:
    """The options by which faces are looked for. Raises Refused."""
    return {"options": _options(form.json("options", dict, {}), FACES_OPTIONS)}


def _check_colour(given: Mapping[str, Any]) -> None:
    if names_file(str(given.get("background", BACKGROUND_KEPT))):
        raise Refused(422, f"background is {shown(given['background'])}; give keep, transparent or a colour")


def _options(given: Mapping[str, Any], only: Sequence[str] = ()) -> dict[str, Any]:
    """The flat options as they were given, after their check."""
    for name in given:
        if name in OF_THE_SERVICE:
            raise Refused(422, f"{name} is chosen by the one who runs the service; leave it out")
        if only and name not in only and name in Options().values():
            raise Refused(422, f"{name} changes nothing here; leave it out")
    try:
        found = {name: option_value(name, value) for name, value in given.items()}
        Options.of(**found)
    except OptionError as error:
        raise refusal(422, error) from error
    return found


def _drivings(given: Sequence[Any], files: Sequence[str], max_seconds: float) -> list[dict[str, Any]]:
    """What each driving moves, in the order of their files."""
    if len(given) > len(files):
        raise Refused(422, f"drivings has {len(given)} items for {len(files)} files; give one for each file")
    found = []
    for place, name in enumerate(files):
        item = given[place] if place < len(given) else {}
        if not isinstance(item, dict):
            raise Refused(422, f"drivings[{place}] is {shown(item)}; give an object")
        if strange := next((key for key in item if key not in _OF_A_DRIVING), None):
            raise Refused(422, f"drivings[{place}] has no {named(strange)}; known are {', '.join(_OF_A_DRIVING)}")
        try:
            driving = Driving(Path(name), **item)
        except OptionError as error:
            raise Refused(422, f"drivings[{place}]: {as_arguments(str(error))}") from error
        if abs(driving.offset_seconds) > max_seconds:
            raise Refused(422, f"drivings[{place}]: offset_seconds is beyond {max_seconds:g} s, which is the most")
        found.append({**{key: getattr(driving, key) for key in _OF_A_DRIVING}, "file": name})
    return found


def _format(given: str) -> str:
    if given and given not in FORMATS:
        raise Refused(422, f"format is {shown(given)}; choose one of {', '.join(FORMATS)}")
    return given


def engine_values(engine: EngineOptions) -> dict[str, Any]:
    """The options of the engine, as a worker is sent them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(engine).items()}


def refusal(status: int, error: OpenPortraitError) -> Refused:
    """The answer to a client for an error."""
    return Refused(status, as_arguments(str(error)))
