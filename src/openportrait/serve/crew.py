"""The hands that do jobs. Each has a thread that takes one job after the other, and ends work that takes too long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from openportrait.batches.run import FINAL
from openportrait.errors import OpenPortraitError
from openportrait.serve.records import Hand, Job, Moment, State
from openportrait.serve.store import Store

GRACE_SECONDS = 5.0
"""Work that was told to end has this long to end in order."""


class Deadline:
    """A context manager around a request to a hand: after so many seconds the hand is told to end, again and again
    until it does.

    When the context is left, the hand is free for others.
    """

    def __init__(self, hand: Hand, seconds: float) -> None:
        self.is_over = False
        """Whether the time was not enough."""
        self._hand: Hand | None = hand
        self._turn = threading.Lock()
        self._timer = self._timer_of(seconds)

    def _timer_of(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        return timer

    def _end(self) -> None:
        with self._turn:
            if self._hand is not None:
                self.is_over = True
                self._hand.interrupt()
                self._timer = self._timer_of(GRACE_SECONDS)
                self._timer.start()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._hand = None
            self._timer.cancel()


_PAUSE_SECONDS = 1.0
"""Wait after a failure of the store, whose disk may be full; and the longest wait between two looks for a hand or a
job."""
_MINUTE_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Work(Protocol):
    """What the crew must know about jobs: how they are asked for, and what is kept of them."""

    def wanted(self, job: Job) -> Mapping[str, Any]:
        """The request to a hand."""
        ...

    def kept(self, job: Job, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a hand's answer that is kept."""
        ...

    def said(self, job: Job, error: OpenPortraitError) -> str:
        """The part of an error that is kept."""
        ...

    def ended(self, job: Job, state: State, seconds: float) -> None:
        """Called after the store knows that a job ended, with the seconds it took."""
        ...

    def dropped(self, job: Job) -> None:
        """The job was removed while it ran."""
        ...


class TooLong(OpenPortraitError):
    """A job took longer than it may."""


class Crew:
    """Does the jobs of a store."""

    def __init__(
        self,
        store: Store,
        hands: Sequence[Hand],
        work: Work,
        retries: int,
        job_minutes: float,
    ) -> None:
        """`retries`: how often a job that failed is begun again. `job_minutes`: one that takes longer fails."""
        self._store, self._hands, self._work = store, hands, work
        self._retries, self._job_minutes = retries, job_minutes
        self._turn = threading.Condition()
        self._running: dict[str, Hand] = {}
        self._paces: dict[str, _Pace] = {}
        self._draining = self._stopped = False
        self._threads = [threading.Thread(target=self._mind, args=(hand,), daemon=True) for hand in hands]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Tell the threads that a job waits."""
        with self._turn:
            self._turn.notify()

    def moment(self, name: str) -> Moment | None:
        """The progress of a job; None where it does not run, or has not told anything yet."""
        pace = self._paces.get(name)
        return pace.moment() if pace is not None else None

    def cancel(self, name: str) -> bool:
        """End a job that was removed from the store. False where it does not run."""
        with self._turn:
            hand = self._running.get(name)
            if hand is not None:
                hand.interrupt()
            return hand is not None

    def drain(self, seconds: float) -> None:
        """Begin no more jobs, wait so long for those that run, and give back to the store those that did not end."""
        end = time.monotonic() + seconds
        with self._turn:
            self._draining = True
            self._turn.notify_all()
            while self._running and time.monotonic() < end:
                self._turn.wait(min(end - time.monotonic(), _PAUSE_SECONDS))
            self._stopped = True
        for hand in self._hands:
            hand.tell_to_stop()
        for thread in self._threads:
            thread.join()
        for hand in self._hands:
            hand.end()

    def _mind(self, hand: Hand) -> None:
        while not self._draining:
            try:
                job = self._store.take() if hand.ready(_PAUSE_SECONDS) else None
            except OpenPortraitError as error:
                _log.error("%s", error)
                time.sleep(_PAUSE_SECONDS)
                continue
            if job is not None:
                self._do(job, hand)
                continue
            with self._turn:
                if not self._draining:
                    self._turn.wait(_PAUSE_SECONDS)

    def _do(self, job: Job, hand: Hand) -> None:
        began = time.monotonic()
        with self._turn:
            self._running[job.id] = hand
            self._paces[job.id] = pace = _Pace()
        result: Mapping[str, Any] | None = None
        error: OpenPortraitError | None = None
        deadline = Deadline(hand, self._job_minutes * _MINUTE_SECONDS)
        try:
            with deadline:
                result = self._work.kept(job, hand.ask(self._work.wanted(job), pace.tell))
        except OpenPortraitError as failure:
            error = failure
            if deadline.is_over:
                error = TooLong(
                    f"this took longer than {self._job_minutes:g} minutes, the most that a job may; give a shorter "
                    "clip or a smaller picture"
                )
        except Exception as failure:  # noqa: BLE001 - it ends this job and no other
            error = OpenPortraitError(f"{type(failure).__name__}: this is a fault of the program")
            _log.exception("job %s", job.id)
        try:
            self._settle(job, result, error, time.monotonic() - began)
        finally:
            with self._turn:
                del self._running[job.id], self._paces[job.id]
                self._turn.notify_all()

    def _settle(
        self, job: Job, result: Mapping[str, Any] | None, error: OpenPortraitError | None, seconds: float
    ) -> None:
        """Keep the result of a job; try until the store takes it, or the service ends."""
        again = error is not None and not isinstance(error, (TooLong, *FINAL)) and job.attempts <= self._retries
        while True:
            try:
                if error is not None and (self._stopped or again):
                    known = self._store.give_back(job.id, counts=not self._stopped)
                else:
                    known = self._store.end(job.id, result, None if error is None else self._work.said(job, error))
                    if known:
                        self._work.ended(job, "done" if error is None else "failed", seconds)
                if not known:
                    self._work.dropped(job)
                return
            except OpenPortraitError as failure:
                _log.error("%s", failure)
                if self._stopped:
                    return
                time.sleep(_PAUSE_SECONDS)


class _Pace:
    """How fast a job goes on."""

    def __init__(self) -> None:
        self._now: tuple[str, int, int | None] | None = None
        self._stage, self._since = "", 0.0

    def tell(self, now: Mapping[str, Any]) -> None:
        """Called with each word of a worker."""
        if now["stage"] != self._stage:
            self._stage, self._since = now["stage"], time.monotonic()
        self._now = now["stage"], now["done"], now["total"]

    def moment(self) -> Moment | None:
        """The progress now."""
        if self._now is None:
            return None
        stage, done, total = self._now
        spent = time.monotonic() - self._since
        left = spent / done * (total - done) if total is not None and done > 1 else None
        return Moment(stage, done, total, left)
