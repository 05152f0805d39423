"""`openportrait web`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Annotated

from openportrait.cli.console import emit, say
from openportrait.cli.flags import Values, flags
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions


@dataclass(frozen=True, kw_only=True)
class Web:
    """Start the web app: animate, edit, retarget and live, in the browser.

    Its address goes to stdout. Ctrl-C stops it.
    """

    web: Annotated[Values, flags(WebOptions)]
    engine: Annotated[Values, flags(EngineOptions)]

    def run(self) -> None:
        """Serve until interrupted."""
        from openportrait.web.server import served

        with served(WebOptions(**self.web), EngineOptions(**self.engine)) as app:
            emit_now(app.url)
            if app.share_url:
                emit_now(app.share_url)
            say("stop it with Ctrl-C")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                say("stopped")


def emit_now(text: str) -> None:
    """A line on stdout, at once also where that is a pipe."""
    emit(text)
    sys.stdout.flush()
