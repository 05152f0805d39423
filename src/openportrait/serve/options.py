"""The options of the service: where it listens, and what clients may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from openportrait.checked import Range
from openportrait.limits import UploadLimits
from openportrait.options import MOST_RETRIES, MOST_WORKERS, RETRIES

MOST_WAITING = 100_000
"""Jobs that may be allowed to wait."""


@dataclass(frozen=True)
class ServeOptions(UploadLimits):
    """Where the service listens, and its limits."""

    host: Annotated[str, Doc("Address to listen on; 0.0.0.0 lets other machines in, with tokens only.")] = "127.0.0.1"
    port: Annotated[int, Range(0, 65535), Doc("Port to listen on; 0 takes a free one.")] = 8891
    folder: Annotated[Path, Doc("Where jobs and their results lie; one service at a time works there.")] = Path(
        "openportrait-jobs"
    )
    tokens: Annotated[
        Path | None,
        Doc("File of the tokens by which others are let in, one a line; or the variable OPENPORTRAIT_TOKENS."),
    ] = None
    workers: Annotated[
        int | None,
        Range(1, MOST_WORKERS),
        Doc("Processes that do jobs; left out: one for each core, or what a cluster has room for."),
    ] = None
    pictures: Annotated[int, Range(1, MOST_WORKERS), Doc("Processes that answer with pictures at once.")] = 1
    most_pictures: Annotated[
        int,
        Range(1, MOST_WORKERS),
        Doc("Most of them on a cluster, where requests decide how many there are."),
    ] = 4
    retries: Annotated[int, Range(0, MOST_RETRIES), Doc("How often a job that failed is begun again.")] = RETRIES
    job_minutes: Annotated[
        float, Range(0.001, 100_000), Doc("A job that runs longer is ended, and has failed; waiting does not count.")
    ] = 60.0
    max_jobs: Annotated[int, Range(1, MOST_WAITING), Doc("Jobs of one token that wait or run.")] = 20
    max_waiting: Annotated[int, Range(1, MOST_WAITING), Doc("Jobs of all tokens that wait.")] = 1000
    keep_hours: Annotated[float, Range(0.001, 10_000), Doc("Results are removed so long after their job ended.")] = 24.0
    drain_seconds: Annotated[
        float, Range(0, 36_000), Doc("Jobs under way have so long to end when the service is told to stop.")
    ] = 30.0
    allow_urls: Annotated[
        bool, Doc("Inputs may be http and https addresses; those of private networks are never asked.")
    ] = False
