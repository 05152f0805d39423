"""`openportrait web`."""

from __future__ import annotations

import os
import threading
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
_LET_GO_SECONDS = 1.0
"""Time for threads to notice that work was cut off; then the program ends without them."""


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
        _let_go()


def _let_go() -> None:
    """End the process where a thread still works: it cannot be stopped, and Python would wait for it."""
    end = time.monotonic() + _LET_GO_SECONDS
    while any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        if time.monotonic() > end:
            os._exit(0)
        time.sleep(_PAUSE_SECONDS / 10)
