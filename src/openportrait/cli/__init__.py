"""The command line: `openportrait <command>`.

Each command is a record of its flags with a `run`; the options among them are made from
`openportrait.options`. Nothing heavy is imported before a command runs, and no command but that one, so that
help and refusals come at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from openportrait.bounds import shown
from openportrait.cli.console import emit, guarded
from openportrait.errors import OptionError

PROGRAM = "openportrait"
COMMANDS: Mapping[str, str | Mapping[str, str]] = {
    "animate": "animate.Animate",
    "edit": "edit.Edit",
    "retarget": "edit.Retarget",
    "live": "live.Live",
    "batch": "batch.Batch",
    "faces": "faces.Faces",
    "template": {
        "make": "template.TemplateMake",
        "info": "template.TemplateInfo",
        "convert": "template.TemplateConvert",
    },
    "verify": "verify.Verify",
    "weights": {
        "list": "weights.WeightsList",
        "download": "weights.WeightsDownload",
        "verify": "weights.WeightsVerify",
        "path": "weights.WeightsPath",
    },
    "web": "web.Web",
    "serve": "serve.Serve",
    "info": "info.Info",
}
"""Each name with the module and record of its command, or with the commands of its group."""
ABOUT = {
    PROGRAM: "Make a portrait move like a driving picture, video or motion template.",
    "openportrait template": "Motion templates: the motion of a clip without its pixels.",
    "openportrait weights": "Trained weights of the neural engine.",
}
"""The purpose of a group of commands."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is as README.md says."""
    given = list(sys.argv[1:] if args is None else args)
    return guarded(lambda: _run(given))


def _run(given: Sequence[str]) -> None:
    if given == ["--version"]:
        from importlib.metadata import version

        emit(f"{PROGRAM} {version(PROGRAM)}")
        return
    prog, rest = PROGRAM, given or ["--help"]
    named: str | Mapping[str, str] | Mapping[str, str | Mapping[str, str]] = COMMANDS
    while not isinstance(named, str):
        name, rest = "".join(rest[:1]), rest[1:]
        if name in ("-h", "--help"):
            emit(_page(prog, named))
            return
        if name not in named:
            raise OptionError(_no_command(prog, named, name))
        prog, named = f"{prog} {name}", named[name]
    from openportrait.cli.flags import groups
    from openportrait.cli.reading import read

    command = _loaded(named)
    wanted = groups(command)
    own, *others = read(wanted, rest, prog=prog, description=inspect.getdoc(command) or "")
    command(**own, **{group.field: values for group, values in zip(wanted[1:], others, strict=True)}).run()


def _loaded(named: str) -> Any:
    """The record of a command."""
    module, _, record = named.partition(".")
    return getattr(import_module(f"openportrait.cli.{module}"), record)


def _no_command(prog: str, commands: Mapping[str, Any], name: str) -> str:
    choice = f"choose one of {', '.join(commands)}, or see `{prog} --help`"
    if not name:
        return f"{prog} needs a command; {choice}"
    import difflib

    near = difflib.get_close_matches(name, commands, 1)
    return f"there is no {prog} {shown(name)}; " + (f"perhaps {near[0]} is meant; {choice}" if near else choice)


def _page(prog: str, commands: Mapping[str, Any]) -> str:
    """The help page of the program or of a group of its commands."""
    abouts = {
        name: inspect.getdoc(_loaded(named)) or "" if isinstance(named, str) else ABOUT[f"{prog} {name}"]
        for name, named in commands.items()
    }
    lines = (f"  {name:10s}{' '.join(about.split(chr(10) * 2)[0].split())}" for name, about in abouts.items())
    version = ["  --version show the version and exit"] if prog == PROGRAM else []
    return "\n".join(
        [
            f"usage: {prog} {{{','.join(commands)}}} ...",
            "",
            ABOUT[prog],
            "",
            f"commands (each has its own page: {prog} COMMAND --help)",
            *lines,
            "",
            "options",
            "  --help    show this page and exit",
            *version,
        ]
    )
