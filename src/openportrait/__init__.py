"""OpenPortrait: a portrait moves like a driving picture, video or motion template.

>>> import openportrait
>>> result = openportrait.animate("portrait.jpg", "talking.mp4", "out.mp4", region="lip")  # doctest: +SKIP
>>> result.path, result.frames, result.warnings  # doctest: +SKIP

For more than one job, an `Animator` has its engine loaded once, and analyses each portrait and driving once:

>>> with openportrait.Animator() as animator:  # doctest: +SKIP
...     portrait, driving = animator.portrait("portrait.jpg"), animator.driving("talking.mp4")
...     portrait.animate(driving, "out.mp4")
...     portrait.edit(openportrait.FaceEdit(smile=1.0))

Names are loaded when first used, so that the import costs nothing: not even `typing` is imported here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from openportrait.animator import Animator, animate, edit, perform, retarget, stream
    from openportrait.batches import BatchJob, BatchProgress, Outcome, batch
    from openportrait.drivings import Driving
    from openportrait.errors import (
        Cancelled,
        EngineError,
        MediaError,
        NoFaceError,
        OpenPortraitError,
        OptionError,
        TemplateError,
        WeightsError,
    )
    from openportrait.expressions import (
        Key,
        Timeline,
        load_expression,
        load_timeline,
        save_expression,
        save_timeline,
    )
    from openportrait.keywords import JobOptions
    from openportrait.media import Frames, Samples
    from openportrait.options import Options, RetargetOptions
    from openportrait.pipeline import Job, Picture
    from openportrait.pipeline.driving import MeasuredDriving
    from openportrait.pipeline.live import LiveSession
    from openportrait.portrait import Portrait
    from openportrait.records import Face, FaceEdit, Frame, Motion, Progress, Result, Template
    from openportrait.templates import load_template, save_template

__version__ = "0.1.0"

_HOMES = {
    "animator": ("Animator", "animate", "edit", "perform", "retarget", "stream"),
    "batches": ("BatchJob", "BatchProgress", "Outcome", "batch"),
    "drivings": ("Driving",),
    "errors": (
        "Cancelled",
        "EngineError",
        "MediaError",
        "NoFaceError",
        "OpenPortraitError",
        "OptionError",
        "TemplateError",
        "WeightsError",
    ),
    "expressions": (
        "Key",
        "Timeline",
        "load_expression",
        "load_timeline",
        "save_expression",
        "save_timeline",
    ),
    "keywords": ("JobOptions",),
    "media": ("Frames", "Samples"),
    "options": ("Options", "RetargetOptions"),
    "pipeline": ("Job", "Picture"),
    "pipeline.driving": ("MeasuredDriving",),
    "pipeline.live": ("LiveSession",),
    "portrait": ("Portrait",),
    "records": ("Face", "FaceEdit", "Frame", "Motion", "Progress", "Result", "Template"),
    "templates": ("load_template", "save_template"),
}

__all__ = [
    "Animator",
    "BatchJob",
    "BatchProgress",
    "Cancelled",
    "Driving",
    "EngineError",
    "Face",
    "FaceEdit",
    "Frame",
    "Frames",
    "Job",
    "JobOptions",
    "Key",
    "LiveSession",
    "MeasuredDriving",
    "MediaError",
    "Motion",
    "NoFaceError",
    "OpenPortraitError",
    "OptionError",
    "Options",
    "Outcome",
    "Picture",
    "Portrait",
    "Progress",
    "Result",
    "RetargetOptions",
    "Samples",
    "Template",
    "TemplateError",
    "Timeline",
    "WeightsError",
    "__version__",
    "animate",
    "batch",
    "edit",
    "load_expression",
    "load_template",
    "load_timeline",
    "perform",
    "retarget",
    "save_expression",
    "save_template",
    "save_timeline",
    "stream",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"openportrait.{module}"), name)
    raise AttributeError(f"module 'openportrait' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
