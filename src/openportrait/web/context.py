"""What every tab needs of the app around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.options import EngineOptions, Options
from openportrait.web.checks import check_upload, given, shown
from openportrait.web.options import WebOptions
from openportrait.web.sessions import Session, Sessions

RENDER_QUEUE = "render"
"""All jobs that render stand in one line."""
HIDDEN: dict[str, Any] = {"api_visibility": "private"}
"""For events of the page that are no part of the HTTP API."""
AT_ONCE: dict[str, Any] = {**HIDDEN, "queue": False, "show_progress": "hidden"}
"""For quick events, which wait for nobody."""


@dataclass(frozen=True)
class Context:
    """The app: its visitors, its limits and its engine."""

    sessions: Sessions
    limits: WebOptions
    engine: EngineOptions

    def session(self, request: gr.Request, *uploads: str | None) -> Session:
        """The visitor's session, which answers for these uploaded files from now on."""
        with self.errors_shown():
            return self.sessions.of(request.session_hash, [Path(path) for path in uploads if path])

    def upload(self, path: str | None, what: str) -> Path:
        """An uploaded file, checked. Raises OptionError, MediaError or TemplateError."""
        found = given(path, what)
        check_upload(found, self.limits)
        return found

    def options(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Flat options: the app's engine options, then the visitor's. Raises OptionError."""
        engine = {item.name: getattr(self.engine, item.name) for item in fields(self.engine)}
        merged = {**engine, **values, "weights": self.engine.weights}
        Options.of(**merged)
        return merged

    @contextmanager
    def errors_shown(self) -> Iterator[None]:
        """Errors of the product become one clear message in the page."""
        with shown(self.sessions.root):
            yield

    @property
    def queued(self) -> dict[str, Any]:
        """For events that render."""
        return {**HIDDEN, "concurrency_id": RENDER_QUEUE, "concurrency_limit": self.limits.concurrency}
