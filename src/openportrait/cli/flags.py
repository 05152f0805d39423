"""Flags made from the options records, so that an option is stated once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from openportrait.options import OptionSpec, specs

Values = dict[str, Any]
"""Option names with the values from the command line; the options records check them."""

Output = Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="PATH", help_behavior_hint="")]
AsJson = Annotated[
    tyro.conf.FlagCreatePairsOff[bool], tyro.conf.arg(help="Print the result as JSON.", help_behavior_hint="")
]


class Flag(NamedTuple):
    """One flag as tyro needs it."""

    hint: Any
    default: Any


def flags(record: type, *, only: tuple[str, ...] = (), **defaults: Any) -> object:
    """A tyro marker for a field of type `Values`: the options of `record`, or those named in `only`.

    `defaults` are those that differ for the command.

    The values arrive unchecked: an option's own check speaks better of its fault than tyro, which
    would name the record inside the program.
    """
    chosen = {
        spec.name: Flag(hint(spec), defaults.get(spec.name, spec.default))
        for spec in specs(record)
        if not only or spec.name in only
    }
    return tyro.conf.arg(constructor=collector(chosen, record.__doc__ or ""))


def hint(spec: OptionSpec) -> Any:
    """The type of an option with its help and limits, for tyro."""
    limits = f" From {spec.range.low:g} to {spec.range.high:g}." if spec.range else ""
    kind = spec.kind | None if spec.optional else spec.kind
    if not spec.optional:
        return Annotated[kind, tyro.conf.arg(help=spec.help + limits)]
    metavar = spec.kind.__name__.upper()
    return Annotated[kind, tyro.conf.arg(help=spec.help + limits, metavar=metavar, help_behavior_hint="")]


def collector(wanted: Mapping[str, Flag], description: str) -> Callable[..., Values]:
    """A function with the wanted flags as its signature, which tyro reads, that gives back their values."""

    def collect(**values: Any) -> Values:
        return values

    collect.__doc__ = description
    collect.__annotations__ = {name: flag.hint for name, flag in wanted.items()}
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=flag.default, annotation=flag.hint)
        for name, flag in wanted.items()
    ]
    vars(collect)["__signature__"] = inspect.Signature(parameters)
    return collect
