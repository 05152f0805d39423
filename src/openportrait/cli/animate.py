"""`openportrait animate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from typing_extensions import Doc

from openportrait.cli.console import emit, emit_json, progress_bar, say
from openportrait.cli.flags import AsJson, Output, Values, flags
from openportrait.options import CropOptions, EngineOptions, FaceOptions, MotionOptions, OutputOptions

if TYPE_CHECKING:
    from openportrait.records import Result


@dataclass(frozen=True, kw_only=True)
class Animate:
    """Make a portrait move like a driving picture, video or template.

    The path of the result goes to stdout.
    """

    source: Annotated[Path, tyro.conf.arg(aliases=["-s"]), Doc("Portrait: a picture, a video or a folder of frames.")]
    driving: Annotated[Path, tyro.conf.arg(aliases=["-d"]), Doc("Driving: a picture, a video or a motion template.")]
    output: Annotated[
        Output,
        Doc("File or folder to write; left out: animations/SOURCE--DRIVING with a fitting suffix."),
    ] = None
    json: AsJson = False
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions)]
    crop: Annotated[Values, flags(CropOptions)]
    motion: Annotated[Values, flags(MotionOptions)]
    files: Annotated[Values, flags(OutputOptions)]

    def run(self) -> None:
        """Animate and print the result."""
        options = self.engine | self.faces | self.crop | self.motion | self.files
        result = run_job(self.source, self.driving, self.output, options)
        if self.json:
            emit_json(result.as_dict())
        else:
            emit(str(result.path))


def run_job(source: Path, driving: Path, output: Path | None, options: Values) -> Result:
    """Animate with a progress bar, then say on stderr how it went and what was made besides the result."""
    from openportrait.pipeline import animate

    with progress_bar() as progress:
        result = animate(source, driving, output, progress=progress, **options)
    for warning in result.warnings:
        say(f"note: {warning}")
    for title, path in (("side by side", result.side_by_side), ("template", result.template)):
        if path is not None:
            say(f"{title}: {path}")
    frames = "1 picture" if result.rate is None else f"{result.frames} frames"
    say(f"{frames} in {result.seconds:.1f} s with the {result.engine} engine")
    return result
