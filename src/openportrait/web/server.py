"""Starting and stopping the app."""

from __future__ import annotations

import gc
import inspect
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openportrait.errors import OpenPortraitError, OptionError
from openportrait.extras import install
from openportrait.files import told
from openportrait.listening import WebServer, listening, reachable
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions

SWEEP_SECONDS = 2.0
"""From one look for what nobody came back to, to the next."""


@dataclass(frozen=True)
class Served:
    """A running app."""

    url: str
    share_url: str | None
    sessions: Any
    """`openportrait.web.sessions.Sessions`."""


@contextmanager
def served(limits: WebOptions, engine: EngineOptions) -> Iterator[Served]:
    """The app, running in the background until the block is left. All its files lie in one temporary folder.

    Raises OpenPortraitError where Gradio is missing or the address cannot be listened on, OptionError for a wrong
    `auth`.
    """
    login = _login(limits.auth)
    # Looked for, not imported: it makes a folder of its own at once where it is not told of another.
    if find_spec("gradio") is None:
        raise OpenPortraitError(f"the web app needs gradio; {install('web')}")
    with listening(limits.host, limits.port) as listener:
        # What takes time to load waits until the address is known to be free.
        from openportrait.web.folders import own_folder

        with own_folder() as root, _environment(root):
            yield from _run(limits, engine, login, root, listener)


@contextmanager
def _environment(root: Path) -> Iterator[None]:
    """Settings of Gradio: its files lie in `root`, and it sends no statistics."""
    wanted = {
        "GRADIO_TEMP_DIR": str(root),
        "GRADIO_EXAMPLES_CACHE": str(root),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection while modules are loaded: it would take a fifth of the time and find hardly anything."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def _without_stubs() -> Iterator[None]:
    """Keeps Gradio from writing stub files for editors while it is imported, which would double the time of the import.

    Gradio writes none for a class whose file cannot be found: inside the block, no class of Gradio's has one.
    """
    of_all = inspect.getfile

    def getfile(given: Any) -> str:
        if isinstance(given, type) and given.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return of_all(given)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = of_all


def _run(
    limits: WebOptions, engine: EngineOptions, login: tuple[str, str] | None, root: Path, listener: socket.socket
) -> Iterator[Served]:
    with _uncollected():
        with _without_stubs():
            from openportrait.web import app, examples, gate, line
        from openportrait.web.context import Context
        from openportrait.web.sessions import Sessions

        address = f"http://{reachable(limits.host)}:{listener.getsockname()[1]}/"
        context = Context(
            Sessions(root, limits.keep_minutes),
            limits,
            engine,
            line.Line(limits.concurrency),
            examples.served(address),
        )
        blocks = app.build(context, examples.examples())
        names = gate.Names(limits)
        server = _Server(gate.Gate(_mounted(blocks, context, login), names), listener, blocks)
    stop = threading.Event()
    threading.Thread(target=_sweep, args=(context.sessions, stop), daemon=True).start()
    try:
        server.start()
        share_url = _shared(listener.getsockname()[1], names) if limits.share else None
        yield Served(address, share_url, context.sessions)
    finally:
        stop.set()
        context.sessions.close_all()
        server.stop()
        if limits.share:
            _unshared()


def _mounted(blocks: Any, context: Any, login: tuple[str, str] | None) -> Any:
    """The page, its API and the app's own routes as one application (ASGI)."""
    import fastapi
    import gradio as gr
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    from openportrait.web import app, controls, examples, gate, live, theme, uploads

    limits, sessions, assets = context.limits, context.sessions, files("openportrait") / "assets" / "web"
    blocks.max_threads = blocks._queue.max_thread_count = app.THREADS
    blocks.has_launched = blocks.is_laid_out = True
    inner: list[Any] = []

    def logged_in(request: Any) -> bool:
        """As Gradio itself judges for its own routes."""
        own = inner[0]
        tokens = (request.cookies.get(f"access-token{kind}-{own.cookie_id}") for kind in ("", "-unsecure"))
        return login is None or any(token in own.tokens for token in tokens)

    outer = fastapi.FastAPI(openapi_url=None)

    async def icon(request: Any) -> Any:
        return Response((assets / "icon.svg").read_bytes(), media_type="image/svg+xml")

    by_name = {path.name: path for path in context.samples.values()}

    async def sample(request: Any) -> Any:
        path = by_name.get(str(request.path_params["name"]))
        return FileResponse(path) if path is not None else Response(status_code=404)

    outer.router.routes += [
        Route("/favicon.ico", icon),
        Route(f"{examples.ROUTE}/{{name}}", sample),
        Route(f"{live.ROUTE}/{{token}}", live.frame_route(sessions), methods=["POST"]),
        Route(uploads.ROUTE, uploads.upload_route(sessions, limits.max_upload_mb, logged_in), methods=["POST"]),
    ]
    gr.mount_gradio_app(
        outer,
        blocks,
        path="",
        app_kwargs={"exception_handlers": gate.WORDED},
        auth=login,
        max_file_size=f"{limits.max_upload_mb}mb",
        show_error=True,
        footer_links=["api"],
        run_history=False,
        theme=theme.theme(),
        css=(assets / "style.css").read_text("utf-8") + controls.rest_marks(blocks.blocks.values()),
        js=(assets / "page.js").read_text("utf-8"),
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
    )
    mount: Any = outer.router.routes[-1]
    inner.append(mount.app)
    blocks.app = blocks.server_app = inner[0]
    return outer


class _Server(WebServer):
    """The web server in a thread of its own."""

    def __init__(self, app: Any, listener: socket.socket, blocks: Any) -> None:
        super().__init__(app, listener)
        self._blocks = blocks

    def stop(self) -> None:
        """End the event streams, which have no end of their own, then the server; running requests are cut off."""
        self._blocks._queue.close()
        self._blocks.is_running = False
        self._blocks.app.stop_event.set()
        super().stop()


def _sweep(sessions: Any, stop: threading.Event) -> None:
    while not stop.wait(SWEEP_SECONDS):
        sessions.sweep()


def _shared(port: int, names: Any) -> str:
    """The address of a public tunnel to the app. Raises OpenPortraitError where there is none to be had."""
    from gradio.networking import setup_tunnel

    try:
        address = str(setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None))
    except Exception as error:  # whatever the tunnel program and the network may do
        raise OpenPortraitError(f"no public link ({told(error)}); leave out --share, or try again later") from error
    names.add(urlsplit(address).hostname or "")
    return address.replace("http://", "https://", 1)


def _unshared() -> None:
    from gradio.tunneling import CURRENT_TUNNELS

    for tunnel in CURRENT_TUNNELS:
        tunnel.kill()  # type: ignore[no-untyped-call]


def _login(auth: str | None) -> tuple[str, str] | None:
    if auth is None:
        return None
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise OptionError("--auth needs a user and a password; give USER:PASSWORD")
    return user, password
