"""The command line of the released LivePortrait project, mapped onto this one.

    python inference.py -s portrait.jpg -d clip.mp4 -o animations

Flags, defaults and output names are those its users know; `openportrait animate` has more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import tyro

from openportrait.cli.animate import run_job
from openportrait.cli.console import emit, guarded, report, say
from openportrait.cli.flags import Flag, Values, collector, hint
from openportrait.options import Options, specs

EXAMPLES = Path(__file__).resolve().parent / "assets" / "examples"


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


def _flags() -> dict[str, Flag]:
    ours = {spec.name: spec for item in fields(Options) for spec in specs(get_type_hints(Options)[item.name])}

    def path(alias: str, text: str) -> Any:
        return Annotated[Path, tyro.conf.arg(aliases=[alias], help=text)]

    def described(name: str, flag: Released) -> Any:
        if flag.option:
            return hint(ours[flag.option])
        kind = str | None if name in ("server_name", "gradio_temp_dir") else type(flag.default)
        aliases = ["-p"] if name == "server_port" else None
        return Annotated[kind, tyro.conf.arg(help=HELP.get(name, "Has no effect here."), aliases=aliases)]

    return {
        "source": Flag(path("-s", "Portrait: a picture or a video."), EXAMPLES / "source" / "officer.jpg"),
        "driving": Flag(path("-d", "Driving: a picture, a video or a template."), EXAMPLES / "driving" / "talk.mp4"),
        "output_dir": Flag(path("-o", "Folder for the results."), Path("animations")),
    } | {name: Flag(described(name, flag), flag.default) for name, flag in FLAGS.items()}


def options_of(values: Values) -> Values:
    """Our options for the values of the released flags."""
    options = {flag.option: values[name] for name, flag in FLAGS.items() if flag.option}
    if values["det_thresh"] == FLAGS["det_thresh"].default:
        # Their default suits their detector; what it means to ours is something else.
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
    description = "Animate a portrait with the flags of the released LivePortrait project."
    values = tyro.cli(collector(_flags(), description), prog="inference.py", args=given, use_underscores=True)
    if without := ignored(given):
        say(f"no effect here: {', '.join(without)}")

    def run() -> None:
        result = run_job(values["source"], values["driving"], values["output_dir"], options_of(values))
        report(result)
        emit(str(result.path))
        if result.side_by_side is not None:
            emit(str(result.side_by_side))

    return guarded(run)


if __name__ == "__main__":
    sys.exit(main())
