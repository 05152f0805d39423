"""The routes of the service. Nothing slow is done here: it would hold up every other request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import anyio
from fastapi import Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

import openportrait
from openportrait.errors import OpenPortraitError
from openportrait.serve import metrics, schemas
from openportrait.serve.forms import read_form
from openportrait.serve.gate import Gate, Turn
from openportrait.serve.records import Job, Kind, Moment, Refused
from openportrait.serve.schemas import EXAMPLE_ID, ErrorView, FacesView, JobView, job_view
from openportrait.serve.service import Service
from openportrait.serve.tokens import Tokens

EVENT_SECONDS = 0.5
"""Between two looks at a job that is watched."""
SILENT_SECONDS = 15.0
"""After so long without news the watcher of a job gets an empty message, so that no proxy closes the connection."""
MOST_WATCHED = 500
"""Jobs that are watched at once."""
INTAKES, LOOKS = 16, 16
"""Threads for new jobs and for quick questions."""
JOB_MOST_FILES = 3
"""All files of one job together may be as large as this many of the largest file."""
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
ABOUT = """Portrait animation: a face in a picture or video moves like a driving picture, video or motion template.

Hand in a job, watch it or ask for it, and fetch its result. Each refusal is one sentence.
"""
_log = logging.getLogger(__name__)
Found = TypeVar("Found")
JobName = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=[EXAMPLE_ID], description="The id of the job.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A text of your own: the same request sent again with it makes no second job.",
    ),
]
_REFUSALS = {
    400: "The form is damaged.",
    401: "No valid token.",
    404: "There is no such job.",
    408: "The request stood still for too long.",
    409: "The job is not done yet.",
    413: "Too many bytes, pixels or seconds.",
    415: "The content is no picture, clip or template.",
    422: "An option or a part is wrong.",
    429: "Too many jobs; `Retry-After` says when to try again.",
    503: "The service is about to stop, or its disk is full; `Retry-After` says when to try again.",
}
_OF_INTAKE = (400, 401, 408, 413, 415, 422, 429, 503)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a route may refuse, for its description."""
    return {status: {"model": ErrorView, "description": _REFUSALS[status]} for status in statuses}


@asynccontextmanager
async def _loaded(_: FastAPI) -> AsyncIterator[None]:
    """Load what anyio needs at its first use: that takes 0.1 s, in which no other request would be answered."""
    await anyio.sleep(0)
    yield


