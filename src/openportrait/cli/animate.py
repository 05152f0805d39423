"""`openportrait animate`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import finish, progress_bar
from openportrait.cli.flags import AsJson, Output, Short, Values, flags
from openportrait.options import (
    ClusterOptions,
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    RunOptions,
    SigningOptions,
    SpeechOptions,
    TrimOptions,
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
            "left:FILE the left face, FILE@offset=1.5,end=loop begins later and starts again, FILE@from=2,to=5 is a "
            "part (end: hold, loop, bounce, rest; neutral: first, auto; face: of the driving)."
        ),
    ]
    output: Annotated[
        Output,
        Doc("File or folder to write; left out: animations/SOURCE--DRIVING with a fitting suffix."),
    ] = None
    json: AsJson = False
    cluster: Annotated[Values, flags(ClusterOptions)]
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions)]
    trim: Annotated[Values, flags(TrimOptions)]
    crop: Annotated[Values, flags(CropOptions)]
    motion: Annotated[Values, flags(MotionOptions)]
    speech: Annotated[Values, flags(SpeechOptions)]
    files: Annotated[Values, flags(OutputOptions)]
    signing: Annotated[Values, flags(SigningOptions)]
    work: Annotated[Values, flags(RunOptions)]

    def run(self) -> None:
        """Animate and print the result."""
        options = self.engine | self.faces | self.trim | self.crop | self.motion
        options |= self.speech | self.files | self.signing | self.work
        from openportrait.drivings import written

        drivings = [written(text) for text in self.driving]
        finish(run_job(self.source, drivings, self.output, options, self.cluster), self.engine, as_json=self.json)


def run_job(
    source: Path, driving: Path | Sequence[Driving], output: Path | None, options: Values, cluster: Values | None = None
) -> Result:
    """Animate with a progress bar."""
    from openportrait.calls import call
    from openportrait.pipeline.output import DEFAULT_FOLDER

    wanted, hire = ClusterOptions(**(cluster or {})), None
    with progress_bar() as progress, ExitStack() as stack:
        if wanted.cluster is not None:
            from openportrait.batches.cluster import Cluster

            hire = stack.enter_context(Cluster(wanted, options.get("workers"))).hands
        made = stack.enter_context(call(None, options, progress, leaving.asked))
        return made.animate(made.source(source), driving, DEFAULT_FOLDER if output is None else output, hire)
