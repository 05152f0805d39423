"""The OpenAPI description: bodies of requests, made from the records of the options, and answers as records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from openportrait.checked import OptionSpec
from openportrait.drivings import Driving
from openportrait.options import OF_A_DRIVING, FaceEdit, job_specs, specs
from openportrait.serve.asked import EDIT_FORMATS, EDIT_OPTIONS, FACES_OPTIONS, FORMATS, OF_THE_SERVICE
from openportrait.serve.records import Job, Kind, Moment, State

_KINDS = {bool: "boolean", int: "integer", float: "number"}
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_BYTES = {"*/*": {"schema": _FILE}}
EVENTS: dict[str, Any] = {
    "description": "Server-sent events: `event: job` with the job as JSON in `data`.",
    "content": {
        "text/event-stream": {"schema": {"type": "string"}, "example": 'event: job\ndata: {"id": "5f0c…"}\n\n'}
    },
}
RESULT: dict[str, Any] = {"description": "The file.", "content": _BYTES}
PART: dict[str, Any] = {"description": "The part that `Range` asks for.", "content": _BYTES}
NO_PART: dict[str, Any] = {"description": "The file has no such part.", "content": {"text/plain": {}}}
EDITED: dict[str, Any] = {
    "description": "The picture.",
    "content": {name: {"schema": _FILE} for name in ("image/jpeg", "image/png", "image/webp")},
    "headers": {
        "OpenPortrait-Warnings": {
            "description": "What is to be known of it, a list of texts as JSON.",
            "schema": {"type": "string"},
        }
    },
}
METRICS: dict[str, Any] = {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
ALIVE: dict[str, Any] = {
    "description": "It answers.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": {"status": "alive"}}},
}
READY: dict[str, Any] = {
    "description": "New jobs are taken in.",
    "content": {"application/json": {"schema": {"type": "object"}, "example": {"status": "ready"}}},
}


def job_body() -> dict[str, Any]:
    """The form of a job."""
    options = [spec for name, spec in job_specs().items() if name not in OF_THE_SERVICE]
    return _form(
        {
            "source": {**_FILE, "description": "Portrait: a picture or a clip."},
            "driving": {
                "type": "array",
                "items": _FILE,
                "minItems": 1,
                "description": "A picture, a clip or a motion template; repeat the part for several.",
            },
            "background": {**_FILE, "description": "A picture to lay behind the person."},
            "options": _object(options, "Options of the job, by the names of docs/OPTIONS.md."),
            "drivings": {
                "type": "array",
                "items": _object([spec for spec in specs(Driving) if spec.name != "file"], "What one driving moves."),
                "description": "For several drivings, in the order of their parts: what each moves.",
            },
            "format": {"type": "string", "enum": list(FORMATS), "description": "Of the result; left out: as fits."},
        },
        required=["source", "driving"],
        json=("options", "drivings"),
        example={"options": {"region": "lip", "multiplier": 1.2}, "format": "mp4"},
    )


def template_body() -> dict[str, Any]:
    """The form of a template."""
    options = [spec for name, spec in job_specs().items() if name in OF_A_DRIVING]
    return _form(
        {
            "driving": {**_FILE, "description": "A picture or a clip with a face."},
            "options": _object(options, "How its face is found and cut."),
        },
        required=["driving"],
        json=("options",),
        example={"options": {"driving_face": "left"}},
    )


def edit_body() -> dict[str, Any]:
    """The form of an edited picture."""
    options = [spec for name, spec in job_specs().items() if name in EDIT_OPTIONS]
    return _form(
        {
            "picture": {**_FILE, "description": "A picture with a face."},
            "edit": _object(specs(FaceEdit), "The sliders."),
            "options": _object(options, "Which face, and how it is cut and written."),
            "format": {"type": "string", "enum": list(EDIT_FORMATS), "description": "Of the answer; jpg."},
        },
        required=["picture"],
        json=("edit", "options"),
        example={"edit": {"smile": 1.0, "yaw_degrees": 10}, "format": "png"},
    )


def faces_body() -> dict[str, Any]:
    """The form of a picture whose faces are looked for."""
    options = [spec for name, spec in job_specs().items() if name in FACES_OPTIONS]
    return _form(
        {
            "picture": {**_FILE, "description": "A picture, or a clip whose first frame counts."},
            "options": _object(options, "How faces are found."),
        },
        required=["picture"],
        json=("options",),
        example={"options": {"detection_threshold": 0.3}},
    )


def _form(
    parts: Mapping[str, Any], *, required: list[str], json: Iterable[str], example: Mapping[str, Any]
) -> dict[str, Any]:
    schema = {"type": "object", "properties": parts, "required": required, "additionalProperties": False}
    encoding = {name: {"contentType": "application/json"} for name in json}
    content = {"schema": schema, "encoding": encoding, "examples": {"usual": {"value": example}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": content}}}


def _object(options: Iterable[OptionSpec], description: str) -> dict[str, Any]:
    properties = {spec.name: _schema(spec) for spec in options}
    return {"type": "object", "properties": properties, "additionalProperties": False, "description": description}


def _schema(spec: OptionSpec) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _KINDS.get(spec.kind, "string"), "description": spec.help}
    if spec.choices:
        schema["enum"] = list(spec.choices)
    if spec.range is not None:
        schema |= {"minimum": spec.range.low, "maximum": spec.range.high}
    if spec.default is not None:
        schema["default"] = spec.default
    return schema


# Answers


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
