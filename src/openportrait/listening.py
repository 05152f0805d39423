"""Runs a web server in this process: its address, its thread, and reading of request bodies."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openportrait.errors import OpenPortraitError

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
START_SECONDS = 60.0
"""Time in which the server must begin to listen."""
STOP_SECONDS = 2
"""Time after which requests are cut off when the server stops."""
IDLE_SECONDS = 30.0
"""A request whose body stands still for so long is given up."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket. Raises OpenPortraitError where the address cannot be had."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=kind)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OpenPortraitError(f"port {port} of {host} is taken; choose another with --port") from error
        if error.errno == errno.EACCES:
            raise OpenPortraitError(f"port {port} may not be used; choose one above 1023 with --port") from error
        raise OpenPortraitError(f"{host} is no address of this machine; choose another with --host") from error
    with listener:
        yield listener


def reachable(host: str) -> str:
    """A host as it is written in an address of this machine."""
    if host.strip("[]") in ANY_ADDRESS:
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def bare(host: str) -> str:
    """A host without port and brackets, in small letters."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rstrip(".") if host.count(":") > 1 else host.partition(":")[0].rstrip(".")


class WebServer:
    """Uvicorn in a thread of its own."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        """`app`: an ASGI application."""
        import uvicorn

        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server: uvicorn.Server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)

    def start(self) -> None:
        """Return when the server accepts connections. Raises OpenPortraitError where it fails."""
        self._thread.start()
        end = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                raise OpenPortraitError("the web server does not start; try another --host or --port")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it; what is still under way is cut off."""
        self._server.should_exit = True
        self._thread.join(3 * STOP_SECONDS)


class BodyTooLarge(Exception):
    """More came than is allowed."""


async def bounded(parts: AsyncGenerator[bytes, None], most: int) -> AsyncGenerator[bytes, None]:
    """A body as it comes. Raises BodyTooLarge for more than `most` bytes, TimeoutError where it stands still."""
    import asyncio  # Of which the command line's options, that need the rest of this module, load nothing.

    total = 0
    while True:
        async with asyncio.timeout(IDLE_SECONDS):
            part = await anext(parts, None)
        if part is None:
            return
        total += len(part)
        if total > most:
            raise BodyTooLarge
        yield part
