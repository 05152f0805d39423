"""The records of a batch: jobs, outcomes and progress."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from openportrait.batches.addresses import without_scheme
from openportrait.bounds import shown
from openportrait.drivings import AnyDriving, Driving, listed
from openportrait.errors import OpenPortraitError, OptionError
from openportrait.files import AnyPath
from openportrait.options import Options
from openportrait.records import Result


@dataclass(frozen=True)
class BatchJob:
    """One job of a batch. Making one raises OptionError for what no job can have."""

    source: AnyPath
    """A picture, a clip or a folder of frames; kept as a Path. It may be a URL, as the other files."""
    driving: AnyDriving | Sequence[AnyDriving]
    """One or several; kept as a tuple of `Driving`."""
    output: AnyPath | None = None
    """A file, whose suffix decides the format, or a folder; None: the folder of the batch. Kept as a Path."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Flat names of `openportrait.options`; they go before those of the whole batch."""
    where: str = ""
    """Where the job is stated: `jobs.csv, line 3`."""

    def __post_init__(self) -> None:
        drivings = listed(self.driving)
        if not all(isinstance(one.file, os.PathLike) for one in drivings):
            raise OptionError("a batch takes files; give each driving as a path")
        Options.of(**self.options)
        object.__setattr__(self, "source", _path("source", self.source))
        object.__setattr__(self, "driving", tuple(replace(one, file=without_scheme(one.path)) for one in drivings))
        object.__setattr__(self, "output", None if self.output is None else _path("output", self.output))

    @property
    def source_path(self) -> Path:
        """Its source."""
        return Path(self.source)

    @property
    def drivings(self) -> tuple[Driving, ...]:
        """What drives it."""
        return listed(self.driving)

    @property
    def output_path(self) -> Path | None:
        """Where its result is to go."""
        return None if self.output is None else Path(self.output)

    @property
    def said(self) -> str:
        """The job as users know it."""
        return self.where or f"{self.source_path.name} by {', '.join(one.path.name for one in self.drivings)}"


def _path(name: str, given: object) -> Path:
    if not isinstance(given, (str, os.PathLike)) or not str(given) or "\0" in str(given):
        raise OptionError(f"{name} is {shown(given)}; give a path")
    return without_scheme(Path(given))


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: a result, or the error that it ended with."""

    job: BatchJob
    result: Result | None
    error: OpenPortraitError | None
    attempts: int
    """How often it was begun in this run; 0: an earlier run had finished it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": str(self.job.source),
            "driving": [str(one.path) for one in self.job.drivings],
            "where": self.job.where,
            "attempts": self.attempts,
            "error": str(self.error) if self.error is not None else None,
            "result": self.result.as_dict() if self.result is not None else None,
        }


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is."""

    done: int
    """Jobs of this run that have ended, failed ones included."""
    failed: int
    total: int
    """Jobs of this run: those that an earlier one finished are left out."""
    frames: int
    """Frames that were rendered in this run, of jobs under way too."""


def result_of(told: Mapping[str, Any]) -> Result:
    """The result that `Result.as_dict` told of. Raises ValueError, KeyError or TypeError for anything else."""
    side_by_side, template = told["side_by_side"], told["template"]
    return Result(
        path=Path(told["path"]),
        frames=int(told["frames"]),
        rate=Fraction(told["rate"]) if told["rate"] is not None else None,
        seconds=float(told["seconds"]),
        engine=str(told["engine"]),
        faces=int(told["faces"]),
        warnings=tuple(map(str, told["warnings"])),
        side_by_side=Path(side_by_side) if side_by_side is not None else None,
        template=Path(template) if template is not None else None,
    )
