"""Jobs done on a Ray cluster: an actor a worker, which minds a worker process on its machine.

Ray says where actors run and notices when a machine dies; what is to be done, and how often, is `run.py`'s affair.
The process of an actor does the same as one of this machine (`processes.py`): a crash of it is told as there, and the
actor starts it anew. Only where the actor itself is gone, with its machine as a rule, is a job `Lost`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openportrait.batches.addresses import url_of
from openportrait.batches.backends import Lost
from openportrait.batches.local import Here
from openportrait.batches.places import Task
from openportrait.errors import EngineError, MediaError, OpenPortraitError, OptionError
from openportrait.extras import install
from openportrait.files import told
from openportrait.options import MOST_WORKERS, ClusterOptions
from openportrait.records import Result

_ANSWER_SECONDS = 5.0
"""A cluster answers within this time, or it is taken for unreachable."""
_TOLD_SECONDS = 1.0
"""From one look at how far a job is to the next."""
_STOPPING_SECONDS = 15.0
"""An actor ends its process within this time (`processes.py`), or is ended with it."""
_OF_RAY = {
    # Nothing is reported to anyone.
    "RAY_USAGE_STATS_ENABLED": "0",
    # How often, and how long each time, what listens at the address of a cluster is asked whether it is one.
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_py_gcs_connect_timeout_s": "5",
}
"""Settings of Ray in this process, where the user has none."""
_CALLS = 4
"""At once to an actor: a job, how far it is, and the word to stop."""


class Cluster:
    """A backend: the cluster at an address. Ray is imported, and the cluster joined, when it is entered."""

    def __init__(self, wanted: ClusterOptions) -> None:
        self._wanted = wanted
        self._joined = False
        self._printer: Callable[..., None] | None = None
        self._ray: Any = None

    @property
    def room(self) -> int:
        """Workers for which there are cores and GPUs. Raises OptionError where there is not one."""
        found = self._ray.cluster_resources()
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
        """So many actors; those for which there is no room yet wait for it."""
        actor = self._ray.remote(
            num_cpus=self._wanted.worker_cpus, num_gpus=self._wanted.worker_gpus, max_concurrency=_CALLS
        )(Actor)
        threads = max(int(self._wanted.worker_cpus), 1)
        return [There(self._ray, lambda: actor.remote(threads, str(Path.cwd()))) for _ in range(count)]

    def __enter__(self) -> Self:
        if find_spec("ray") is None:
            raise EngineError(f"a cluster needs a package; {install('cluster')}")
        address = str(self._wanted.cluster)
        where = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
        _reach(where)
        for name, value in _OF_RAY.items():  # Before the import, which reads them.
            os.environ.setdefault(name, value)
        import ray

        self._ray = ray
        if not ray.is_initialized():
            self._join(where)
            # Ray prints what it notices in the cluster, such as the end of a machine, on stdout, among the results; it
            # has no setting against that.
            self._printer, ray._private.worker.print_to_stdstream = ray._private.worker.print_to_stdstream, _say_nothing
        return self

    def _join(self, address: str) -> None:
        try:
            with _own_signals(), _quiet():
                # What its machines print, and what it says itself, is in its logs.
                self._ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
        except ConnectionError as error:
            raise EngineError(
                f"{address}: no cluster was found; start one (ray start --head), or give its address"
            ) from error
        except (RuntimeError, ValueError, OSError, self._ray.exceptions.RayError) as error:
            raise EngineError(
                f"{address}: the cluster cannot be joined ({told(error)}); run this on one of its machines"
            ) from error
        self._joined = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._joined:
            self._ray.shutdown()
        if self._printer is not None:
            self._ray._private.worker.print_to_stdstream = self._printer


class Actor:
    """On a machine of the cluster: minds a process that does jobs."""

    def __init__(self, threads: int, folder: str) -> None:
        """`folder`: where the batch was begun, from which relative paths start."""
        self._frames = 0
        self._folder = folder
        self._is_there = Path(folder).is_dir()
        if self._is_there:
            os.chdir(folder)
        self._worker = Here(threads)

    def begun(self) -> str:
        """The name of its machine."""
        return socket.gethostname()

    def do(self, task: Task) -> Result | OpenPortraitError:
        """Have a job done; the error that it ended with is given back too."""
        self._frames = 0
        try:
            if not self._is_there and not all(map(_is_absolute, (*task.inputs, Path(task.place.folder)))):
                raise MediaError(
                    f"{task.job.said}: {self._folder} is not on {socket.gethostname()}, which is to do the job; share "
                    "the folder, or give URLs"
                )
            return self._worker.do_task(task, self._tell)
        except OpenPortraitError as error:
            return error

    def _tell(self, frames: int) -> None:
        self._frames = frames

    def frames(self) -> int:
        """Rendered so far of the job under way."""
        return self._frames

    def stop(self) -> None:
        """Whatever it does is to end soon."""
        self._worker.tell_to_stop()

    def end(self) -> None:
        """Wait until its process has ended."""
        self._worker.end()


class There:
    """A worker on the cluster as the batch sees it. An actor that is gone is replaced where there is room."""

    def __init__(self, ray: Any, make: Callable[[], Any]) -> None:
        self._ray = ray
        self._make = make
        self._turn = threading.Lock()
        self._stopped = 0.0
        """When it was told to stop."""
        self._actor: Any = None
        self._begun: Any = None
        self._is_ready = False

    def ready(self, seconds: float) -> bool:
        """Whether its actor runs; waits so long for it. Raises EngineError where it can never begin."""
        with self._turn:
            if self._stopped:
                return False
            if self._actor is None:
                self._actor = self._make()
                self._begun = self._actor.begun.remote()
        if not self._is_ready and self._ray.wait([self._begun], timeout=seconds)[0]:
            try:
                self._ray.get(self._begun)
            except self._ray.exceptions.RayActorError as error:
                if "ImportError" in str(error) or "ModuleNotFoundError" in str(error):
                    raise EngineError(
                        f"a machine of the cluster cannot load this package ({_last_line(error)}); install it there"
                    ) from error
                self._dismiss()
            except self._ray.exceptions.RayError as error:
                raise EngineError(f"the cluster cannot start a worker ({_last_line(error)}); see its logs") from error
            else:
                self._is_ready = True
        return self._is_ready

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        """Have a job done. Raises the error that it ended with, or Lost where its actor is gone."""
        try:
            answer = self._answer(task, tell)
        except self._ray.exceptions.RayError as error:
            self._dismiss()
            raise Lost(
                f"{task.job.source}: its worker on the cluster was lost each time ({_last_line(error)}); "
                "see whether its machines have enough memory"
            ) from error
        if isinstance(answer, OpenPortraitError):
            raise answer
        return answer

    def _answer(self, task: Task, tell: Callable[[int], None]) -> Result | OpenPortraitError:
        given = self._actor.do.remote(task)
        while not self._ray.wait([given], timeout=_TOLD_SECONDS)[0]:
            if self._stopped and time.monotonic() > self._stopped + _STOPPING_SECONDS:
                raise Lost(f"{task.job.source}: its worker does not answer")
            with suppress(self._ray.exceptions.GetTimeoutError):
                tell(self._ray.get(self._actor.frames.remote(), timeout=_TOLD_SECONDS))
        answer: Result | OpenPortraitError = self._ray.get(given)
        return answer

    def tell_to_stop(self) -> None:
        """Whatever it does is to end soon, and nothing begins any more."""
        with self._turn:
            self._stopped = time.monotonic()
            if self._is_ready:
                self._actor.stop.remote()

    def end(self) -> None:
        """Wait until its process has ended, and give its room back."""
        with self._turn:
            self._stopped = self._stopped or time.monotonic()
        if self._is_ready:
            with suppress(self._ray.exceptions.RayError):
                self._ray.get(self._actor.end.remote(), timeout=_STOPPING_SECONDS)
        self._dismiss()

    def _dismiss(self) -> None:
        with self._turn:
            actor, self._actor, self._is_ready = self._actor, None, False
        if actor is not None:
            self._ray.kill(actor)


def _say_nothing(*_: object, **__: object) -> None: ...


def _reach(address: str) -> None:
    """Raises EngineError where nothing listens at an address: Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise EngineError(f"{address}: no cluster answers ({told(error)}); check the address") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray tells of each try to reach a cluster, from outside of Python; what comes of it is said in one line here."""
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
    """Ray answers SIGTERM in its own way once it is joined; this process goes on to answer as it did."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _is_absolute(path: Path) -> bool:
    return path.is_absolute() or url_of(path) is not None


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
