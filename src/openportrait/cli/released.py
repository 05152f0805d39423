"""The command line of the released LivePortrait project, mapped onto this one.

    python inference.py -s portrait.jpg -d clip.mp4 -o animations

Flags, defaults and output names are those its users know; `openportrait animate` has more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple, get_type_hints

from openportrait.cli.animate import run_job
from openportrait.cli.console import emit, guarded, report, say
from openportrait.cli.flags import Argument, Group, Values
from openportrait.cli.reading import read
from openportrait.options import Options, OptionSpec, specs

EXAMPLES = Path(__file__).resolve().parents[3] / "assets" / "examples"
"""Files of a checkout: an installed package has no inference.py."""


class Released(NamedTuple):
    """A flag of the released project."""

    default: bool | float | str | None
    option: str = ""
    """The option of ours with the same meaning and unit; empty where there is none."""


FLAGS = {
    "flag_use_half_precision": Released(True),
    "flag_crop_driving_video": Released(False, "crop_driving"),
    "device_id": Released(0),
    "flag_force_cpu": Released(False),
    "flag_normalize_lip": Released(False, "normalize_lip"),
    "flag_source_video_eye_retargeting": Released(False, "source_eye_retargeting"),
    "flag_eye_retargeting": Released(False, "eye_retargeting"),
    "flag_lip_retargeting": Released(False, "lip_retargeting"),
    "flag_stitching": Released(True, "stitching"),
    "flag_relative_motion": Released(True, "relative"),
    "flag_pasteback": Released(True, "paste_back"),
    "flag_do_crop": Released(True, "crop_source"),
    "driving_option": Released("expression-friendly", "driving_option"),
    "driving_multiplier": Released(1.0, "multiplier"),
    "driving_smooth_observation_variance": Released(3e-7, "smoothing"),
    "audio_priority": Released("driving", "audio"),
    "animation_region": Released("all", "region"),
    "det_thresh": Released(0.15, "detection_threshold"),
    "scale": Released(2.3, "source_scale"),
    "vx_ratio": Released(0.0, "source_shift_x"),
    "vy_ratio": Released(-0.125, "source_shift_y"),
    "flag_do_rot": Released(True),
    "source_max_dim": Released(1280, "max_size"),
    "source_division": Released(2),
    "scale_crop_driving_video": Released(2.2, "driving_scale"),
    "vx_ratio_crop_driving_video": Released(0.0, "driving_shift_x"),
    "vy_ratio_crop_driving_video": Released(-0.1, "driving_shift_y"),
    "server_port": Released(8890),
    "share": Released(False),
    "server_name": Released("127.0.0.1"),
    "flag_do_torch_compile": Released(False),
    "gradio_temp_dir": Released(None),
}

HELP = {
    "flag_use_half_precision": "Off: the networks compute in 32 bits.",
    "device_id": "Number of the GPU; 0 leaves the choice of the device to the program.",
    "flag_force_cpu": "Compute on the CPU.",
}
"""Flags without an option of ours that have an effect all the same; `engine_options` gives it."""

NO_EFFECT = frozenset(name for name, flag in FLAGS.items() if not flag.option and name not in HELP)
SHORT = {"source": "-s", "driving": "-d", "output_dir": "-o", "server_port": "-p"}
"""The flags of one letter."""


def _arguments() -> Iterator[Argument]:
    ours = {spec.name: spec for item in fields(Options) for spec in specs(get_type_hints(Options)[item.name])}
    yield _argument("source", "Portrait: a picture or a video.", EXAMPLES / "source" / "officer.jpg")
    yield _argument("driving", "Driving: a picture, a video or a template.", EXAMPLES / "driving" / "talk.mp4")
    yield _argument("output_dir", "Folder for the results.", Path("animations"))
    for name, flag in FLAGS.items():
        argument = _argument(name, HELP.get(name, "Has no effect here."), flag.default)
        if flag.option:
            argument = argument._replace(spec=ours[flag.option]._replace(name=name, default=flag.default))
        yield argument


def _argument(name: str, text: str, default: Path | bool | float | str | None) -> Argument:
    """One of the released flags; what has no default there is a text."""
    kind = str if default is None else Path if isinstance(default, Path) else type(default)
    names = (f"--{name}", f"--no_{name}") if kind is bool else (f"--{name}",)
    if name in SHORT:
        names = (SHORT[name], *names)
    return Argument(OptionSpec(name, default, text, kind, default is None, None, ()), names)


def options_of(values: Values) -> Values:
    """Our options for the values of the released flags."""
    options = {flag.option: values[name] for name, flag in FLAGS.items() if flag.option}
    if values["det_thresh"] == FLAGS["det_thresh"].default:
        # This default is for their detector; for ours it would mean something else.
        del options["detection_threshold"]
    if values["flag_force_cpu"]:
        options["device"] = "cpu"
    elif values["device_id"]:
        options["device"] = f"cuda:{values['device_id']}"
    if not values["flag_use_half_precision"]:
        options["precision"] = "fp32"
    return options | {"side_by_side": True}


def ignored(args: Sequence[str]) -> list[str]:
    """The given flags that have no effect here, as they were spelt."""

    def name(arg: str) -> str:
        bare = arg.partition("=")[0].removeprefix("--").replace("-", "_")
        return "server_port" if bare == "_p" else bare.removeprefix("no_")

    return [arg.partition("=")[0] for arg in args if arg.startswith("-") and name(arg) in NO_EFFECT]


def main(args: Sequence[str] | None = None) -> int:
    """Animate as the flags say; exit codes as those of `openportrait`."""
    given = list(sys.argv[1:] if args is None else args)

    def run() -> None:
        group = Group("", "Options", tuple(_arguments()))
        description = "Animate a portrait with the flags of the released LivePortrait project."
        (values,) = read([group], given, prog="inference.py", description=description, separator="_")
        if without := ignored(given):
            say(f"no effect here: {', '.join(without)}")
        result = run_job(values["source"], values["driving"], values["output_dir"], options_of(values))
        report(result)
        emit(result.path)
        if result.side_by_side is not None:
            emit(result.side_by_side)

    return guarded(run)
