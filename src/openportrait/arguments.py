"""Names options as the caller does: `--driving-face` on a command line, `driving_face` in Python.

All texts are written with flags; functions that Python programs call replace them by arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from typing import get_type_hints

from openportrait.errors import OpenPortraitError, reword
from openportrait.options import ClusterOptions, FaceEdit, Options, OptionSpec, RetargetOptions, specs

_FLAG = re.compile(r"(?<![^\s(])--([a-z]+(?:-[a-z]+)*)(?: ([^\s;,)]+))?")
"""A flag as it stands in a sentence, and the word after it. In quotes or in a file's name it is no flag."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
_NO_VALUES = ("is", "or", "and", "to")
"""Words that may follow the flag of a text option without being its value."""

_typed = 0


@contextmanager
def flags_typed() -> Iterator[None]:
    """A program whose user types flags: what is called inside says them too, in every thread."""
    global _typed  # noqa: PLW0603 - of the process, as its command line is
    _typed += 1
    try:
        yield
    finally:
        _typed -= 1


@contextmanager
def named_in_errors() -> Iterator[None]:
    """A call from Python, whose errors name arguments; also a decorator: `@named_in_errors()`."""
    try:
        yield
    except OpenPortraitError as error:
        reword(error, named)
        raise


def named(text: str) -> str:
    """A text for who called, with arguments in place of flags: `relative=False` for `--no-relative`."""
    return text if _typed else as_arguments(text)


def as_arguments(text: str) -> str:
    """The same for every caller: for texts about a program that was started with flags."""
    return _FLAG.sub(_as_argument, text)


def _as_argument(found: re.Match[str]) -> str:
    name, word = found[1].replace("-", "_"), found[2]
    after = "" if word is None else f" {word}"
    spec, off = _specs().get(name), _specs().get(name.removeprefix("no_"))
    if spec is None:
        return f"{off.name}=False{after}" if off is not None and off.kind is bool else found[0]
    if spec.kind is bool:
        return f"{name}{'' if word == 'is' else '=True'}{after}"
    if word is None or not _is_value(word, spec):
        return f"{name}{after}"
    return f"{name}={word}" if spec.kind in (int, float) else f'{name}="{word}"'


def _is_value(word: str, spec: OptionSpec) -> bool:
    if spec.choices:
        return word in spec.choices
    return _NUMBER.fullmatch(word) is not None if spec.kind in (int, float) else word not in _NO_VALUES


@cache
def _specs() -> dict[str, OptionSpec]:
    groups = (get_type_hints(Options)[group.name] for group in fields(Options))
    return {
        spec.name: spec for record in (FaceEdit, RetargetOptions, ClusterOptions, *groups) for spec in specs(record)
    }
