"""Runs a batch: each worker has a thread that gives it one job after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from openportrait.batches.backends import Backend, Worker
from openportrait.batches.ledger import Ledger
from openportrait.batches.places import Task, identity
from openportrait.batches.records import BatchProgress, Outcome
from openportrait.errors import Cancelled, NoFaceError, OpenPortraitError, OptionError, TemplateError
from openportrait.pipeline.crew import Lost
from openportrait.pipeline.flow import CancelCheck

FINAL = (OptionError, NoFaceError, TemplateError)
"""Errors for which a second attempt is of no use."""
MOST_LOST = 5
"""How often a job is begun again elsewhere after its machine was lost: a job that makes every machine crash must
end."""
_POLL_SECONDS = 0.1
"""Between two looks at what runs."""


def run(
    tasks: Sequence[Task],
    ledger: Ledger,
    backend: Backend,
    *,
    retries: int,
    progress: Callable[[BatchProgress], None] | None = None,
    cancel: CancelCheck | None = None,
) -> Iterator[Outcome]:
    """The outcome of each job as it ends; first those that an earlier run finished. Raises Cancelled."""
    turns: list[_Turn] = []
    for task in tasks:
        if cancel is not None and cancel():
            raise Cancelled("stopped; nothing was begun")
        try:
            known = identity(task)
            result = ledger.result(task, known)
        except OpenPortraitError as error:
            yield Outcome(task.job, None, error, 1)
            continue
        if result is not None:
            yield Outcome(task.job, result, None, 0)
        else:
            turns.append(_Turn(task, known))
    if turns:
        with _Crew(turns, ledger, backend.hire(min(backend.room, len(turns))), retries) as crew:
            yield from crew.outcomes(progress, cancel)


@dataclass(frozen=True)
class _Turn:
    """A job that is to be done."""

    task: Task
    identity: str
    attempt: int = 1
    lost: int = 0
    """How often its machine was lost while it was done."""


class _Crew:
    """The threads and their workers. A context manager: when it is left, all of them have ended."""

    def __init__(self, turns: Sequence[_Turn], ledger: Ledger, workers: Sequence[Worker], retries: int) -> None:
        self._total = len(turns)
        self._ledger = ledger
        self._retries = retries
        self._waiting: SimpleQueue[_Turn] = SimpleQueue()
        for turn in turns:
            self._waiting.put(turn)
        self._ended: SimpleQueue[Outcome | BaseException] = SimpleQueue()
        self._frames = [0] * len(workers)
        """Rendered by each worker."""
        self._stopped = threading.Event()
        self._workers = workers
        self._threads = [
            threading.Thread(target=self._mind, args=(place,), daemon=True) for place in range(len(workers))
        ]

    def outcomes(
        self, progress: Callable[[BatchProgress], None] | None, cancel: CancelCheck | None
    ) -> Iterator[Outcome]:
        """Each job as it ends."""
        done = failed = 0
        while done < self._total:
            if progress is not None:
                progress(BatchProgress(done, failed, self._total, sum(self._frames)))
            if cancel is not None and cancel():
                raise Cancelled(f"stopped; {done} of {self._total} jobs are done, the same command does the others")
            try:
                ended = self._ended.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(ended, BaseException):
                raise ended
            done, failed = done + 1, failed + (ended.error is not None)
            yield ended

    def _mind(self, place: int) -> None:
        worker = self._workers[place]
        try:
            while not self._stopped.is_set():
                # Until all jobs have ended: one that failed elsewhere may be tried again.
                if worker.ready(_POLL_SECONDS):
                    self._take(place)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._ended.put(error)
        finally:
            worker.end()

    def _take(self, place: int) -> None:
        """One attempt at the next job, if there is one."""
        try:
            turn = self._waiting.get(timeout=_POLL_SECONDS)
        except Empty:
            return
        before = self._frames[place]

        def tell(frames: int) -> None:
            self._frames[place] = before + frames

        self._ledger.begin(turn.task, turn.identity)
        try:
            result = self._workers[place].do_task(turn.task, tell)
        except OpenPortraitError as error:
            tell(0)
            if self._stopped.is_set():
                return
            if self._comes_back(turn, error):
                return
            outcome = Outcome(turn.task.job, None, error, turn.attempt)
        else:
            tell(result.frames)
            outcome = Outcome(turn.task.job, result, None, turn.attempt)
        self._ledger.end(turn.task, turn.identity, outcome)
        self._ended.put(outcome)

    def _comes_back(self, turn: _Turn, error: OpenPortraitError) -> bool:
        """Let the job be tried again where that may help."""
        if isinstance(error, Lost) and turn.lost < MOST_LOST:
            self._waiting.put(replace(turn, lost=turn.lost + 1))
        elif not isinstance(error, (Lost, *FINAL)) and turn.attempt <= self._retries:
            self._waiting.put(replace(turn, attempt=turn.attempt + 1))
        else:
            return False
        return True

    def __enter__(self) -> _Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopped.set()
        if kind is not None:
            for worker in self._workers:
                worker.tell_to_stop()
        for thread in self._threads:
            thread.join()
