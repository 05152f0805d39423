"""The nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import folder_paths
from comfy_api.latest import io

from openportrait import Animator, Driving, FaceEdit, Key, Portrait, RetargetOptions, Timeline
from openportrait.drivings import AnyDriving
from openportrait.options import MotionOptions

from .running import animator, run
from .tensors import PICTURE_RATE, picture_or_clip, samples, tensors
from .widgets import values, widgets

CATEGORY = "OpenPortrait"
ENGINES = ["mesh", "neural", "auto"]
RATE_RANGE = {"default": PICTURE_RATE, "min": 1.0, "max": 240.0, "step": 0.01}


@dataclass(frozen=True, eq=False)
class Sitting:
    """A portrait that is analysed, and the animator that did it."""

    portrait: Portrait
    animator: Animator


class Given:
    """A driving as a node made it. It is measured once for each engine, and kept as long as its node's output is."""

    def __init__(self, file: Any, **options: Any) -> None:
        """`file`, `options`: of an `openportrait.Driving`. A clip is used up, so it comes as what makes it."""
        self._file = file
        self._options = options
        self.measured = cache(self._measured)

    def _measured(self, by: Animator) -> AnyDriving:
        file = self._file() if callable(self._file) else self._file
        whole = Driving(file, **self._options)
        return replace(whole, file=run(by.driving, whole))


PortraitType = io.Custom("OPENPORTRAIT_PORTRAIT")
DrivingsType = io.Custom("OPENPORTRAIT_DRIVINGS")
ExpressionType = io.Custom("OPENPORTRAIT_EXPRESSION")
TimelineType = io.Custom("OPENPORTRAIT_TIMELINE")


def _pictures() -> list[io.Output]:
    return [
        io.Image.Output(display_name="images"),
        io.Mask.Output(
            display_name="matte", tooltip="1 where the person is; of a portrait that is not cut out, all 1."
        ),
        io.Float.Output(display_name="fps"),
    ]


def _which() -> list[io.Input]:
    """Inputs that all drivings have."""
    return [
        io.String.Input("region", default="", tooltip="What it moves: exp, pose, lip, eyes, ...; empty: the rest."),
        io.String.Input("face", default="", tooltip="Face of the portrait that it moves; empty: the chosen one."),
        io.Float.Input(
            "offset_seconds", default=0.0, min=-3600.0, max=3600.0, step=0.01, tooltip="It begins so much later."
        ),
        DrivingsType.Input("others", optional=True, tooltip="Drivings that come before it."),
    ]


class LoadPortrait(io.ComfyNode):
    """Finds and measures the faces of a picture or clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitPortrait",
            display_name="Portrait",
            category=CATEGORY,
            description="A picture, or the images of a clip, whose face is to be moved.",
            inputs=[
                io.Image.Input("images"),
                io.Combo.Input("engine", options=ENGINES, default="mesh", tooltip="mesh needs no download."),
                io.String.Input("face", default="largest", tooltip="largest, left, right, top, bottom, a number, all."),
                io.Boolean.Input("cut_out", default=False, tooltip="Take the background away: the matte says where."),
                io.Float.Input("fps", **RATE_RANGE, tooltip="Of a clip: frames a second."),
                io.Mask.Input("mask", optional=True, tooltip="1 where it is transparent, as of Load Image."),
            ],
            outputs=[PortraitType.Output(display_name="portrait")],
        )

    @classmethod
    def execute(cls, images: Any, engine: str, face: str, cut_out: bool, fps: float, mask: Any = None) -> io.NodeOutput:
        """Analyse it."""
        used = animator(engine)
        clear = mask if mask is not None and bool(mask.any()) else None
        options: dict[str, Any] = {"background": "transparent"} if cut_out else {}
        portrait = run(used.portrait, picture_or_clip(images, fps, clear), face=face, **options)
        return io.NodeOutput(Sitting(portrait, used))


class DriveByImages(io.ComfyNode):
    """A picture or clip as driving."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitDriveByImages",
            display_name="Drive by Images",
            category=CATEGORY,
            description="The face in these images is what the portrait moves like.",
            inputs=[io.Image.Input("images"), io.Float.Input("fps", **RATE_RANGE), *_which()],
            outputs=[DrivingsType.Output(display_name="drivings")],
        )

    @classmethod
    def execute(cls, images: Any, fps: float, others: Any = (), **which: Any) -> io.NodeOutput:
        """Keep it until a portrait is moved."""
        return io.NodeOutput((*others, Given(lambda: picture_or_clip(images, fps), **which)))


class DriveBySound(io.ComfyNode):
    """A sound as driving."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitDriveBySound",
            display_name="Drive by Sound",
            category=CATEGORY,
            description="The portrait speaks it.",
            inputs=[io.Audio.Input("audio"), *_which()],
            outputs=[DrivingsType.Output(display_name="drivings")],
        )

    @classmethod
    def execute(cls, audio: Any, others: Any = (), **which: Any) -> io.NodeOutput:
        """Keep it until a portrait is moved."""
        return io.NodeOutput((*others, Given(samples(audio), **which)))


class DriveByTemplate(io.ComfyNode):
    """A motion template as driving."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitDriveByTemplate",
            display_name="Drive by Template",
            category=CATEGORY,
            description="A .motion file, or one of LivePortrait's .pkl, in the input folder.",
            inputs=[io.String.Input("file", default="", tooltip="Its name in the input folder."), *_which()],
            outputs=[DrivingsType.Output(display_name="drivings")],
        )

    @classmethod
    def execute(cls, file: str, others: Any = (), **which: Any) -> io.NodeOutput:
        """Keep it until a portrait is moved."""
        return io.NodeOutput((*others, Given(_input(file), **which)))

    @classmethod
    def fingerprint_inputs(cls, file: str, **_: Any) -> float:
        """The node is run again when the file has changed."""
        return _input(file).stat().st_mtime


