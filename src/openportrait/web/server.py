"""Starting and stopping the app."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from openportrait.errors import OpenPortraitError, OptionError
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions

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
    )
)
"""The page may load nothing from other hosts."""


@dataclass(frozen=True)
class Served:
    """A running app."""

    url: str
    share_url: str | None
    sessions: Any
    """`openportrait.web.sessions.Sessions`."""


class Policy:
    """Adds the content security policy to every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request (ASGI)."""

        async def send_with_policy(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"content-security-policy", POLICY.encode("ascii"))]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_policy)


@contextmanager
def served(limits: WebOptions, engine: EngineOptions) -> Iterator[Served]:
    """The app, running in the background until the block is left. All its files lie in one temporary folder.

    Raises OpenPortraitError where Gradio is missing or the port is taken, OptionError for a wrong `auth`.
    """
    login = _login(limits.auth)
    root = Path(tempfile.mkdtemp(prefix="openportrait-web-")).resolve()
    wanted = {
        "GRADIO_TEMP_DIR": str(root),
        "GRADIO_EXAMPLES_CACHE": str(root),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield from _run(limits, engine, login, root)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(root, ignore_errors=True)


def _run(limits: WebOptions, engine: EngineOptions, login: tuple[str, str] | None, root: Path) -> Iterator[Served]:
    try:
        from starlette.middleware import Middleware
        from starlette.routing import Route

        from openportrait.web import app, examples, live, theme
        from openportrait.web.context import Context
        from openportrait.web.sessions import Sessions
    except ModuleNotFoundError as error:
        raise OpenPortraitError(f"the web app needs {error.name}; pip install 'openportrait[web]'") from error
    context = Context(Sessions(root), limits, engine)
    listed = examples.examples()
    blocks = app.build(context, listed)
    route = Route(f"{live.ROUTE}/{{token}}", live.frame_route(context.sessions), methods=["POST"])
    try:
        _, url, share_url = blocks.launch(
            server_name=limits.host,
            server_port=limits.port or _free_port(limits.host),
            share=limits.share,
            auth=login,
            max_file_size=f"{limits.max_upload_mb}mb",
            allowed_paths=[str(examples.FOLDER)] if listed else [],
            app_kwargs={"middleware": [Middleware(Policy)], "routes": [route]},
            theme=theme.theme(),
            css=(files("openportrait") / "assets" / "web" / "style.css").read_text("utf-8"),
            footer_links=["api", "settings"],
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
        )
    except OSError as error:
        raise OpenPortraitError(f"port {limits.port} of {limits.host} is taken; choose another with --port") from error
    context.sessions.keep_present()
    try:
        yield Served(url, share_url, context.sessions)
    finally:
        context.sessions.close_all()
        blocks.close(verbose=False)


def _login(auth: str | None) -> tuple[str, str] | None:
    if auth is None:
        return None
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise OptionError("--auth needs a user and a password; give USER:PASSWORD")
    return user, password


def _free_port(host: str) -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
