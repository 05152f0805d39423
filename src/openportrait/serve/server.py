"""Starting and stopping the service."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from openportrait.errors import OpenPortraitError, OptionError
from openportrait.extras import install
from openportrait.listening import LOOPBACK, WebServer, bare, listening, reachable
from openportrait.options import ClusterOptions, EngineOptions
from openportrait.serve.options import ServeOptions
from openportrait.serve.records import MODULE
from openportrait.serve.tokens import VARIABLE, read_tokens

if TYPE_CHECKING:
    from openportrait.serve.service import Hands, Service

SWEEP_SECONDS = 60.0
"""Time between two searches for results that have expired."""
_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
ON_THIS_MACHINE = ClusterOptions()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """A running service."""

    url: str
    service: Service


@contextmanager
def serving(
    options: ServeOptions, engine: EngineOptions, cluster: ClusterOptions = ON_THIS_MACHINE
) -> Iterator[Serving]:
    """The service, running in the background until the block is left; then it drains.

    Raises OpenPortraitError where a package is missing, the address cannot be listened on, or the cluster, the folder
    or the tokens cannot be used; OptionError where everyone would be let in.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise OpenPortraitError(f"the service needs a package; {install('serve')}")
    tokens = read_tokens(options.tokens)
    if tokens.is_open and bare(options.host) not in LOOPBACK:
        raise OptionError(
            f"--host {options.host} lets other machines in; say by which tokens (--tokens FILE, or {VARIABLE})"
        )
    with listening(options.host, options.port) as listener:
        # Slow imports wait until the address is known to be free.
        from openportrait.serve.app import application
        from openportrait.serve.service import Service

        with _hands(options, engine, cluster) as hands:
            service = Service(options, engine, hands)
            server, stop = WebServer(application(service, tokens), listener), threading.Event()
            threading.Thread(target=_sweep, args=(service, stop), daemon=True).start()
            try:
                service.start()
                server.start()
                yield Serving(f"http://{reachable(options.host)}:{listener.getsockname()[1]}", service)
            finally:
                stop.set()
                service.drain()
                server.stop()
                service.close()


def _hands(options: ServeOptions, engine: EngineOptions, wanted: ClusterOptions) -> AbstractContextManager[Hands]:
    """The hands: on a cluster where one is wanted, else on this machine."""
    if wanted.cluster is None:
        return nullcontext(_local_hands(options))
    from openportrait.serve.far import hands_there

    return hands_there(options, engine, wanted)


def _local_hands(options: ServeOptions) -> Hands:
    """Processes of this machine."""
    from openportrait.batches.processes import Worker
    from openportrait.processes import cores
    from openportrait.serve.service import Hands

    count = options.workers or cores()
    threads = max(cores() // count, 1)
    return Hands(
        jobs=[Worker(threads, MODULE) for _ in range(count)],
        pictures=[Worker(1, MODULE) for _ in range(options.pictures)],
    )


def _sweep(service: Service, stop: threading.Event) -> None:
    while not stop.wait(SWEEP_SECONDS):
        if service.draining:
            return
        try:
            service.sweep()
        except OpenPortraitError as error:  # the disk may be full; the next look may find it otherwise
            _log.error("%s", error)
