"""The command line: `openportrait <command>`.

Each command is a record of its flags with a `run`; the options among them are made from
`openportrait.options`. Nothing heavy is imported before a command runs, so that help answers at once.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from openportrait.bounds import shown
from openportrait.cli.animate import Animate
from openportrait.cli.batch import Batch
from openportrait.cli.console import emit, guarded
from openportrait.cli.edit import Edit
from openportrait.cli.faces import Faces
from openportrait.cli.flags import groups
from openportrait.cli.info import Info
from openportrait.cli.live import Live
from openportrait.cli.reading import read
from openportrait.cli.retarget import Retarget
from openportrait.cli.serve import Serve
from openportrait.cli.template import TemplateConvert, TemplateInfo, TemplateMake
from openportrait.cli.web import Web
from openportrait.cli.weights import WeightsDownload, WeightsList, WeightsPath, WeightsVerify
from openportrait.errors import OptionError

PROGRAM = "openportrait"
COMMANDS: Mapping[str, Any] = {
    "animate": Animate,
    "edit": Edit,
    "retarget": Retarget,
    "live": Live,
    "batch": Batch,
    "faces": Faces,
    "template": {"make": TemplateMake, "info": TemplateInfo, "convert": TemplateConvert},
    "weights": {"list": WeightsList, "download": WeightsDownload, "verify": WeightsVerify, "path": WeightsPath},
    "web": Web,
    "serve": Serve,
    "info": Info,
}
"""Each name with its command, or with the commands of its group."""
ABOUT = {
    PROGRAM: "Make a portrait move like a driving picture, video or motion template.",
    "openportrait template": "Motion templates: the motion of a clip without its pixels.",
    "openportrait weights": "Trained weights of the neural engine.",
}
"""What a group of commands is for."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is as README.md says."""
    given = list(sys.argv[1:] if args is None else args)
    return guarded(lambda: _run(given))


def _run(given: Sequence[str]) -> None:
    if given == ["--version"]:
        from importlib.metadata import version

        emit(f"{PROGRAM} {version(PROGRAM)}")
        return
    prog, command, rest = PROGRAM, COMMANDS, given or ["--help"]
    while isinstance(command, Mapping):
        name, rest = "".join(rest[:1]), rest[1:]
        if name in ("-h", "--help"):
            emit(_page(prog, command))
            return
        if name not in command:
            raise OptionError(_no_command(prog, command, name))
        prog, command = f"{prog} {name}", command[name]
    wanted = groups(command)
    own, *others = read(wanted, rest, prog=prog, description=inspect.getdoc(command) or "")
    command(**own, **{group.field: values for group, values in zip(wanted[1:], others, strict=True)}).run()


def _no_command(prog: str, commands: Mapping[str, Any], name: str) -> str:
    choice = f"choose one of {', '.join(commands)}, or see `{prog} --help`"
    if not name:
        return f"{prog} needs a command; {choice}"
    near = difflib.get_close_matches(name, commands, 1)
    return f"there is no {prog} {shown(name)}; " + (f"perhaps {near[0]} is meant; {choice}" if near else choice)


def _page(prog: str, commands: Mapping[str, Any]) -> str:
    """The help page of the program or of a group of its commands."""
    abouts = {name: ABOUT.get(f"{prog} {name}") or inspect.getdoc(command) or "" for name, command in commands.items()}
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
