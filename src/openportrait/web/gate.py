"""The gate before the app: which requests reach it, and what every answer says to the browser.

A page of another site can make a visitor's browser ask for anything here. Such a request is known by its `Origin` and
`Sec-Fetch-Site`, or, where it let a name of its own lead to this machine (DNS rebinding), by its `Host`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from openportrait.listening import ANY_ADDRESS, LOOPBACK, bare
from openportrait.web.options import WebOptions

Message = MutableMapping[str, Any]

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-ancestors 'self'",
    )
)
"""The page may load nothing from other hosts, and is shown in no page of theirs."""
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""The addresses of results are secret: no other site embeds them or is told of them."""
FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
"""Of the page's own scripts and styles, whose names change with what is in them: a browser asks for each once."""
SERVED = re.compile(
    r"/|/(assets|static|svelte)/.+|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|login|logout)/?"
    r"|/gradio_api/((info|user|token|app_id|login_check|startup-events|theme\.css|cancel|reset|upload)/?"
    r"|upload_progress|queue/(join|data|status)|heartbeat/[^/]+|(call|run|api)/[^/]+(/[^/]+)?|file=(/|[A-Za-z]:).+)"
    r"|/openportrait/(live|examples)/[^/]+",
    re.DOTALL,
)
"""What the page and the API need. Gradio has more, as a fetcher of other hosts' files (`proxy=`, `file=http`) and a
converter of recordings; whatever is not named here is not there."""
UPLOAD = re.compile(r"/gradio_api/upload/?")
MOST_BYTES = 4_000_000
"""Largest body of a request, but for uploads, which have a limit of their own. The largest is a camera frame."""
BODY_SECONDS = 30.0
"""A request's body has to be here within so long."""
_log = logging.getLogger(__name__)
STOPPED = "the request could not be answered; the one who runs the app finds the reason in its messages"


class Refused(Exception):
    """A request is not let in."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class Names:
    """The host names under which the app may be asked for."""

    def __init__(self, limits: WebOptions) -> None:
        self._own = {*LOOPBACK, bare(limits.host)}
        self._outer = {bare(name) for name in limits.names.split(",") if name.strip()}
        self._any_address = bare(limits.host) in ANY_ADDRESS
        if self._any_address:
            own = socket.gethostname().lower()
            self._own |= {own, own.split(".")[0], f"{own.split('.')[0]}.local"}

    def add(self, name: str) -> None:
        """One more name, of a proxy before the app."""
        self._outer.add(bare(name))

    def __contains__(self, host: object) -> bool:
        """Whether a `Host` header, with or without a port, names this app.

        An address given as a number is safe: no other site can make one lead to this machine.
        """
        name = bare(str(host))
        return name in self._own or name in self._outer or (self._any_address and _is_address(name))

    def same_site(self, origin: str, host: str) -> bool:
        """Whether an `Origin` is the app itself, or a proxy that was named, which passes its own name on."""
        try:
            parts = urlsplit(origin)
        except ValueError:  # no address at all, such as one with half of its brackets
            return False
        if parts.scheme not in ("http", "https"):
            return False
        default = f":{443 if parts.scheme == 'https' else 80}"
        own = parts.netloc.lower().removesuffix(default) == host.lower().removesuffix(default)
        return own or bare(parts.netloc) in self._outer


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Gate:
    """Refuses what does not come from the app's own page or from a program; bounds bodies; adds headers (ASGI)."""

    def __init__(self, app: Any, names: Names) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                is_asset = scope["path"].startswith("/assets/") and message["status"] == 200
                headers = HEADERS | FOR_EVER if is_asset else HEADERS
                own = {name.encode("ascii"): value.encode("ascii") for name, value in headers.items()}
                rest = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
                message = {**message, "headers": [*rest, *own.items()]}
            await send(message)

        try:
            self._check(scope)
            if not UPLOAD.fullmatch(scope["path"]):
                receive = await _bounded(receive, scope)
            await self._app(scope, receive, send_with_headers)
        except Refused as refusal:
            await _answer(refusal.status, refusal.line, scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the last place where anything can be told
            # What an event's stream says of an event that is not there is no failure of the app.
            if not isinstance(error.__cause__, HTTPException):
                _log.error("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            if begun:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await _answer(500, STOPPED, scope, receive, send_with_headers)

    def _check(self, scope: Any) -> None:
        headers = Headers(scope=scope)
        hosts = [*headers.getlist("host"), *_listed(headers.getlist("x-forwarded-host"))]
        if not headers.getlist("host"):
            raise Refused(400, "the request names no host; send a Host header")
        if strange := [host for host in hosts if host not in self._names]:
            raise Refused(
                421, f"{strange[0][:80]} is no name of this app; ask for it by its own, or start it with --names"
            )
        page = scope["method"] in ("GET", "HEAD") and scope["path"] == "/"
        origins = headers.getlist("origin")
        foreign = any(not any(self._names.same_site(origin, host) for host in hosts) for origin in origins)
        # A link from another site to the page is none of its requests: it opens the page and reads nothing.
        follows = page and headers.get("sec-fetch-mode") == "navigate"
        elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not follows
        if foreign or elsewhere:
            raise Refused(403, "a page of another site may not use this app; open its own page")
        if not SERVED.fullmatch(scope["path"]):
            raise Refused(404, f"there is no {scope['path'][:80]} here; see /gradio_api/info for what can be called")


def _listed(values: Iterable[str]) -> list[str]:
    return [one.strip() for value in values for one in value.split(",") if one.strip()]


async def _bounded(receive: Any, scope: Any) -> Any:
    """A `receive` that gives the request's whole body at once. Raises Refused for a large or slow one."""
    if scope["method"] in ("GET", "HEAD"):
        return receive
    body, waits = bytearray(), True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while waits:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return receive
                body += message.get("body", b"")
                waits = message.get("more_body", False)
                if len(body) > MOST_BYTES:
                    raise Refused(413, f"the request is larger than {MOST_BYTES // 10**6} MB; send files as uploads")
    except TimeoutError:
        raise Refused(408, f"the request did not arrive within {BODY_SECONDS:.0f} s; send it anew") from None
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return dict(await receive())
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay


async def no_such_call(request: Any, error: Exception) -> JSONResponse:
    """The answer to a call by a name or number that no event has."""
    return _line(404, "there is no such call; see /gradio_api/info for those that there are")


async def no_such_value(request: Any, error: Any) -> JSONResponse:
    """The answer to a request with a value of the wrong type."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first.get("loc", ()))
    return _line(422, f"{where}: {first.get('msg', 'is not what is wanted here')}; see /gradio_api/info")


async def unforeseen(request: Any, error: Exception) -> JSONResponse:
    """The answer where the app itself failed; the gate tells of it in its messages."""
    return _line(500, STOPPED)


WORDED = {
    FnIndexInferError: no_such_call,
    KeyError: no_such_call,
    RequestValidationError: no_such_value,
    Exception: unforeseen,
}
"""What Gradio's own routes answer where they fail. A number that no event has is a KeyError there."""


def _line(status: int, line: str) -> JSONResponse:
    """One line, under both names by which Gradio's clients look for it."""
    return JSONResponse({"error": line, "detail": line}, status)


async def _answer(status: int, line: str, scope: Any, receive: Any, send: Any) -> None:
    await _line(status, line)(scope, receive, send)
