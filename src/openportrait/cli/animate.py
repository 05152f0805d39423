"""`openportrait animate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import finish, progress_bar
from openportrait.cli.flags import AsJson, Output, Short, Values, flags
from openportrait.options import (
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    RunOptions,
    SpeechOptions,
)

if TYPE_CHECKING:
    from openportrait.drivings import Driving
    from openportrait.records import Result


@dataclass(frozen=True, kw_only=True)
class Animate:
    """Make a portrait move like a driving picture, video or template, or speak a sound.

    The path of the result goes to stdout.
    """

    source: Annotated[Path, Short("-s"), Doc("Portrait: a picture, a video or a folder of frames.")]
    driving: Annotated[
        tuple[str, ...],
        Short("-d"),
        Doc(
            "Driving: a picture, a video, a motion template, or a sound that is spoken (of a video: sound:FILE). "
            "May be repeated: lip=FILE moves the lips alone, "
            "left:FILE the left face, FILE@offset=1.5,end=loop begins later and starts again "
            "(end: hold, loop, bounce, rest; neutral: first, auto; face: of the driving)."
        ),
    ]
    output: Annotated[
        Output,
        Doc("File or folder to write; left out: animations/SOURCE--DRIVING with a fitting suffix."),
    ] = None
    json: AsJson = False
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions)]
    crop: Annotated[Values, flags(CropOptions)]
    motion: Annotated[Values, flags(MotionOptions)]
    speech: Annotated[Values, flags(SpeechOptions)]
    files: Annotated[Values, flags(OutputOptions)]
    work: Annotated[Values, flags(RunOptions)]

    def run(self) -> None:
        """Animate and print the result."""
        options = self.engine | self.faces | self.crop | self.motion | self.speech | self.files | self.work
        from openportrait.drivings import written

        drivings = [written(text) for text in self.driving]
        finish(run_job(self.source, drivings, self.output, options), self.engine, as_json=self.json)


def run_job(source: Path, driving: Path | Sequence[Driving], output: Path | None, options: Values) -> Result:
    """Animate with a progress bar."""
    from openportrait.animator import animate

    with progress_bar() as progress:
        return animate(source, driving, output, progress=progress, cancel=leaving.asked, **options)
