"""The bodies of requests in the OpenAPI description, made from the records of the options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openportrait.checked import OptionSpec
from openportrait.drivings import Driving
from openportrait.options import OF_A_DRIVING, FaceEdit, job_specs, specs
from openportrait.serve.asked import EDIT_FORMATS, EDIT_OPTIONS, FACES_OPTIONS, FORMATS, OF_THE_SERVICE

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
