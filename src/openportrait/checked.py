"""Records whose fields state their default, help and range. Values are checked when a record is made.

`Doc` is the one-line help, `Range` the closed interval a number may take. NumPy is not imported here, so
that `openportrait --help` answers at once.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from typing_extensions import Doc

from openportrait.bounds import number, shown, whole
from openportrait.errors import OptionError

MOST_TEXT = 1000
"""Characters of a text: names of faces and devices are shorter, a path of a background may be long."""
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Range(NamedTuple):
    """The closed interval that a numeric option may take."""

    low: float
    high: float


class Written(NamedTuple):
    """Marks a text with a grammar of its own."""

    kept: Callable[[Any], Any]
    """Turns the given value into the kept one; ValueError says what is wrong with it."""


class OptionSpec(NamedTuple):
    """What one field of an options record states about itself."""

    name: str
    default: Any
    help: str
    kind: Any
    """The bare type: bool, int, float, str, Path or a Literal."""
    optional: bool
    """Whether None is allowed."""
    range: Range | None
    choices: tuple[str, ...]
    written: Written | None = None
    repeated: bool = False
    """Whether it is a tuple of such values."""


@cache
def specs(record: type) -> tuple[OptionSpec, ...]:
    """What each field of an options record states, in order."""
    hints = get_type_hints(record, include_extras=True)
    found = []
    for item in fields(record):
        hint = hints[item.name]
        base, *extra = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        optional, repeated = False, get_origin(base) is tuple
        if repeated:
            base = get_args(base)[0]
        if get_origin(base) in (Union, UnionType):
            members = [member for member in get_args(base) if member is not type(None)]
            optional, base = len(members) < len(get_args(base)), members[0]
        found.append(
            OptionSpec(
                name=item.name,
                default=item.default,
                help=next((e.documentation for e in extra if isinstance(e, Doc)), ""),
                kind=base,
                optional=optional,
                range=next((e for e in extra if isinstance(e, Range)), None),
                choices=get_args(base) if get_origin(base) is Literal else (),
                written=next((e for e in extra if isinstance(e, Written)), None),
                repeated=repeated,
            )
        )
    return tuple(found)


def from_text(spec: OptionSpec, text: str) -> Any:
    """The written text as a value of the right type. A text that cannot be read stays a text, which the check then
    refuses."""
    if spec.kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if spec.kind is float and _NUMBER.fullmatch(text):
        return float(text)
    return _SWITCHES.get(text.lower(), text) if spec.kind is bool else text


def checked_value(spec: OptionSpec, value: Any, flag: str = "") -> Any:
    """The value as it is kept: a number of NumPy as a plain one, a path as a Path. Raises OptionError.

    `flag`: how the user types the option, where that is not as the option is called.
    """
    flag = flag or f"--{spec.name.replace('_', '-')}"
    value = _plain(spec, value)
    if value is None and spec.optional:
        return None
    if spec.written:
        try:
            return spec.written.kept(value)
        except ValueError as error:
            raise OptionError(f"{flag}: {error}") from error
    if spec.choices:
        if not isinstance(value, str) or value not in spec.choices:
            raise OptionError(f"{flag} is {shown(value)}; choose one of {', '.join(spec.choices)}")
    elif spec.kind in (int, float):
        return _number(spec, flag, value)
    elif spec.kind is bool and not isinstance(value, bool):
        raise OptionError(f"{flag} is {shown(value)}; give true or false")
    elif spec.kind is str and not (isinstance(value, str) and value.isprintable() and len(value) <= MOST_TEXT):
        raise OptionError(f"{flag} is {shown(value)}; give a short text in one line")
    elif spec.kind is Path:
        if not isinstance(value, (str, os.PathLike)) or "\0" in str(value):
            raise OptionError(f"{flag} is {shown(value)}; give a path")
        return Path(value)
    return value


def _number(spec: OptionSpec, flag: str, value: Any) -> int | float:
    """The value as an int or float in the option's range."""
    low, high = spec.range or Range(-sys.float_info.max, sys.float_info.max)
    try:
        return whole(value, int(low), int(high), flag) if spec.kind is int else number(value, low, high, flag)
    except ValueError as error:
        due = "whole number" if spec.kind is int else "number"
        if isinstance(value, float) and not math.isfinite(value):
            due = f"finite {due}"
        elif spec.range and isinstance(value, (int, spec.kind)) and not isinstance(value, bool):
            due += f" from {low:g} to {high:g}"
        raise OptionError(f"{flag} is {shown(value)}; give a {due}") from error


def _plain(spec: OptionSpec, value: Any) -> Any:
    """A number of NumPy as Python's own. There is one only where NumPy is imported already."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.generic):
        return value
    if isinstance(value, numpy.floating):
        # The end of a range in fewer digits may lie beyond it: 0.8 as float32 is 0.8000000119.
        for limit in spec.range or ():
            if abs(limit) <= numpy.finfo(value.dtype).max and value == type(value)(limit):
                return limit
        return float(value)
    return value.item()


class Checked:
    """Base of records whose fields state what they may be; a wrong value raises OptionError when it is made.

    A path may be given as text, a number as one of NumPy's.
    """

    def __post_init__(self) -> None:
        record: type = type(self)
        for spec in specs(record):
            given = getattr(self, spec.name)
            kept = checked_value(spec, given)
            if kept is not given:
                object.__setattr__(self, spec.name, kept)
