"""What every tab needs of the app around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.bounds import shown
from openportrait.drivings import Driving
from openportrait.errors import OptionError
from openportrait.limits import check_upload
from openportrait.options import EngineOptions, Options
from openportrait.pipeline import CancelCheck, ProgressCallback
from openportrait.pipeline.background import names_file
from openportrait.pipeline.driving import options_of
from openportrait.records import Result
from openportrait.trim import Trim
from openportrait.web.checks import given
from openportrait.web.jobs import Job, Work
from openportrait.web.line import Line
from openportrait.web.options import WebOptions
from openportrait.web.saving import save
from openportrait.web.sessions import Session, Sessions

SLOW = "slow"
"""What marks an event that may take a while: few of them work at once."""
HIDDEN: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None}
"""For events of the page that are no part of the HTTP API."""
AT_ONCE: dict[str, Any] = {**HIDDEN, "queue": False, "show_progress": "hidden"}
"""For quick events, which wait for nobody."""
WORK: dict[str, Any] = {**HIDDEN, "concurrency_id": SLOW}
"""For events that read a file or compute a picture."""
WORK_AT_ONCE: dict[str, Any] = {**AT_ONCE, "concurrency_id": SLOW}
"""The same, where the page shows no progress."""


@dataclass(frozen=True)
class Context:
    """The app: its visitors, its limits and its engine."""

    sessions: Sessions
    limits: WebOptions
    engine: EngineOptions
    line: Line
    samples: Mapping[str, Path]
    """Files that calls may send by their address: the app's own examples."""

    def session(self, request: gr.Request) -> Session:
        """The visitor's session. Raises OpenPortraitError for a page that was closed."""
        return self.sessions.of(request.session_hash)

    def upload(self, path: str | None, what: str, part: Trim | None = None) -> Path:
        """An uploaded file, checked by its content. Raises OptionError, MediaError or TemplateError.

        `part`: how much of it is used; left out: one picture.
        """
        found = given(path, what)
        check_upload(found, self.limits, part)
        return found

    def source(self, path: str | None, what: str, options: Mapping[str, Any]) -> Path:
        """The source of a job with these flat options. Raises as `upload`."""
        return self.upload(path, what, Options.of(**options).trim.source)

    def driving(self, path: str | None, what: str, options: Mapping[str, Any], **values: Any) -> Driving:
        """A driving of a job with these flat options and its own `values`. Raises as `upload`."""
        made = Driving(given(path, what), **values)
        self.upload(path, what, options_of(made, Options.of(**options)).trim.driving)
        if abs(made.offset_seconds) > self.limits.max_seconds:
            raise OptionError(
                f"{what}: --offset-seconds is {made.offset_seconds:g}, the limit is {self.limits.max_seconds:g}; "
                "choose less"
            )
        return made

    def start(self, session: Session, job: Job, work: Work) -> None:
        """Start a job of the page; its result is saved where that is wanted. Raises OptionError."""

        def saving(progress: ProgressCallback, cancel: CancelCheck) -> Result:
            made = work(progress, cancel)
            if self.limits.saves:
                made, job.saved = save(made, self.limits.folder)
            return made

        job.start(saving, session.key, self.line, self.limits)

    def options(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Flat options: the app's engine options, then the visitor's. No path among them: it would be the server's.

        Raises OptionError.
        """
        engine = {item.name: getattr(self.engine, item.name) for item in fields(self.engine)}
        merged = {**engine, **values, "weights": self.engine.weights}
        background = Options.of(**merged).output.background
        if names_file(background):
            raise OptionError(f"--background is {shown(background)}; give keep, transparent or a colour")
        return merged
