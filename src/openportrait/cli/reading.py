"""Reads a command line. An error is one line that names the flag as it was typed."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from openportrait.bounds import shown
from openportrait.checked import checked_value, from_text
from openportrait.cli.console import emit
from openportrait.cli.flags import Argument, Group, Values
from openportrait.errors import OptionError

_NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)", re.ASCII | re.IGNORECASE)
_KINDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH"}


def read(
    groups: Sequence[Group], args: Sequence[str], *, prog: str, description: str, separator: str = "-"
) -> list[Values]:
    """The values of each group's arguments, defaults where none was given. `--help` prints the page and exits.

    `separator` is what the flags' names are spelt with; `-` and `_` are understood alike. Raises OptionError.
    """
    parser = _parser(groups, prog, description)
    found, unknown = parser.parse_known_args(list(_spelt(args, groups, separator)))
    if unknown:
        first = next((arg for arg in unknown if arg != "--"), "--")
        parser.error(_unknown(first, args, groups, separator))
    return [
        {argument.spec.name: _value(argument, getattr(found, _dest(group, argument))) for argument in group.arguments}
        for group in groups
    ]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see `{self.prog} --help`")

    def print_help(self, file: Any = None) -> None:
        emit(self.format_help().rstrip())


class _Page(argparse.HelpFormatter):
    """Lines end between words: names of flags, files and addresses are whole."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


class _Switch(argparse.Action):
    """True, or with the second of its flags False."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, option_string == self.option_strings[0])


def _parser(groups: Sequence[Group], prog: str, description: str) -> _Parser:
    needed = [argument for group in groups for argument in group.arguments if argument.is_required]
    usage = " ".join(f"{argument.flags[0]} {_metavar(argument)}" if argument.flags else "PATH" for argument in needed)
    parser = _Parser(
        prog=prog,
        usage=f"{prog} {usage} [options]",
        description=description,
        formatter_class=_Page,
        allow_abbrev=False,
        add_help=False,
    )
    for group in groups:
        titled = parser.add_argument_group(group.title.lower())
        for argument in group.arguments:
            _add(titled, argument, _dest(group, argument))
        if not group.field:
            titled.add_argument("-h", "--help", action="help", help="Show this page and exit.")
    return parser


def _add(titled: Any, argument: Argument, dest: str) -> None:
    text = _help(argument).replace("%", "%%")
    if not argument.flags:
        titled.add_argument(dest, metavar=argument.name, nargs=None if argument.is_required else "?", help=text)
    elif argument.is_switch:
        titled.add_argument(*argument.flags, dest=dest, action=_Switch, nargs=0, help=text)
    else:
        required = argument.is_required
        titled.add_argument(
            *argument.flags,
            dest=dest,
            action="append" if argument.spec.repeated else "store",
            metavar=_metavar(argument),
            required=required,
            help=text,
        )


def _dest(group: Group, argument: Argument) -> str:
    return f"{group.field}.{argument.spec.name}"


def _metavar(argument: Argument) -> str:
    if argument.spec.repeated:
        return argument.spec.name.upper()
    choices = argument.spec.choices
    return f"{{{','.join(choices)}}}" if choices else _KINDS[argument.spec.kind]


def _help(argument: Argument) -> str:
    spec = argument.spec
    limits = f" From {spec.range.low:g} to {spec.range.high:g}." if spec.range else ""
    if argument.is_required:
        return f"{spec.help}{limits} (required)"
    default = {True: "on", False: "off"}.get(spec.default, spec.default) if argument.is_switch else spec.default
    stated = default not in (None, "") and (len(argument.flags) > 1 or not argument.is_switch)
    return f"{spec.help}{limits} (default: {default})" if stated else f"{spec.help}{limits}"


def _spelt(args: Sequence[str], groups: Sequence[Group], separator: str) -> Iterator[str]:
    """The arguments with flags in our spelling, and with negative values joined to theirs: argparse would take
    some of them for flags."""
    with_value = {
        flag for group in groups for argument in group.arguments for flag in argument.flags if not argument.is_switch
    }
    place = 0
    while place < len(args):
        spelt, following = _flag(args[place], separator), "".join(args[place + 1 : place + 2])
        if spelt == "--":
            yield from args[place:]
            return
        if spelt in with_value and _NEGATIVE.match(following):
            yield f"{spelt}={following}"
            place += 1
        else:
            yield spelt
        place += 1


def _flag(arg: str, separator: str) -> str:
    if not arg.startswith("--"):
        return arg
    name, equals, value = arg[2:].partition("=")
    return f"--{name.replace('-', separator).replace('_', separator)}{equals}{value}"


def _unknown(first: str, args: Sequence[str], groups: Sequence[Group], separator: str) -> str:
    typed = next((arg for arg in args if _flag(arg, separator) == first), first).partition("=")[0]
    if not typed.startswith("-"):
        return f"{shown(typed)} is not expected here"
    known = [flag for group in groups for argument in group.arguments for flag in argument.flags]
    near = difflib.get_close_matches(first.partition("=")[0], known, 1)
    return f"there is no {typed}; perhaps {near[0]} is meant" if near else f"there is no {typed}"


def _value(argument: Argument, given: Any) -> Any:
    """The given text as a value of the right type, checked. Raises OptionError."""
    spec = argument.spec
    if given is None:
        return spec.default
    if argument.is_switch:
        return given
    if spec.repeated:
        return tuple(_single(argument, one) for one in given)
    return _single(argument, given)


def _single(argument: Argument, given: Any) -> Any:
    spec = argument.spec
    if (spec.kind is Path or spec.repeated) and not given:
        raise OptionError(f"{argument.name} is empty; give a path")
    return checked_value(spec, from_text(spec, given), argument.name)
