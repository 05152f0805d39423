"""The answers of the service, as records from which its OpenAPI description is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from openportrait.serve.records import Job, Kind, Moment, State

EXAMPLE_ID = "5f0c1d0e8a7b4c6d9e2f3a4b5c6d7e8f"


class ErrorView(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "there is no driving; send its file as a part of that name"}]}
    )

    error: str = Field(description="One sentence: what is wrong, and what to do about it.")


class ProgressView(BaseModel):
    """How far a running job is."""

    stage: str = Field(description="`analyse` or `render`.", examples=["render"])
    done: int = Field(description="Frames of this stage that are finished.", examples=[48])
    total: int | None = Field(description="Frames of this stage, where known.", examples=[190])
    seconds_left: float | None = Field(description="Of this stage, where it can be told.", examples=[3.1])


class ResultView(BaseModel):
    """What a finished job made."""

    frames: int = Field(examples=[190])
    rate: str | None = Field(description="Frames a second as a fraction; none for a picture.", examples=["25"])
    engine: str = Field(examples=["mesh"])
    warnings: list[str] = Field(examples=[[]])


class JobView(BaseModel):
    """A job."""

    id: str = Field(examples=[EXAMPLE_ID])
    kind: Kind = Field(examples=["animate"])
    state: State = Field(examples=["running"])
    attempts: int = Field(description="How often it was begun.", examples=[1])
    created: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    started: datetime | None = Field(examples=["2026-01-31T12:00:01Z"])
    ended: datetime | None = Field(examples=[None])
    expires: datetime | None = Field(description="When the job and its result are removed.", examples=[None])
    progress: ProgressView | None
    result: ResultView | None = Field(examples=[None])
    error: str | None = Field(description="Why it failed, in one line.", examples=[None])
    links: dict[str, str] = Field(
        description="Where the job, its events and its files are.",
        examples=[{"self": f"/v1/jobs/{EXAMPLE_ID}", "events": f"/v1/jobs/{EXAMPLE_ID}/events"}],
    )


class FaceView(BaseModel):
    """One face, in pixels of the picture."""

    number: int = Field(examples=[0])
    score: float = Field(description="0 to 1: how sure it is one.", examples=[0.98])
    box: list[float] = Field(description="Left, top, right and bottom.", examples=[[120.0, 80.5, 310.2, 330.0]])
    size: float = Field(description="The longer side of the box.", examples=[249.5])


class FacesView(BaseModel):
    """The faces of a picture."""

    width: int = Field(examples=[512])
    height: int = Field(examples=[600])
    faces: list[FaceView]


def job_view(job: Job, moment: Moment | None, expires: float | None) -> JobView:
    """A job as it is answered."""
    place = f"/v1/jobs/{job.id}"
    links = {"self": place, "events": f"{place}/events"}
    made = job.result
    if made is not None:
        links["result"] = f"{place}/result"
        links |= {name: f"{place}/result?file={name}" for name in ("side_by_side", "template") if made.get(name)}
    return JobView(
        id=job.id,
        kind=job.kind,
        state=job.state,
        attempts=job.attempts,
        created=_when(job.created),
        started=_when(job.started) if job.started is not None else None,
        ended=_when(job.ended) if job.ended is not None else None,
        expires=_when(expires) if expires is not None else None,
        progress=ProgressView(**vars(moment)) if moment is not None and job.state == "running" else None,
        result=_result(made) if made is not None else None,
        error=job.error,
        links=links,
    )


def _result(made: Any) -> ResultView:
    return ResultView(frames=made["frames"], rate=made["rate"], engine=made["engine"], warnings=made["warnings"])


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
