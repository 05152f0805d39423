"""A Ray cluster, joined: workers that do jobs there (`actors.py`), and hands that render segments (`renderers.py`).

Ray decides where actors run, and notices when a machine dies. What is done, and how often it is tried, is decided by
the callers.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openportrait.batches.actors import CALLS, Actor, There
from openportrait.batches.renderers import Far, Renderer
from openportrait.errors import EngineError, OptionError
from openportrait.extras import install
from openportrait.files import told
from openportrait.options import MOST_WORKERS, ClusterOptions

_ANSWER_SECONDS = 5.0
"""A cluster answers within this time, or it is taken for unreachable."""
_OF_RAY = {
    # No usage statistics are sent.
    "RAY_USAGE_STATS_ENABLED": "0",
    # How often, and how long each time, what listens at the address of a cluster is asked whether it is one.
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_py_gcs_connect_timeout_s": "5",
}
"""Settings of Ray in this process, where the user has none."""
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
"""How gRPC, which Ray speaks, is begun: the first words of HTTP/2 and a frame of settings without any (RFC 9113)."""
_GREETING_ANSWER = 4
"""The kind of the frame that is answered: settings."""
_FRAME_HEAD_BYTES = 9


class Cluster:
    """A backend: the cluster at an address. Ray is imported, and the cluster joined, when it is entered."""

    def __init__(self, wanted: ClusterOptions, workers: int | None = None) -> None:
        """`workers`: None for as many as there is room for."""
        self._wanted, self._workers = wanted, workers
        self._joined = False
        self._printer: Callable[..., None] | None = None
        self.ray: Any = None

    @property
    def room(self) -> int:
        """Workers that were asked for, or for which there are cores and GPUs. Raises OptionError where it has none."""
        if self._workers is not None:
            return self._workers
        found = self.ray.cluster_resources()
        needs = {"CPU": self._wanted.worker_cpus, "GPU": self._wanted.worker_gpus}
        room = min(int(found.get(name, 0) / need) for name, need in needs.items() if need)
        if not room:
            there = ", ".join(f"{found.get(name, 0):g} {name}" for name in needs)
            raise OptionError(
                f"the cluster has no room for a worker ({there}); lower --worker-cpus and --worker-gpus, or give "
                "--workers if it grows when asked"
            )
        return min(room, MOST_WORKERS)

    def hire(self, count: int) -> list[There]:
        """So many actors; those for which there is no room yet wait for it. They share what room is left."""
        here, room, address = str(Path.cwd()), self.room, self.ray.get_runtime_context().gcs_address

        def make(place: int) -> Callable[[], Any]:
            others = self._threads * (len(range(place, room, count)) - 1)
            more = {"cluster": address, "worker_cpus": self._wanted.worker_cpus, "most": others} if others > 0 else {}
            return self.actors(Actor, here, more)

        return [There(self.ray, make(place)) for place in range(count)]

    def actors(self, kind: type, *given: Any) -> Callable[[], Any]:
        """What makes an actor of this kind with the room of a worker, from the threads of its process and `given`."""
        wanted = self._wanted
        actor = self.ray.remote(num_cpus=wanted.worker_cpus, num_gpus=wanted.worker_gpus, max_concurrency=CALLS)(kind)
        return partial(actor.remote, self._threads, *given)

    def hands(self, segments: int) -> list[Far]:
        """For so many segments of one job, which has all the room there is: a `Hire`."""
        return self.renderers(min(self.room * self._threads, segments)) if segments > 1 else []

    def renderers(self, count: int) -> list[Far]:
        """So many hands for segments, each on a core: several in the room of a worker that takes more."""
        actor = self.ray.remote(num_cpus=self._wanted.worker_cpus / self._threads, max_concurrency=CALLS)(Renderer)
        return [Far(self.ray, actor.remote) for _ in range(count)]

    @property
    def _threads(self) -> int:
        """Cores of a worker."""
        return max(int(self._wanted.worker_cpus), 1)

    def __enter__(self) -> Self:
        if find_spec("ray") is None:
            raise EngineError(f"a cluster needs a package; {install('cluster')}")
        address = str(self._wanted.cluster)
        where = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
        _reach(where)
        for name, value in _OF_RAY.items():  # Before the import, which reads them.
            os.environ.setdefault(name, value)
        import ray

        self.ray = ray
        if not ray.is_initialized():
            self._join(where)
            # Ray prints news of the cluster, such as the end of a machine, on stdout among the results; it
            # has no setting against that.
            self._printer, ray._private.worker.print_to_stdstream = ray._private.worker.print_to_stdstream, _say_nothing
        return self

    def _join(self, address: str) -> None:
        try:
            with _own_signals(), _quiet():
                # Output of its machines, and its own, is in its logs.
                self.ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
        except ConnectionError as error:
            raise EngineError(
                f"{address}: no cluster was found; start one (ray start --head), or give its address"
            ) from error
        except (RuntimeError, ValueError, OSError, self.ray.exceptions.RayError) as error:
            raise EngineError(
                f"{address}: the cluster cannot be joined ({told(error)}); run this on one of its machines"
            ) from error
        self._joined = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._joined:
            self.ray.shutdown()
        if self._printer is not None:
            self.ray._private.worker.print_to_stdstream = self._printer


def _say_nothing(*_: object, **__: object) -> None: ...


def _reach(address: str) -> None:
    """Raises EngineError where no Ray listens at an address: Ray itself would try for half a minute, or a whole one."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS) as asked:
            answer = _GREETING_ANSWER if os.environ.get("RAY_USE_TLS", "0") != "0" else _greeted(asked)
    except (OSError, ValueError, OverflowError) as error:
        raise EngineError(f"{address}: no cluster answers ({told(error)}); check the address") from error
    if answer != _GREETING_ANSWER:
        raise EngineError(f"{address}: what answers there is no cluster; check the address")


def _greeted(asked: socket.socket) -> int | None:
    """The kind of the first frame that a listener sends in HTTP/2; None for one that speaks anything else."""
    asked.sendall(_GREETING)
    head = b""
    while len(head) < _FRAME_HEAD_BYTES and (piece := asked.recv(_FRAME_HEAD_BYTES - len(head))):
        head += piece
    return head[3] if len(head) == _FRAME_HEAD_BYTES else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray prints each try to reach a cluster, from outside of Python; this package says the outcome in one line."""
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray sets its own answer to SIGTERM when it is joined; this restores the answer of this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
