"""The workers of one job: processes that render its segments, each minded by a thread of this one."""

from __future__ import annotations

import pickle
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from openportrait.errors import Cancelled, EngineError
from openportrait.options import Options
from openportrait.pipeline.flow import ahead
from openportrait.pipeline.orders import Begin, Order, Rendered, Stop
from openportrait.pipeline.render import Rendering
from openportrait.pipeline.segments import Part, Segment, Setting, spans
from openportrait.processes import cores, ending, start

_POLL_SECONDS = 0.1


class Crew:
    """A context manager: when it is left, the processes have ended."""

    def __init__(self, workers: int) -> None:
        """Begins so many processes; they load what they need while the caller goes on."""
        self._hands = [_Hand() for _ in range(workers)]
        self._answers: SimpleQueue[Rendered | Part | BaseException | None] = SimpleQueue()
        self._turn = threading.Lock()
        self._is_stopped = False

    @classmethod
    def of(cls, frames: int, options: Options, stack: ExitStack) -> Crew | None:
        """As many as the options allow and a result of so many frames keeps busy, ended by `stack`.

        None where this process does it by itself.
        """
        workers = min(options.run.workers or cores(), len(spans(frames)))
        return stack.enter_context(cls(workers)) if workers > 1 else None

    def parts(self, job: Rendering, setting: Setting, folder: Path) -> Generator[Part, None, None]:
        """The segments of a job, rendered and encoded into `folder`, in their order.

        When the caller wants to stop, what is under way ends early and is handed out as far as it joins on, where that
        is to be kept. Raises EngineError where a process ended, and Cancelled.
        """
        begin = Begin(setting, job.is_looked_at)
        segments = (Segment.of(job, number, span) for number, span in enumerate(spans(job.frames)))
        with closing(ahead(segments, depth=len(self._hands))) as ready:
            threads = [
                threading.Thread(target=self._mind, args=(hand, begin, folder, ready), daemon=True)
                for hand in self._hands
            ]
            for thread in threads:
                thread.start()
            waiting = _InOrder()
            try:
                yield from self._arriving(waiting, job)
            except Cancelled:
                if job.options.output.keep_partial:
                    self._stop()
                    yield from self._arriving(waiting, None)
                raise
            finally:
                self.kill()
                for thread in threads:
                    thread.join()

    def _arriving(self, waiting: _InOrder, job: Rendering | None) -> Iterator[Part]:
        """Parts in their order, until all hands are idle. `job`: whom progress is told, and who may raise Cancelled."""
        while waiting.idle < len(self._hands):
            if job is not None:
                job.check()
            with suppress(Empty):
                answer = self._answers.get(timeout=_POLL_SECONDS)
                if isinstance(answer, BaseException):
                    raise answer
                if isinstance(answer, Rendered):
                    waiting.rendered += 1
                    if job is not None:
                        job.tell(waiting.rendered, answer.image)
                elif answer is None:
                    waiting.idle += 1
                else:
                    waiting.parts[answer.number] = answer
            yield from waiting.taken()

    def _mind(self, hand: _Hand, begin: Begin, folder: Path, ready: Iterator[Segment]) -> None:
        try:
            hand.send(begin)
            while (segment := self._next(ready)) is not None:
                hand.send(Order(segment, folder))
                while isinstance(answer := hand.answer(), Rendered):
                    self._answers.put(answer)
                self._answers.put(answer)
            self._answers.put(None)
        except EngineError as error:
            self._answers.put(EngineError(f"{begin.setting.result}: {error}"))
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._answers.put(error)

    def _next(self, ready: Iterator[Segment]) -> Segment | None:
        with self._turn:
            return None if self._is_stopped else next(ready, None)

    def _stop(self) -> None:
        with self._turn:
            self._is_stopped = True
        for hand in self._hands:
            hand.send(Stop())

    def kill(self) -> None:
        """End the processes now. May be called at any time, also where a signal is answered."""
        self._is_stopped = True
        for hand in self._hands:
            hand.process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for hand in self._hands:
            hand.close()


class _InOrder:
    """Parts that came before their turn."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        self.rendered = self.idle = self._next = 0

    def taken(self) -> Iterator[Part]:
        """Those whose turn it is."""
        while self._next in self.parts:
            self._next += 1
            yield self.parts.pop(self._next - 1)


class _Hand:
    """One process."""

    def __init__(self) -> None:
        # What it says besides its answers: looked at where it crashed.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
        self._turn = threading.Lock()
        self.process: subprocess.Popen[bytes] = start("openportrait.pipeline.worker", 1, self._words)

    def send(self, item: Begin | Order | Stop) -> None:
        """Tell it what to do; one that has ended is not told."""
        assert self.process.stdin is not None, "it has pipes"
        with self._turn, suppress(BrokenPipeError):
            pickle.dump(item, self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()

    def answer(self) -> Rendered | Part:
        """Its next answer. Raises EngineError where it ended."""
        assert self.process.stdout is not None, "it has pipes"
        try:
            found: Any = pickle.load(self.process.stdout)  # noqa: S301 - from a process of this one
        except (EOFError, pickle.UnpicklingError) as error:
            raise EngineError(ending(self.process, self._words)) from error
        assert isinstance(found, Rendered | Part), "it answers so"
        return found

    def close(self) -> None:
        """Wait for its end; it was killed, or is about to end."""
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                assert pipe is not None, "it has pipes"
                pipe.close()
        self._words.close()