def _input(name: str) -> Path:
    """A file of the input folder; none beside it."""
    folder = Path(folder_paths.get_input_directory()).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ValueError(f"{name!r} is no file of the input folder; put the template there and give its name")
    return path


class Animate(io.ComfyNode):
    """A portrait that moves like its drivings."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitAnimate",
            display_name="Animate Portrait",
            category=CATEGORY,
            description="The portrait moves like the driving, or like several.",
            inputs=[
                PortraitType.Input("portrait"),
                DrivingsType.Input("drivings"),
                *widgets(MotionOptions, without=("edit",)),
                ExpressionType.Input("expression", optional=True, tooltip="Sliders that are added to the motion."),
            ],
            outputs=_pictures(),
        )

    @classmethod
    def execute(cls, portrait: Sitting, drivings: Any, expression: Any = None, **options: Any) -> io.NodeOutput:
        """Render it."""
        wanted = values(MotionOptions, options)
        if expression is not None:
            wanted["edit"] = expression
        measured = [driving.measured(portrait.animator) for driving in drivings]
        return io.NodeOutput(*tensors(run(portrait.portrait.animate, measured, **wanted)))


class Expression(io.ComfyNode):
    """The editor's sliders."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitExpression",
            display_name="Expression",
            category=CATEGORY,
            description="Sliders of the face; at their defaults they change nothing.",
            inputs=widgets(FaceEdit),
            outputs=[ExpressionType.Output(display_name="expression")],
        )

    @classmethod
    def execute(cls, **sliders: Any) -> io.NodeOutput:
        """Check it."""
        return io.NodeOutput(FaceEdit(**values(FaceEdit, sliders)))


class ExpressionKey(io.ComfyNode):
    """An expression at a moment of a timeline."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitKey",
            display_name="Expression in Time",
            category=CATEGORY,
            description="One more moment of a timeline; give it the node of the moments before it.",
            inputs=[
                ExpressionType.Input("expression"),
                io.Float.Input("seconds", default=0.0, min=0.0, max=3600.0, step=0.01),
                io.Combo.Input("easing", options=["smooth", "linear", "hold"], tooltip="How the face goes on."),
                TimelineType.Input("earlier", optional=True),
            ],
            outputs=[TimelineType.Output(display_name="timeline")],
        )

    @classmethod
    def execute(cls, expression: FaceEdit, seconds: float, easing: Any, earlier: Any = ()) -> io.NodeOutput:
        """Add it."""
        return io.NodeOutput((*earlier, Key(seconds, expression, easing)))


class Edit(io.ComfyNode):
    """A portrait with another expression, or one that plays a timeline."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitEdit",
            display_name="Edit Portrait",
            category=CATEGORY,
            description="One expression in every picture, or a timeline of several.",
            inputs=[
                PortraitType.Input("portrait"),
                io.Float.Input("fps", **RATE_RANGE, tooltip="Of a timeline."),
                ExpressionType.Input("expression", optional=True),
                TimelineType.Input("timeline", optional=True),
            ],
            outputs=_pictures(),
        )

    @classmethod
    def execute(
        cls, portrait: Sitting, fps: float, expression: FaceEdit | None = None, timeline: Any = None
    ) -> io.NodeOutput:
        """Render it."""
        if (expression is None) == (timeline is None):
            raise ValueError("Edit Portrait needs an expression or a timeline; connect one of them")
        wanted = expression if timeline is None else Timeline(timeline, fps)  # type: ignore[arg-type]  # read there
        return io.NodeOutput(*tensors(run(portrait.portrait.perform, wanted)))


class Retarget(io.ComfyNode):
    """A portrait whose eyes and lips are opened or closed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the node looks like."""
        return io.Schema(
            node_id="OpenPortraitRetarget",
            display_name="Open or Close Eyes and Lips",
            category=CATEGORY,
            description="How open the eyes and lips of a picture or clip are, height over width.",
            inputs=[PortraitType.Input("portrait"), *widgets(RetargetOptions)],
            outputs=_pictures(),
        )

    @classmethod
    def execute(cls, portrait: Sitting, **wanted: Any) -> io.NodeOutput:
        """Render it."""
        made = run(portrait.portrait.retarget, RetargetOptions(**values(RetargetOptions, wanted)))
        return io.NodeOutput(*tensors(made))


NODES: list[type[io.ComfyNode]] = [
    LoadPortrait,
    DriveByImages,
    DriveBySound,
    DriveByTemplate,
    Animate,
    Expression,
    ExpressionKey,
    Edit,
    Retarget,
]
