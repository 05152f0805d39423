"""Expressions and timelines of expressions as small JSON files.

An expression: `{"openportrait": "expression", "version": 1, "edit": {"smile": 1.0}}`.
A timeline: `{"openportrait": "timeline", "version": 1, "rate": "25", "keys": [{"seconds": 0.5,
"easing": "smooth", "edit": {...}}, ...]}`; sliders that are left out are at rest.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from openportrait import bounds
from openportrait.checked import checked_value, specs
from openportrait.easing import ease
from openportrait.errors import OptionError, TemplateError
from openportrait.files import AnyPath, read_plain
from openportrait.media.target import Target
from openportrait.records import FaceEdit

Easing = Literal["smooth", "linear", "hold"]
VERSION = 1
"""Of the file format."""
MAX_BYTES = 4 * 2**20
"""Of a file of a timeline."""
MAX_SECONDS = 3600
"""Of a timeline."""
MAX_FRAMES = 250_000
"""An hour at 60 frames a second, and somewhat more; a template holds no more either."""
RATES = (1, 240)
"""Frames a second."""
NOTHING = FaceEdit()


@dataclass(frozen=True)
class Key:
    """An expression at a moment of a timeline."""

    seconds: float
    edit: FaceEdit
    easing: Easing = "smooth"
    """How the face gets from here to the next key; hold jumps."""

    def __post_init__(self) -> None:
        """Raises OptionError for a time beyond an hour, or an unknown easing."""
        try:
            seconds = bounds.number(self.seconds, 0, MAX_SECONDS, "a key's time in seconds")
        except ValueError as error:
            raise OptionError(f"{error}; correct it") from error
        if not isinstance(self.easing, str) or self.easing not in get_args(Easing):
            raise OptionError(
                f"a key's easing is {bounds.shown(self.easing)}; choose one of {', '.join(get_args(Easing))}"
            )
        object.__setattr__(self, "seconds", seconds)


@dataclass(frozen=True)
class Timeline:
    """Expressions in time; before the first and behind the last key the face holds still."""

    keys: tuple[Key, ...]
    """At least one, in order of time."""
    rate: Fraction = Fraction(25)
    """Frames a second; a number or a text such as `30000/1001` is taken too."""

    def __post_init__(self) -> None:
        """Raises OptionError for no key, keys out of order, an impossible rate, or too many frames."""
        times = [key.seconds for key in self.keys]
        if not times or times != sorted(times):
            raise OptionError("a timeline needs keys in order of time; give one key at least, and sort them")
        try:
            rate = bounds.fraction(self.rate, *RATES, "the timeline's rate in frames a second")
        except ValueError as error:
            raise OptionError(f"{error}; give such a rate") from error
        object.__setattr__(self, "rate", rate.limit_denominator(10**6))
        if self.frames > MAX_FRAMES:
            raise OptionError(
                f"the timeline has {self.frames:,} frames, the limit is {MAX_FRAMES:,}; shorten it or lower its rate"
            )

    @cached_property
    def _times(self) -> tuple[Fraction, ...]:
        return tuple(_exact(key.seconds) for key in self.keys)

    @property
    def frames(self) -> int:
        """Pictures from second 0 to the last key."""
        return int(_exact(self.keys[-1].seconds) * self.rate) + 1

    def edit(self, frame: int, own: FaceEdit = NOTHING) -> FaceEdit:
        """The expression of one picture; `own` as for `at`."""
        return self._at(frame / self.rate, own)

    def at(self, seconds: float, own: FaceEdit = NOTHING) -> FaceEdit:
        """The expression at a time; `own` holds the openness of eyes and lips that keys without one start from."""
        return self._at(_exact(seconds), own)

    def _at(self, moment: Fraction, own: FaceEdit) -> FaceEdit:
        later = bisect_right(self._times, moment)
        if later == 0:
            return self.keys[0].edit
        start = self.keys[later - 1]
        if later == len(self.keys) or start.easing == "hold":
            return start.edit
        part = float((moment - self._times[later - 1]) / (self._times[later] - self._times[later - 1]))
        if start.easing == "smooth":
            part = ease(part)
        return between(start.edit, self.keys[later].edit, part, own)


def _exact(seconds: float) -> Fraction:
    """The time that was meant: 1.16 is a little less than 116/100 as a float.

    Every time of six decimals, and that of every frame at a usual rate, is found again exactly: such fractions
    lie further apart than the rounding of an hour's seconds.
    """
    return Fraction(seconds).limit_denominator(10**6)


def between(start: FaceEdit, end: FaceEdit, part: float, own: FaceEdit = NOTHING) -> FaceEdit:
    """The edit a `part`, 0..1, of the way. A target ratio that only one of the two has goes from or to that of
    `own`, and is kept where `own` has none either."""

    def mix(name: str) -> float | None:
        a: float | None = getattr(start, name)
        b: float | None = getattr(end, name)
        if a is None and b is None:
            return None
        a, b = (getattr(own, name) if value is None else value for value in (a, b))
        if a is None or b is None:
            return b if a is None else a
        # Rounding alone could leave a slider's range.
        return min(max(float(a + (b - a) * part), min(a, b)), max(a, b))

    values: dict[str, Any] = {item.name: mix(item.name) for item in fields(start)}
    return FaceEdit(**values)


def save_expression(path: AnyPath, edit: FaceEdit) -> None:
    """Write an expression. Raises MediaError where that fails; nothing is left half-written."""
    _write(Path(path), {"openportrait": "expression", "version": VERSION, "edit": _moved_sliders(edit)})


def load_expression(path: AnyPath) -> FaceEdit:
    """Raises TemplateError for a file that is no expression, MediaError for one that cannot be read."""
    content = _read(Path(path), "an expression file")
    try:
        return _edit(content.get("edit"))
    except ValueError as error:
        raise _unusable(path, "the expression", error) from error


def save_timeline(path: AnyPath, timeline: Timeline) -> None:
    """Write a timeline. Raises MediaError where that fails; nothing is left half-written."""
    keys = [{"seconds": key.seconds, "easing": key.easing, "edit": _moved_sliders(key.edit)} for key in timeline.keys]
    _write(Path(path), {"openportrait": "timeline", "version": VERSION, "rate": str(timeline.rate), "keys": keys})


def load_timeline(path: AnyPath) -> Timeline:
    """Raises TemplateError for a file that is no timeline, MediaError for one that cannot be read."""
    content = _read(Path(path), "a timeline file")
    listed = content.get("keys")
    try:
        if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
            raise ValueError("it has no list of keys")
        keys = (Key(key.get("seconds"), _edit(key.get("edit")), key.get("easing", "smooth")) for key in listed)
        return Timeline(tuple(keys), content.get("rate", 25))
    except ValueError as error:
        raise _unusable(path, "the timeline", error) from error


def _unusable(path: AnyPath, what: str, error: ValueError) -> TemplateError:
    """An OptionError states its own remedy; other ValueErrors state none."""
    remedy = "" if isinstance(error, OptionError) else "; correct it or write it anew"
    return TemplateError(f"{path}: {what} cannot be used: {error}{remedy}")


def _moved_sliders(edit: FaceEdit) -> dict[str, float]:
    return {item.name: getattr(edit, item.name) for item in fields(edit) if getattr(edit, item.name) != item.default}


def _edit(values: Any) -> FaceEdit:
    """Raises ValueError where the values are no sliders."""
    if not isinstance(values, dict):
        raise ValueError("it has no sliders")
    known = {spec.name: spec for spec in specs(FaceEdit)}
    if strange := sorted(set(values) - set(known)):
        raise ValueError(f"there is no slider {bounds.named(strange[0])}, known are {', '.join(sorted(known))}")
    # In a file a slider is called by its name, not by the flag of the command line.
    return FaceEdit(**{name: checked_value(known[name], value, name) for name, value in values.items()})


def _read(path: Path, wanted: str) -> dict[str, Any]:
    """The content of a file of this kind and version; `wanted` is `a timeline file`."""
    kind = wanted.split()[1]
    try:
        content = bounds.json_value(read_plain(path, MAX_BYTES, wanted))
    except ValueError as error:
        raise TemplateError(f"{path} is no {kind} file: {error}; choose another") from error
    if not isinstance(content, dict) or content.get("openportrait") != kind:
        raise TemplateError(f"{path} is no {kind} file of this product; choose another")
    version = content.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise TemplateError(f"{path} is {kind} version {bounds.shown(version)}, this release reads {VERSION}; update")
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    with Target(path) as target, target.guarded():
        target.temporary.write_text(json.dumps(content, indent=1), "utf-8")
