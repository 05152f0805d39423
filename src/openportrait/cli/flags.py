"""Makes flags from the options records, so that each option is stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from typing_extensions import Doc

from openportrait.options import OptionSpec, specs

Values = dict[str, Any]
"""Option names with the values from the command line."""


class Short(NamedTuple):
    """Marks an argument of a command that also has a flag of one letter."""

    flag: str


class Positional:
    """Marks an argument of a command that has no flag."""


class OfRecord(NamedTuple):
    """Marks a field of a command that takes the options of a record."""

    record: type
    only: tuple[str, ...]
    defaults: Mapping[str, Any]


class Argument(NamedTuple):
    """One thing that may be given on a command line."""

    spec: OptionSpec
    flags: tuple[str, ...]
    """As they are typed, the full one last; a switch has a second full one to turn it off. Empty: no flag."""

    @property
    def name(self) -> str:
        """What the user knows it by."""
        return self.flags[0] if self.is_switch else self.flags[-1] if self.flags else self.spec.name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return self.spec.kind is bool

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.spec.default is MISSING


class Group(NamedTuple):
    """Arguments that stand together on the help page."""

    field: str
    """The command's field that takes their values; empty for the command's own arguments."""
    title: str
    arguments: tuple[Argument, ...]


Output = Annotated[Path | None, Short("-o")]
AsJson = Annotated[bool, Doc("Print the result as JSON.")]


def flags(record: type, *, only: tuple[str, ...] = (), **defaults: Any) -> OfRecord:
    """A marker for a field of type `Values`: the options of `record`, or those named in `only`.

    `defaults` are those that differ for the command.
    """
    return OfRecord(record, only, defaults)


def groups(command: type) -> tuple[Group, ...]:
    """What a command takes: its own arguments first."""
    hints = get_type_hints(command, include_extras=True)
    own, others = [], []
    for spec in specs(command):
        marks = getattr(hints[spec.name], "__metadata__", ())
        of_record = next((mark for mark in marks if isinstance(mark, OfRecord)), None)
        if of_record is not None:
            others.append(Group(spec.name, (of_record.record.__doc__ or "").split(".")[0], _options(of_record)))
        elif Positional in marks:
            own.append(Argument(spec, ()))
        else:
            short = tuple(mark.flag for mark in marks if isinstance(mark, Short))
            own.append(Argument(spec, (*short, flag(spec.name))))
    return (Group("", "Options", tuple(own)), *others)


def flag(name: str) -> str:
    """`--max-size` for max_size."""
    return f"--{name.replace('_', '-')}"


def _options(wanted: OfRecord) -> tuple[Argument, ...]:
    chosen = (spec for spec in specs(wanted.record) if not wanted.only or spec.name in wanted.only)
    return tuple(
        Argument(
            spec._replace(default=wanted.defaults.get(spec.name, spec.default)),
            (flag(spec.name), flag(f"no_{spec.name}")) if spec.kind is bool else (flag(spec.name),),
        )
        for spec in chosen
    )
