"""The records of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

State = Literal["queued", "running", "done", "failed"]
Kind = Literal["animate", "template"]
MODULE = "openportrait.serve.worker"
"""What a process that works for the service runs."""
Tell = Callable[[Mapping[str, Any]], None]
"""Called with how far a job is: `stage`, `done` and `total`, as in `openportrait.records.Progress`."""


class Refused(Exception):
    """A request is refused."""

    def __init__(self, status: int, line: str, retry_seconds: int | None = None) -> None:
        """`status`: of HTTP. `line`: one sentence. `retry_seconds`: when it may be tried again."""
        super().__init__(line)
        self.status, self.line, self.retry_seconds = status, line, retry_seconds


class Hand(Protocol):
    """Does the work, one job at a time: `openportrait.batches.processes.Worker`, or another machine's."""

    def ready(self, seconds: float) -> bool:
        """Whether it can take a job now; waits for it up to that long. Raises EngineError where it never will."""
        ...

    def ask(self, job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Have a job done, and give its answer. Raises one of `openportrait.errors`."""
        ...

    def interrupt(self) -> None:
        """Tell its work to end soon, with an error; said a second time: to end now."""
        ...

    def tell_to_stop(self) -> None:
        """As `interrupt`, and take no more work."""
        ...

    def end(self) -> None:
        """Wait until it has ended."""
        ...


@dataclass(frozen=True)
class Job:
    """One job as it is kept."""

    id: str
    owner: str
    """The owner: a mark of the token."""
    kind: Kind
    state: State
    request: Mapping[str, Any]
    """What a worker is asked for; its files by their names in the job's folder."""
    attempts: int
    """How often it was begun, without the times when the service itself was ended."""
    result: Mapping[str, Any] | None
    """The result; its files by their names in the job's folder."""
    error: str | None
    created: float
    """Seconds since 1970, as the others."""
    started: float | None
    ended: float | None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Moment:
    """How far a running job is."""

    stage: str
    done: int
    total: int | None
    seconds_left: float | None
    """Of the stage; None where that cannot be told yet."""
