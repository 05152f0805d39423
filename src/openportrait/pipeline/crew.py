"""The workers of one job: hands that render its segments, each minded by a thread of this process.

Here a hand is a process of this machine; others may give hands of other machines (`Hire`).
"""

from __future__ import annotations

import pickle
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self

from openportrait.errors import Cancelled, EngineError
from openportrait.options import Options
from openportrait.pipeline.flow import ahead
from openportrait.pipeline.render import Rendering
from openportrait.pipeline.segments import Begin, Order, Part, Rendered, Segment, Setting, Stop, files_of, spans
from openportrait.processes import cores, ending, start

_POLL_SECONDS = 0.1
"""Between two looks at whether the job was stopped."""


class Lost(EngineError):
    """The machine or process that did the work is gone. The work itself may be all right."""


class Hand(Protocol):
    """Renders segments, one at a time. `stop` and `kill` are called by any thread, the rest by one."""

    def begin(self, begin: Begin) -> None:
        """Tell what job the next segments belong to."""
        ...

    def ready(self, seconds: float) -> bool:
        """Whether it can take a segment now; waits for it up to that long. Raises EngineError where it never will."""
        ...

    def render(self, order: Order) -> Iterator[Rendered | Part]:
        """Yield a `Rendered` for each picture, and then the part. Raises EngineError where the process ended, and
        Lost."""
        ...

    def stop(self) -> None:
        """End the segment under way early."""
        ...

    def kill(self) -> None:
        """End it now. May be called at any time, also where a signal is answered."""
        ...

    def close(self) -> None:
        """Wait until it has ended. Call it after `kill`, or when it is about to end."""
        ...


Hire = Callable[[int], Sequence[Hand]]
"""Gives hands for that many segments, at most one for each; none where this process renders by itself."""


def processes(options: Options) -> Hire:
    """Hands of this machine, as many as the options allow."""

    def hire(segments: int) -> Sequence[Hand]:
        workers = min(options.run.workers or cores(), segments)
        return [Process() for _ in range(workers)] if workers > 1 else []

    return hire


class Crew:
    """A context manager: when it is left, the hands have ended."""

    def __init__(self, hire: Hire) -> None:
        """No hand is begun yet."""
        self._hire = hire
        self._hands: Sequence[Hand] = ()
        self._answers: SimpleQueue[Rendered | Part | BaseException | None] = SimpleQueue()
        self._waiting: _Waiting | None = None

    def gather(self, frames: int) -> bool:
        """Begin as many hands as a result of so many frames keeps busy, unless there are some already.

        They load what they need while the caller goes on. False where there are none: this process does it by itself.
        """
        self._hands = self._hands or self._hire(len(spans(frames)))
        return bool(self._hands)

    def parts(self, job: Rendering, setting: Setting, folder: Path) -> Generator[Part, None, None]:
        """The segments of a job, rendered and encoded into `folder`, in their order.

        When the caller wants to stop, what is under way ends early and is handed out as far as it joins on, where that
        is to be kept. Raises EngineError where a process ended, and Cancelled.
        """
        begin = Begin(setting, job.is_looked_at, files_of(job))
        segments = (Segment.of(job, number, span) for number, span in enumerate(spans(job.frames)))
        with closing(ahead(segments, depth=len(self._hands))) as ready:
            self._waiting = _Waiting(ready)
            threads = [
                threading.Thread(target=self._mind, args=(hand, begin, folder, self._waiting), daemon=True)
                for hand in self._hands
            ]
            for thread in threads:
                thread.start()
            arrived = _InOrder()
            try:
                yield from self._arriving(arrived, job)
            except Cancelled:
                if job.options.output.keep_partial:
                    self._waiting.stop()
                    for hand in self._hands:
                        hand.stop()
                    yield from self._arriving(arrived, None)
                raise
            finally:
                self.kill()
                for thread in threads:
                    thread.join()

    def _arriving(self, arrived: _InOrder, job: Rendering | None) -> Iterator[Part]:
        """Parts in their order, until all hands are idle. `job` is told the progress, and may raise Cancelled."""
        while arrived.idle < len(self._hands):
            if job is not None:
                job.check()
            with suppress(Empty):
                answer = self._answers.get(timeout=_POLL_SECONDS)
                if isinstance(answer, BaseException):
                    raise answer
                if isinstance(answer, Rendered):
                    arrived.rendered += 1
                    if job is not None:
                        job.tell(arrived.rendered, answer.image)
                elif answer is None:
                    arrived.idle += 1
                else:
                    arrived.parts[answer.number] = answer
            yield from arrived.taken()

    def _mind(self, hand: Hand, begin: Begin, folder: Path, waiting: _Waiting) -> None:
        try:
            hand.begin(begin)
            while not waiting.over:
                if hand.ready(_POLL_SECONDS) and (segment := waiting.next(_POLL_SECONDS)) is not None:
                    self._have_rendered(hand, Order(segment, folder), waiting)
            self._answers.put(None)
        except EngineError as error:
            self._answers.put(EngineError(f"{begin.setting.result}: {error}"))
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._answers.put(error)

    def _have_rendered(self, hand: Hand, order: Order, waiting: _Waiting) -> None:
        try:
            for answer in hand.render(order):
                self._answers.put(answer)
        except Lost:
            waiting.put_back(order.segment)
        else:
            waiting.ended()

    def kill(self) -> None:
        """End the hands now. May be called at any time, also where a signal is answered."""
        if self._waiting is not None:
            self._waiting.stop()
        for hand in self._hands:
            hand.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for hand in self._hands:
            hand.close()


