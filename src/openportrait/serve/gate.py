"""Stands before the application: refuses what pages of other sites ask, and answers at once whether the service is
alive."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from starlette.datastructures import Headers

from openportrait.listening import LOOPBACK, bare
from openportrait.serve.metrics import Metrics

ALIVE_PATH = "/healthz"
_ALIVE = b'{"status":"alive"}'
_FAILED = {"error": "the request could not be answered; the one who runs the service finds the reason in its messages"}
_BROKEN_OFF = 499
"""The label in place of a status where the client did not wait for the answer."""
_log = logging.getLogger(__name__)


class Turn:
    """Lets long work in an event loop run piece by piece, so that other work comes in between."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(1)

    async def mine(self) -> None:
        """Wait for the turn. It lasts until the caller waits for anything again."""
        await self._free.acquire()
        asyncio.get_running_loop().call_soon(self._free.release)


class Gate:
    """Without tokens, only programs of this machine are let in, and no page in its browser (ASGI)."""

    def __init__(self, app: Any, metrics: Metrics, *, checks_hosts: bool) -> None:
        """`checks_hosts`: whether there are no tokens, so that the address must tell who asks."""
        self._app, self._metrics, self._checks_hosts = app, metrics, checks_hosts
        self._turn = Turn()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if self._checks_hosts and (line := _foreign(Headers(scope=scope))):
            await _answer(noted, 403, json.dumps({"error": line}).encode())
        elif scope["path"] == ALIVE_PATH and scope["method"] == "GET":
            await _answer(noted, 200, _ALIVE)
        else:
            try:
                await self._turn.mine()
                await self._app(scope, receive, noted)
            except Exception as error:
                _log.exception("%s %s: %s", scope["method"], scope["path"], type(error).__name__)
                if status:
                    raise
                await _answer(noted, 500, json.dumps(_FAILED).encode())
        route = getattr(scope.get("route"), "path", "")
        # Methods that clients make up are no labels: there could be any number of them.
        method = scope["method"] if route else ""
        self._metrics.answered(method, route, status or _BROKEN_OFF, time.monotonic() - began)


def _foreign(headers: Headers) -> str:
    """Why a request counts as one of another site's page: by its host or its headers; empty where it does not."""
    host = headers.get("host", "")
    if bare(host) not in LOOPBACK:
        return f"{host[:80]} is no name of this service; ask for 127.0.0.1, or let it have tokens"
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return "pages in a browser may not use this service; let it have tokens, and a page of your own before it"
    return ""


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
