"""Taking in files: each upload has a folder of its own, which is removed where the upload breaks off."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from gradio.route_utils import upload_fn
from gradio.routes import file_upload_statuses
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from openportrait.limits import MEGABYTE
from openportrait.listening import BodyTooLarge, bounded
from openportrait.web.sessions import Sessions

ROUTE = "/gradio_api/upload"
LONGEST_SECONDS = 3600.0
"""An upload that takes longer is given up."""
FORM_BYTES = 10_000
"""What a form adds to its file."""


class _Bounded(Request):
    """A request whose body may neither stop nor go on for ever."""

    most: int

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises HTTPException for too much, TimeoutError for too slow."""
        try:
            async for part in bounded(super().stream(), self.most + FORM_BYTES):
                yield part
        except BodyTooLarge:
            megabytes = self.most // MEGABYTE
            raise HTTPException(
                413, f"the file is larger than {megabytes} MB, which is the limit; choose a smaller one"
            ) from None


def upload_route(
    sessions: Sessions, max_megabytes: int, allowed: Callable[[Request], bool]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The endpoint that takes a form with one file and answers with its place, as Gradio's own does.

    `allowed`: whether who asks is logged in, where the app has a login.
    """

    async def upload(request: Request) -> Response:
        if not allowed(request):
            return PlainTextResponse("not logged in; load the page again", 401)
        bounded = _Bounded(request.scope, request.receive)
        bounded.most = max_megabytes * MEGABYTE
        upload_id = request.query_params.get("upload_id")
        folder, kept = sessions.new_upload(), False
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                progress = file_upload_statuses if upload_id else None
                paths, _, _ = await upload_fn(bounded, folder, bounded.most, upload_id, True, progress)
            kept = bool(paths)
            if kept:
                sessions.offer(folder)
            return JSONResponse([str(path) for path in paths])
        except HTTPException as error:
            return PlainTextResponse(str(error.detail), error.status_code)
        except TimeoutError:
            return PlainTextResponse("the upload stood still for too long; try it again", 408)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - a form can be broken in many ways, and the parser has no one error
            return PlainTextResponse(f"no form with a file ({' '.join(str(error).split())[:200]}); try it again", 400)
        finally:
            if not kept:
                if upload_id:
                    file_upload_statuses.set_done(upload_id)
                await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)

    return upload