def application(service: Service, tokens: Tokens) -> Any:
    """The service as an ASGI application."""
    app = FastAPI(
        lifespan=_loaded,
        title="OpenPortrait",
        version=openportrait.__version__,
        description=ABOUT,
        docs_url=None,  # pages that load scripts from other hosts
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    routes = Routes(service, tokens)
    routes.add_to(app)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return Gate(app, service.metrics, checks_hosts=tokens.is_open)


class Routes:
    """The routes and their answers."""

    def __init__(self, service: Service, tokens: Tokens) -> None:
        self._service, self._tokens = service, tokens
        self._intakes, self._looks = anyio.CapacityLimiter(INTAKES), anyio.CapacityLimiter(LOOKS)
        self._pictures = anyio.CapacityLimiter(service.pictures.size)
        self._turn = Turn()
        self._watched = 0

    def add_to(self, app: FastAPI) -> None:
        """Make the routes of an application."""
        own = [Depends(HTTPBearer(auto_error=False, description="A token of the service, where it has any."))]
        job: dict[str, Any] = {"response_model": JobView, "dependencies": own, "tags": ["jobs"]}
        accepted: dict[str, Any] = {**job, "status_code": 202, "responses": refusals(*_OF_INTAKE)}
        app.post("/v1/jobs", openapi_extra=schemas.job_body(), **accepted)(self.new_job)
        app.post("/v1/templates", openapi_extra=schemas.template_body(), **accepted)(self.new_template)
        app.get("/v1/jobs/{name}", **job, responses=refusals(401, 404, 422))(self.job)
        app.delete(
            "/v1/jobs/{name}", status_code=204, dependencies=own, tags=["jobs"], responses=refusals(401, 404, 422)
        )(self.remove)
        app.get(
            "/v1/jobs/{name}/events",
            response_class=StreamingResponse,
            dependencies=own,
            tags=["jobs"],
            responses={200: schemas.EVENTS, **refusals(401, 404, 422, 429)},
        )(self.events)
        app.get(
            "/v1/jobs/{name}/result",
            response_class=FileResponse,
            dependencies=own,
            tags=["jobs"],
            responses={200: schemas.RESULT, 206: schemas.PART, 416: schemas.NO_PART, **refusals(401, 404, 409, 422)},
        )(self.result)
        answered: dict[str, Any] = {"dependencies": own, "tags": ["pictures"]}
        app.post(
            "/v1/edit",
            response_class=Response,
            responses={200: schemas.EDITED, **refusals(*_OF_INTAKE)},
            openapi_extra=schemas.edit_body(),
            **answered,
        )(self.edit)
        app.post(
            "/v1/faces",
            response_model=FacesView,
            responses=refusals(*_OF_INTAKE),
            openapi_extra=schemas.faces_body(),
            **answered,
        )(self.faces)
        app.get("/metrics", dependencies=own, tags=["state"], responses={200: schemas.METRICS, **refusals(401)})(
            self.metrics
        )
        app.get("/healthz", tags=["state"], responses={200: schemas.ALIVE})(self.alive)
        app.get("/readyz", tags=["state"], responses={200: schemas.READY, **refusals(503)})(self.ready)

    async def new_job(self, request: Request, key: Key = None) -> JSONResponse:
        """Hand in a job: a portrait is animated by one or several drivings."""
        return await self._accepted("animate", request, key)

    async def new_template(self, request: Request, key: Key = None) -> JSONResponse:
        """Hand in a driving whose motion is measured: the result is a template, which drives without its pixels."""
        return await self._accepted("template", request, key)

    async def job(self, request: Request, name: JobName) -> JSONResponse:
        """How a job is."""
        return self._told(*await self._look(self._owner(request), name))

    async def remove(self, request: Request, name: JobName) -> Response:
        """End a job, wherever it is, and remove it and its result."""
        await self._away(self._looks, self._service.remove, self._owner(request), name)
        return Response(status_code=204)

    async def events(self, request: Request, name: JobName) -> StreamingResponse:
        """Watch a job: an event `job` with the same record each time it changed, the last one when it has ended."""
        owner = self._owner(request)
        first = await self._look(owner, name)
        if self._watched >= MOST_WATCHED:
            raise Refused(429, f"{self._watched} jobs are watched already; ask for the job itself", 5)
        return StreamingResponse(
            self._watch(owner, name, first), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def result(
        self,
        request: Request,
        name: JobName,
        file: Annotated[Literal["result", "side_by_side", "template"], Query(description="Which file.")] = "result",
    ) -> FileResponse:
        """A file that a finished job made; parts of it by the header `Range`."""
        which = "path" if file == "result" else file
        path = await self._away(self._looks, self._service.result, self._owner(request), name, which)
        headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
        return FileResponse(path, filename=path.name, headers=headers)

    async def edit(self, request: Request) -> Response:
        """Edit a picture by sliders, at once. The same picture sent again is answered sooner."""
        self._owner(request)
        content, kind, warnings = await self._with_form(request, 1, self._pictures, self._service.edit)
        headers = {"Cache-Control": "no-store", "OpenPortrait-Warnings": json.dumps(warnings)}
        return Response(content, media_type=MEDIA_TYPES[kind], headers=headers)

    async def faces(self, request: Request) -> JSONResponse:
        """The faces of a picture, or of the first frame of a clip: the number of each is what `face` takes."""
        self._owner(request)
        found = await self._with_form(request, 1, self._pictures, self._service.faces)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        self._owner(request)
        text = await self._away(self._looks, self._service.metrics.text, self._service.store)
        return Response(text, media_type=metrics.MEDIA_TYPE)

    async def alive(self) -> JSONResponse:
        """Whether the service answers at all. It looks at nothing that could make it wait."""
        return JSONResponse({"status": "alive"})

    async def ready(self) -> JSONResponse:
        """Whether new jobs are taken in."""
        self._service.check_open()
        return JSONResponse({"status": "ready"})

    async def _accepted(self, kind: Kind, request: Request, key: str | None) -> JSONResponse:
        owner = self._owner(request)
        job = await self._with_form(
            request, JOB_MOST_FILES, self._intakes, partial(self._service.accept, kind, owner, key=key)
        )
        return self._told(job, None, status=202)

    async def _with_form(
        self, request: Request, files: int, limiter: anyio.CapacityLimiter, then: Callable[..., Found]
    ) -> Found:
        self._service.check_open()
        form = await read_form(request, self._service.options.max_upload_mb, files, self._turn)
        try:
            return await self._away(limiter, then, form=form)
        finally:
            await form.close()

    async def _watch(self, owner: str, name: str, now: tuple[Job, Moment | None]) -> AsyncIterator[str]:
        self._watched += 1
        told, silent = "", 0.0
        try:
            while True:
                words = self._view(*now).model_dump_json()
                if words != told:
                    told, silent = words, 0.0
                    yield f"event: job\ndata: {words}\n\n"
                elif silent >= SILENT_SECONDS:
                    silent = 0.0
                    yield ": still there\n\n"
                if not now[0].is_open or self._service.draining:
                    return
                await asyncio.sleep(EVENT_SECONDS)
                silent += EVENT_SECONDS
                now = await self._look(owner, name)
        except Refused as gone:  # removed while it was watched
            yield f"event: removed\ndata: {json.dumps({'error': gone.line})}\n\n"
        finally:
            self._watched -= 1

    async def _look(self, owner: str, name: str) -> tuple[Job, Moment | None]:
        return await self._away(self._looks, self._service.look, owner, name)

    def _owner(self, request: Request) -> str:
        return self._tokens.owner(request.headers.get("authorization"))

    def _view(self, job: Job, moment: Moment | None) -> JobView:
        return job_view(job, moment, self._service.expires(job))

    def _told(self, job: Job, moment: Moment | None, status: int = 200) -> JSONResponse:
        view = self._view(job, moment).model_dump(mode="json")
        headers = {"Location": view["links"]["self"]} if status == 202 else {}
        return JSONResponse(view, status, {"Cache-Control": "no-store", **headers})

    async def _away(
        self, limiter: anyio.CapacityLimiter, work: Callable[..., Found], *args: Any, **named: Any
    ) -> Found:
        """Run in a thread what may wait for a disk or a process."""
        return await anyio.to_thread.run_sync(partial(work, *args, **named), limiter=limiter)


async def _refused(request: Request, error: Any) -> JSONResponse:
    headers = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.line}, error.status, headers)


async def _no_such_place(request: Request, error: Any) -> JSONResponse:
    line = f"{error.detail}; see /openapi.json for what is there".lower()
    return JSONResponse({"error": line}, error.status_code, error.headers)


async def _no_such_value(request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first.get("loc", ())[1:])
    return JSONResponse({"error": f"{where}: {first.get('msg', 'is not as it is due')}; see /openapi.json"}, 422)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s: %s", request.method, request.url.path, error)
    line = "the service cannot do this now; the one who runs it finds the reason in its messages"
    return JSONResponse({"error": line}, 503, {"Retry-After": "60"})


_HANDLERS: dict[Any, Any] = {
    Refused: _refused,
    HTTPException: _no_such_place,
    RequestValidationError: _no_such_value,
    OpenPortraitError: _failed,
    OSError: _failed,
}
