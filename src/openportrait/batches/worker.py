"""A process that does the jobs of a batch, one at a time: `python -m openportrait.batches.worker`.

Jobs come as lines of JSON on stdin, answers go as lines of JSON to what was stdout. It ends where stdin does, which it
also does when the process that started this one is killed: then a job under way is left as on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from openportrait import leaving
from openportrait.drivings import Driving
from openportrait.errors import Cancelled, OpenPortraitError
from openportrait.files import told
from openportrait.options import EngineOptions, Options

if TYPE_CHECKING:
    from openportrait.batches.shelf import Shelf
    from openportrait.records import Progress, Result

_TOLD_SECONDS = 0.2
"""Between two words about how far a job is."""
_LEAVING_SECONDS = 5.0
"""A job that was asked to stop has so long for it, each of two times."""


def request(source: Path, drivings: tuple[Driving, ...], output: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """A job as it is sent."""
    fields = ("region", "face", "driving_face", "neutral_frame", "offset_seconds", "end")
    return {
        "source": str(source),
        "drivings": [{"file": str(one.path), **{name: getattr(one, name) for name in fields}} for one in drivings],
        "output": str(output),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
    }


def main() -> None:
    """Do jobs until there are no more."""
    leaving.answer_signals()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # Whatever a library prints is no answer.

    def answer(**words: object) -> None:
        answers.write(f"{json.dumps(words)}\n")
        answers.flush()

    import cv2

    cv2.setNumThreads(1)
    worker = _Worker(answer)
    jobs: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, worker), daemon=True).start()
    # The first signal is left to the job, however many were finished before it.
    with leaving.orderly():
        while (job := jobs.get()) is not None and not leaving.asked():
            worker.do(job)


def _listen(jobs: SimpleQueue[dict[str, Any] | None], worker: _Worker) -> None:
    for line in sys.stdin.buffer:
        jobs.put(json.loads(line))
    jobs.put(None)
    # Nobody waits for what is under way.
    for _ in range(2):
        if worker.busy:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_LEAVING_SECONDS)
    if worker.busy:
        os._exit(1)


class _Worker:
    """What stays between jobs: the last one's engine, and what was analysed with it."""

    def __init__(self, answer: Callable[..., None]) -> None:
        self.busy = False
        self._answer = answer
        self._shelf: tuple[EngineOptions, Shelf] | None = None

    def do(self, job: dict[str, Any]) -> None:
        """One job, and its answer."""
        self.busy = True
        try:
            result = self._made(job)
        except Cancelled:
            sys.exit(leaving.code())
        except OpenPortraitError as error:
            self._answer(error=str(error), kind=type(error).__name__)
        except MemoryError:
            self._answer(error=f"{job['source']}: not enough memory; lower --workers, --max-size or --max-crop")
        except Exception as error:  # noqa: BLE001 - it ends this job and no other
            self._answer(
                error=f"{job['source']}: {type(error).__name__}: {told(error)}; this is a fault of the program"
            )
        else:
            self._answer(result=result.as_dict())
        finally:
            self.busy = False

    def _made(self, job: dict[str, Any]) -> Result:
        from openportrait.pipeline import animate
        from openportrait.pipeline.flow import Watch

        began = time.monotonic()
        options = Options.of(**job["options"])
        shelf, watch = self._shelf_of(options.engine), Watch(cancel=leaving.asked)
        drivings = [Driving(**one) for one in job["drivings"]]
        source = shelf.source(Path(job["source"]), drivings, options, watch)
        result = animate(
            source,
            [shelf.driving(one, options, watch) for one in drivings],
            job["output"],
            progress=_Paced(self._answer).tell,
            cancel=leaving.asked,
            tools=shelf.tools,
            **job["options"],
        )
        return replace(result, seconds=time.monotonic() - began)

    def _shelf_of(self, wanted: EngineOptions) -> Shelf:
        from openportrait.batches.shelf import Shelf
        from openportrait.pipeline import Tools

        if self._shelf is None or self._shelf[0] != wanted:
            self._shelf = None  # Two engines need not fit into memory.
            self._shelf = wanted, Shelf(Tools.load(wanted))
        return self._shelf[1]


class _Paced:
    """Tells how many frames are rendered, now and then."""

    def __init__(self, answer: Callable[..., None]) -> None:
        self._answer = answer
        self._next = 0.0

    def tell(self, now: Progress) -> None:
        """Called after each frame."""
        if now.stage == "render" and (time.monotonic() >= self._next or now.done == now.total):
            self._next = time.monotonic() + _TOLD_SECONDS
            self._answer(frames=now.done)


if __name__ == "__main__":
    main()
