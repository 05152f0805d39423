"""The seam between the jobs of a batch and where they are done: worker processes of this machine, or actors of a
cluster.

`run.py` uses only this seam; `local.py` and `cluster.py` are behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from openportrait.batches.places import Task
from openportrait.options import ClusterOptions
from openportrait.records import Result


class Worker(Protocol):
    """Does one job after the other. `ready`, `do_task` and `end` are called by one thread, `tell_to_stop` by any."""

    def ready(self, seconds: float) -> bool:
        """Whether it can take a job now; waits for it up to that long. Raises EngineError where it never will."""
        ...

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        """Have a job done. `tell` is called with the number of frames rendered so far.

        Raises the error that it ended with, EngineError where the process that did it crashed, and Lost.
        """
        ...

    def tell_to_stop(self) -> None:
        """Tell its work to end soon, and take no more."""
        ...

    def end(self) -> None:
        """Wait until it has ended: at once where it has nothing to do, or was told to stop."""
        ...


class Backend(Protocol):
    """Where jobs are done. A context manager: entered before anything is asked of it."""

    @property
    def room(self) -> int:
        """How many workers were asked for, or it has room for."""
        ...

    def hire(self, count: int) -> Sequence[Worker]:
        """That many workers, at most `room`; each starts with its first job, or before.

        Where they are fewer, each has a share of the room for the segments of its jobs.
        """
        ...

    def __enter__(self) -> Self:
        """Raises EngineError where it cannot be reached."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def backend_of(wanted: ClusterOptions, workers: int | None) -> Backend:
    """The one that is asked for; nothing is begun yet. `workers`: None for as many as there is room for."""
    if wanted.cluster is None:
        from openportrait.batches.local import Processes

        return Processes(workers)
    from openportrait.batches.cluster import Cluster

    return Cluster(wanted, workers)
