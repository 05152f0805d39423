"""The command line: `openportrait <command>`.

Each command is a record of its flags with a `run`; the options among them are made from
`openportrait.options`. Nothing heavy is imported before a command runs, so that help answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import tyro
from tyro.extras import SubcommandApp

from openportrait.cli.animate import Animate
from openportrait.cli.console import emit, guarded
from openportrait.cli.edit import Edit
from openportrait.cli.faces import Faces
from openportrait.cli.info import Info
from openportrait.cli.retarget import Retarget
from openportrait.cli.template import TemplateConvert, TemplateInfo, TemplateMake
from openportrait.cli.web import Web
from openportrait.cli.weights import WeightsDownload, WeightsList, WeightsPath, WeightsVerify

DESCRIPTION = "Make a portrait move like a driving picture, video or motion template."


TEMPLATE = {"make": TemplateMake, "info": TemplateInfo, "convert": TemplateConvert}
WEIGHTS = {"list": WeightsList, "download": WeightsDownload, "verify": WeightsVerify, "path": WeightsPath}


def _app() -> SubcommandApp:
    app = _group("", {"animate": Animate, "edit": Edit, "retarget": Retarget, "faces": Faces})
    app.command(_group("Motion templates: the motion of a clip without its pixels.", TEMPLATE), name="template")
    app.command(_group("Trained weights of the neural engine.", WEIGHTS), name="weights")
    app.command(name="web")(Web)
    app.command(name="info")(Info)
    return app


def _group(help_text: str, commands: Mapping[str, type]) -> SubcommandApp:
    group = SubcommandApp()
    group.__doc__ = help_text
    for name, command in commands.items():
        group.command(name=name)(command)
    return group


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (failed), 2 (usage) or 130 (interrupted)."""
    given = list(sys.argv[1:] if args is None else args)
    if given == ["--version"]:
        return guarded(lambda: emit(f"openportrait {version('openportrait')}"))
    command = _app().cli(
        prog="openportrait", description=DESCRIPTION, args=given or ["--help"], config=(tyro.conf.OmitArgPrefixes,)
    )
    return guarded(command.run)
