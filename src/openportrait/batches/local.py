"""Jobs done by worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from openportrait.batches.places import Task
from openportrait.batches.processes import Worker
from openportrait.batches.staging import staged
from openportrait.processes import cores
from openportrait.records import Result


class Processes:
    """A backend of this machine's cores."""

    def __init__(self, workers: int | None = None) -> None:
        """`workers`: None for one a core."""
        self._workers = workers

    @property
    def room(self) -> int:
        """Workers that were asked for, or one a core."""
        return self._workers or cores()

    def hire(self, count: int) -> list[Here]:
        """So many processes, which share the cores."""
        return [Here(max(cores() // count, 1)) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held between batches."""


class Here(Worker):
    """A process of this machine; the files of a job are fetched to this machine."""

    def __init__(self, threads: int, spread: Mapping[str, Any] | None = None) -> None:
        """`spread`: the cluster whose machines also render segments of its jobs, as `worker.animated` takes it."""
        super().__init__(threads)
        self._spread = spread

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        """Have a job done, with its files fetched before and delivered after."""
        return staged(task, lambda job: self.do({**job, "spread": self._spread}, tell))
