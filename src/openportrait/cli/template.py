"""`openportrait template ...`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import emit, emit_json, progress_bar, say
from openportrait.cli.flags import AsJson, Output, Positional, Short, Values, flags
from openportrait.errors import OptionError
from openportrait.options import CropOptions, EngineOptions, FaceOptions, Options, SpeechOptions, TrimOptions

OFFICIAL_SUFFIX = ".pkl"
Driving = Annotated[Path, Short("-d")]
TemplateFile = Annotated[Path, Positional, Doc("Template: ours or an official .pkl.")]


@dataclass(frozen=True, kw_only=True)
class TemplateMake:
    """Measure the motion of a driving and write it as a template.

    A template drives a portrait without the driving's pixels. Its path goes to stdout.
    """

    driving: Annotated[Driving, Doc("A video or a picture with a face, or a sound that is spoken.")]
    output: Annotated[Output, Doc("File to write; left out: the driving's name in the working folder.")] = None
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions, only=("driving_face", "detection_threshold", "bridge_seconds"))]
    trim: Annotated[Values, flags(TrimOptions, only=("driving_start", "driving_end"))]
    crop: Annotated[
        Values, flags(CropOptions, only=("crop_driving", "driving_scale", "driving_shift_x", "driving_shift_y"))
    ]
    speech: Annotated[Values, flags(SpeechOptions)]

    def run(self) -> None:
        """Measure and write."""
        from openportrait.media import check_file
        from openportrait.pipeline.driving import open_driving
        from openportrait.pipeline.flow import Watch
        from openportrait.pipeline.tools import Tools
        from openportrait.templates import SUFFIX, save_template

        options = Options.of(**self.engine, **self.faces, **self.trim, **self.crop, **self.speech)
        output = self.output or Path(self.driving.stem + SUFFIX)
        if output.suffix.lower() != SUFFIX:
            raise OptionError(f"{output}: templates are made as {SUFFIX}; name it so (`template convert` makes .pkl)")
        check_file(output, [self.driving])
        tools = Tools.load(options.engine)
        with progress_bar() as progress:
            driving = open_driving(self.driving, tools, options, Watch(progress, leaving.asked))
        with leaving.orderly():
            save_template(output, driving.template)
        for warning in (*tools.engine.notices, *driving.warnings):
            say(f"note: {warning}")
        emit(output)


@dataclass(frozen=True, kw_only=True)
class TemplateInfo:
    """Describe a template: frames, rate, length, keypoints, and which engine made it."""

    path: TemplateFile
    json: AsJson = False

    def run(self) -> None:
        """Read and print."""
        from openportrait.templates import load_template

        template = load_template(self.path)
        frames = len(template.motions)
        facts = {
            "path": str(self.path),
            "frames": frames,
            "rate": str(template.rate),
            "seconds": round(float(frames / template.rate), 3),
            "layout": template.layout,
            "engine": template.engine,
            "ratios": bool(template.ratios),
            "bytes": self.path.stat().st_size,
        }
        if self.json:
            emit_json(facts)
            return
        for name, value in facts.items():
            emit(f"{name:8s} {value}")


@dataclass(frozen=True, kw_only=True)
class TemplateConvert:
    """Convert between our format and the released project's .pkl, by the suffix of the output.

    An official template can be written only from one with its 21 keypoints, as the neural engine makes.
    """

    path: TemplateFile
    output: Annotated[Path, Short("-o"), Doc("File to write: .motion or .pkl.")]

    def run(self) -> None:
        """Read, then write the other kind."""
        from openportrait.media import check_file
        from openportrait.templates import SUFFIX, export_official, load_template, save_template

        writers = {SUFFIX: save_template, OFFICIAL_SUFFIX: export_official}
        write = writers.get(self.output.suffix.lower())
        if write is None:
            raise OptionError(f"{self.output}: templates are written as {' or '.join(writers)}; choose one of them")
        check_file(self.output, [self.path])
        template = load_template(self.path)
        with leaving.orderly():
            write(self.output, template)
        emit(self.output)