class _Waiting:
    """Segments that wait for a hand; those whose hand was lost wait again, before the others."""

    def __init__(self, ready: Iterator[Segment]) -> None:
        self._ready = ready
        self._turn = threading.Condition()
        self._back: list[Segment] = []
        self._under_way = 0
        self._all_given = self._stopped = False

    @property
    def over(self) -> bool:
        """Whether nothing waits any more, and nothing can be put back."""
        return self._stopped or (self._all_given and not self._under_way and not self._back)

    def next(self, seconds: float) -> Segment | None:
        """The next one; None where none waits, after so long at most."""
        with self._turn:
            segment = self._back.pop() if self._back else None if self._all_given else next(self._ready, None)
            if segment is not None:
                self._under_way += 1
            else:
                self._all_given = True
                if not self.over:
                    self._turn.wait(seconds)
            return segment

    def ended(self) -> None:
        """Note that a segment that was given is done."""
        with self._turn:
            self._under_way -= 1
            self._turn.notify_all()

    def put_back(self, segment: Segment) -> None:
        """Let a segment that was given wait again."""
        with self._turn:
            self._under_way -= 1
            self._back.append(segment)
            self._turn.notify_all()

    def stop(self) -> None:
        """Give no more segments. May be called at any time: it waits for nothing."""
        self._stopped = True


class _InOrder:
    """Parts that came before their turn."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        self.rendered = self.idle = self._next = 0

    def taken(self) -> Iterator[Part]:
        """Add a part, and give those whose turn it is."""
        while self._next in self.parts:
            self._next += 1
            yield self.parts.pop(self._next - 1)


class Process:
    """A hand of this machine. It begins at once, and loads what it needs."""

    def __init__(self) -> None:
        # What it prints besides its answers; it is read where the process crashed.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] = start("openportrait.pipeline.worker", 1, self._words)

    def begin(self, begin: Begin) -> None:
        """Tell what job the next segments belong to."""
        self._send(begin)

    def ready(self, seconds: float) -> bool:
        """Always."""
        return True

    def render(self, order: Order) -> Iterator[Rendered | Part]:
        """A `Rendered` for each picture, and the part. Raises EngineError where it ended."""
        self._send(order)
        while isinstance(answer := self._answer(), Rendered):
            yield answer
        yield answer

    def stop(self) -> None:
        """End the segment under way early."""
        self._send(Stop())

    def kill(self) -> None:
        """End it now. May be called at any time, also where a signal is answered."""
        self._process.kill()

    def close(self) -> None:
        """Wait until it has ended. Call it after `kill`, or when it is about to end."""
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                assert pipe is not None, "it has pipes"
                pipe.close()
        self._words.close()

    def _send(self, item: Begin | Order | Stop) -> None:
        """Send an order; nothing is sent to a process that has ended."""
        assert self._process.stdin is not None, "it has pipes"
        with self._turn, suppress(BrokenPipeError):
            pickle.dump(item, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()

    def _answer(self) -> Rendered | Part:
        """Its next answer. Raises EngineError where it ended."""
        assert self._process.stdout is not None, "it has pipes"
        try:
            found: Any = pickle.load(self._process.stdout)  # noqa: S301 - from a process of this one
        except (EOFError, pickle.UnpicklingError) as error:
            raise EngineError(ending(self._process, self._words)) from error
        assert isinstance(found, Rendered | Part), "it answers so"
        return found
