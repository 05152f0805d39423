"""Expressions and timelines of expressions as small JSON files.

An expression: `{"openportrait": "expression", "version": 1, "edit": {"smile": 1.0}}`.
A timeline: `{"openportrait": "timeline", "version": 1, "rate": "25", "keys": [{"seconds": 0.5,
"easing": "smooth", "edit": {...}}, ...]}`; sliders that are left out are at rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from openportrait.errors import MediaError, OptionError, TemplateError
from openportrait.media.target import Target
from openportrait.records import FaceEdit

Easing = Literal["smooth", "linear", "hold"]
VERSION = 1
MAX_BYTES = 4_000_000
MAX_SECONDS = 3600
NOTHING = FaceEdit()


@dataclass(frozen=True)
class Key:
    """An expression at a moment of a timeline."""

    seconds: float
    edit: FaceEdit
    easing: Easing = "smooth"
    """How the face gets from here to the next key; hold jumps."""


@dataclass(frozen=True)
class Timeline:
    """Expressions in time; before the first and behind the last key the face holds still."""

    keys: tuple[Key, ...]
    """At least one, in order of time."""
    rate: Fraction = Fraction(25)

    def __post_init__(self) -> None:
        """Raises OptionError for keys out of order or beyond an hour, or an impossible rate."""
        times = [key.seconds for key in self.keys]
        if not times or times != sorted(times) or not 0 <= times[0] <= times[-1] <= MAX_SECONDS:
            raise OptionError(f"a timeline needs keys in order of time, from 0 to {MAX_SECONDS} seconds")
        if not 1 <= self.rate <= 240:
            raise OptionError(f"the timeline's rate is {self.rate}; give frames a second from 1 to 240")

    @property
    def frames(self) -> int:
        """Pictures from second 0 to the last key."""
        return int(self.keys[-1].seconds * self.rate) + 1

    def at(self, seconds: float, own: FaceEdit = NOTHING) -> FaceEdit:
        """The expression at a time; `own` holds the openness of eyes and lips that keys without one start from."""
        later = next((i for i, key in enumerate(self.keys) if key.seconds > seconds), len(self.keys))
        if later == 0:
            return self.keys[0].edit
        start = self.keys[later - 1]
        if later == len(self.keys) or start.easing == "hold":
            return start.edit
        end = self.keys[later]
        part = (seconds - start.seconds) / (end.seconds - start.seconds)
        if start.easing == "smooth":
            part = part * part * (3 - 2 * part)
        return between(start.edit, end.edit, part, own)


def between(start: FaceEdit, end: FaceEdit, part: float, own: FaceEdit = NOTHING) -> FaceEdit:
    """The edit a `part`, 0..1, of the way. A target ratio that only one of the two has goes from or to that of
    `own`, and is kept where `own` has none either."""

    def mix(name: str) -> float | None:
        a, b = getattr(start, name), getattr(end, name)
        if a is None and b is None:
            return None
        a, b = (getattr(own, name) if value is None else value for value in (a, b))
        return (b if a is None else a) if a is None or b is None else float(a + (b - a) * part)

    values: dict[str, Any] = {item.name: mix(item.name) for item in fields(start)}
    return FaceEdit(**values)


def save_expression(path: Path, edit: FaceEdit) -> None:
    """Write an expression. Raises MediaError where that fails; nothing is left half-written."""
    _write(path, {"openportrait": "expression", "version": VERSION, "edit": _moved_sliders(edit)})


def load_expression(path: Path) -> FaceEdit:
    """Raises TemplateError for a file that is no expression."""
    return _edit(path, _read(path, "expression").get("edit"))


def save_timeline(path: Path, timeline: Timeline) -> None:
    """Write a timeline. Raises MediaError where that fails; nothing is left half-written."""
    keys = [{"seconds": key.seconds, "easing": key.easing, "edit": _moved_sliders(key.edit)} for key in timeline.keys]
    _write(path, {"openportrait": "timeline", "version": VERSION, "rate": str(timeline.rate), "keys": keys})


def load_timeline(path: Path) -> Timeline:
    """Raises TemplateError for a file that is no timeline."""
    content = _read(path, "timeline")
    listed = content.get("keys")
    if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
        raise TemplateError(f"{path}: the timeline has no list of keys; write it with this product")
    try:
        keys = tuple(Key(float(key["seconds"]), _edit(path, key.get("edit")), _easing(key)) for key in listed)
        return Timeline(keys, Fraction(str(content.get("rate", 25))))
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise TemplateError(f"{path}: the timeline is damaged ({error}); correct it or write it anew") from error


def _easing(key: dict[str, Any]) -> Easing:
    easing: Easing = key.get("easing", "smooth")
    if easing not in get_args(Easing):
        raise ValueError(f"easing {easing!r} is none of {', '.join(get_args(Easing))}")
    return easing


def _moved_sliders(edit: FaceEdit) -> dict[str, float]:
    return {item.name: getattr(edit, item.name) for item in fields(edit) if getattr(edit, item.name) != item.default}


def _edit(path: Path, values: Any) -> FaceEdit:
    known = {item.name for item in fields(FaceEdit)}
    if not isinstance(values, dict):
        raise TemplateError(f"{path}: the expression has no sliders; write it with this product")
    if strange := sorted(set(values) - known):
        raise TemplateError(f"{path}: there is no slider {strange[0]}; known are {', '.join(sorted(known))}")
    try:
        return FaceEdit(**values)
    except OptionError as error:
        raise TemplateError(f"{path}: {error}") from error


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TemplateError(f"{path} is too large for an {kind} file; choose another")
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise TemplateError(f"{path} is no {kind} file: it is not JSON; choose another") from error
    if not isinstance(content, dict) or content.get("openportrait") != kind:
        raise TemplateError(f"{path} is no {kind} file of this product; choose another")
    if content.get("version") != VERSION:
        raise TemplateError(f"{path} is {kind} version {content.get('version')}, this release reads {VERSION}; update")
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    with Target(path) as target, target.guarded():
        target.temporary.write_text(json.dumps(content, indent=1), "utf-8")
