"""`openportrait batch`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.checked import Range
from openportrait.cli.console import ProgressLine, emit, emit_json, progress_line, say
from openportrait.cli.flags import AsJson, Output, Positional, Values, flags
from openportrait.errors import OpenPortraitError, OptionError
from openportrait.options import (
    MOST_RETRIES,
    MOST_WORKERS,
    RETRIES,
    ClusterOptions,
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    Pair,
    SigningOptions,
    SpeechOptions,
    TrimOptions,
)

if TYPE_CHECKING:
    from openportrait.batches import BatchJob, BatchProgress, Outcome


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Do many jobs, on this machine or a cluster; the same command goes on where one was stopped.

    The paths of the results go to stdout.
    """

    jobs: Annotated[
        Path | None,
        Positional,
        Doc(
            "A list: .csv, .jsonl or .yaml with source, driving, output and any option of a job by its name. "
            "Or leave it out and give --sources and --drivings."
        ),
    ] = None
    sources: Annotated[Path | None, Doc("A folder: every picture and clip in it is a source.")] = None
    drivings: Annotated[Path | None, Doc("A folder: every picture, clip and template in it is a driving.")] = None
    pair: Annotated[Pair, Doc("Of two folders: each source with each driving, or those of the same name.")] = "cross"
    output: Annotated[
        Output, Doc("Folder of the results that name no file; left out: animations/. They have names of their own.")
    ] = None
    workers: Annotated[
        int | None,
        Range(1, MOST_WORKERS),
        Doc("Processes; left out: one for each core, or as many as the cluster has room for."),
    ] = None
    retries: Annotated[int, Range(0, MOST_RETRIES), Doc("How often a job that failed is begun again.")] = RETRIES
    ledger: Annotated[
        Path | None,
        Doc("File that says what is done; left out: openportrait-batch.sqlite in the folder of the results."),
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

    def run(self) -> None:
        """Do the jobs and print their results."""
        from openportrait.batches import batch

        began = time.monotonic()
        ledger = self._ledger()
        ended: list[Outcome] = []
        leaving.say_instead("stopped; finished jobs are kept, the same command does the others")
        with leaving.orderly(), _line() as line:
            outcomes = batch(
                self._listed(),
                output=self.output,
                workers=self.workers,
                ledger=ledger,
                retries=self.retries,
                progress=line.show,
                cancel=leaving.asked,
                **self.cluster,
                **(self.engine | self.faces | self.trim | self.crop | self.motion),
                **(self.speech | self.files | self.signing),
            )
            with closing(outcomes):
                for outcome in outcomes:
                    ended.append(outcome)
                    if outcome.result is not None and not self.json:
                        line.wipe()
                        emit(outcome.result.path)
        self._finish(ended, ledger, time.monotonic() - began)

    def _listed(self) -> Sequence[BatchJob]:
        from openportrait.batches.lists import pair_folders, read_jobs

        if self.jobs is not None and self.sources is None and self.drivings is None:
            return read_jobs(self.jobs)
        if self.jobs is None and self.sources is not None and self.drivings is not None:
            return pair_folders(self.sources, self.drivings, self.pair)
        raise OptionError("give a list of jobs, or --sources and --drivings")

    def _ledger(self) -> Path:
        from openportrait.batches.addresses import url_of
        from openportrait.batches.ledger import DEFAULT_NAME
        from openportrait.pipeline.output import DEFAULT_FOLDER

        if self.ledger is not None:
            return self.ledger
        here = self.output is not None and url_of(self.output) is None
        return (self.output if here and self.output is not None else DEFAULT_FOLDER) / DEFAULT_NAME

    def _finish(self, ended: Sequence[Outcome], ledger: Path, seconds: float) -> None:
        failed = [outcome for outcome in ended if outcome.error is not None]
        kept = [outcome for outcome in ended if not outcome.attempts]
        made = [outcome.result for outcome in ended if outcome.attempts and outcome.result is not None]
        for outcome in failed:
            say(f"failed: {outcome.job.said}: {outcome.error}")
        frames = sum(result.frames for result in made)
        earlier = f", {len(kept)} were done earlier" if kept else ""
        say(f"{len(made)} jobs with {frames} frames in {seconds:.1f} s{earlier}; ledger: {ledger}")
        if self.json:
            emit_json(
                {
                    "jobs": len(ended),
                    "done": len(made),
                    "done_earlier": len(kept),
                    "failed": len(failed),
                    "frames": frames,
                    "seconds": round(seconds, 3),
                    "ledger": str(ledger),
                    "outcomes": [outcome.as_dict() for outcome in ended],
                }
            )
        if failed:
            raise OpenPortraitError(f"{len(failed)} of {len(ended)} jobs failed; the same command tries them again")


class _Line:
    """The progress of a batch on one line of a terminal; nothing where there is none."""

    def __init__(self, line: ProgressLine | None) -> None:
        self._line = line
        self._began = time.monotonic()

    def show(self, now: BatchProgress) -> None:
        """Show the progress."""
        if self._line is None:
            return
        pace = now.frames / max(time.monotonic() - self._began, 1e-3)
        failed = f"  {now.failed} failed" if now.failed else ""
        self._line.show("Animating", now.done, now.total, "jobs", f"{pace:.1f} frames/s{failed}")

    def wipe(self) -> None:
        """Make room for a line of the result."""
        if self._line is not None:
            self._line.wipe()


@contextmanager
def _line() -> Iterator[_Line]:
    with progress_line() as line:
        yield _Line(line)
