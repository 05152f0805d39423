"""`openportrait web`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from openportrait import leaving
from openportrait.cli.console import emit, say
from openportrait.cli.flags import Values, flags
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions

_PAUSE_SECONDS = 0.1
"""How long a signal waits at most."""


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

        with leaving.orderly(), served(WebOptions(**self.web), EngineOptions(**self.engine)) as app:
            emit(app.url)
            if app.share_url:
                emit(app.share_url)
            say("stop it with Ctrl-C")
            while not leaving.asked():
                time.sleep(_PAUSE_SECONDS)
        say("stopped")
