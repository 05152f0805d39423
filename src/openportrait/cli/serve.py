"""`openportrait serve`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from openportrait import leaving
from openportrait.cli.console import emit, say
from openportrait.cli.flags import Values, flags
from openportrait.options import ClusterOptions, EngineOptions
from openportrait.serve.options import ServeOptions

_PAUSE_SECONDS = 0.1
"""How long a signal waits at most."""


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Start the HTTP service: jobs that others hand in, and pictures while they wait.

    Its address goes to stdout. Ctrl-C or SIGTERM stops it: jobs under way are ended, others wait for the next start.
    """

    serve: Annotated[Values, flags(ServeOptions)]
    cluster: Annotated[Values, flags(ClusterOptions)]
    engine: Annotated[Values, flags(EngineOptions)]

    def run(self) -> None:
        """Serve until told to stop."""
        from openportrait.serve.server import serving

        options, engine = ServeOptions(**self.serve), EngineOptions(**self.engine)
        cluster = ClusterOptions(**self.cluster)
        leaving.say_instead("stopped at once; jobs that were accepted are done after the next start")
        with leaving.orderly(), serving(options, engine, cluster) as running:
            emit(running.url)
            say("stop it with Ctrl-C")
            while not leaving.asked():
                time.sleep(_PAUSE_SECONDS)
            say("ending the jobs under way; once more stops at once")
        say("stopped")
