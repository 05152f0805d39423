"""A process that does jobs, one at a time: `python -m openportrait.batches.worker` those of a batch.

Jobs come as lines of JSON on stdin, answers go as lines of JSON to what was stdout. It ends when stdin ends; this
also happens when the process that started it is killed: then a job under way is left as on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from openportrait import leaving
from openportrait.drivings import Driving
from openportrait.errors import Cancelled, OpenPortraitError, known
from openportrait.files import told
from openportrait.options import ClusterOptions, EngineOptions, Options

if TYPE_CHECKING:
    from openportrait.batches.shelf import Shelf
    from openportrait.pipeline.crew import Hire
    from openportrait.records import Progress

ANIMATE = "animate"
_TOLD_SECONDS = 0.2
"""Between two messages about the progress of a job."""
_LEAVING_SECONDS = 5.0
"""Time that a job has to stop; it is asked twice."""


def request(source: Path, drivings: tuple[Driving, ...], output: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request for a job."""
    names = [item.name for item in fields(Driving) if item.name != "file"]
    return {
        "source": str(source),
        "drivings": [{"file": str(one.path), **{name: getattr(one, name) for name in names}} for one in drivings],
        "output": str(output),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
    }


def main(kinds: Mapping[str, Deed] | None = None) -> None:
    """Do jobs until there are no more. `kinds`: what each kind of job does; a job that names none is animated."""
    leaving.answer_signals()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # Text that a library prints must not be taken for an answer.

    def answer(**words: object) -> None:
        answers.write(f"{json.dumps(words)}\n")
        answers.flush()

    import cv2

    cv2.setNumThreads(1)
    bench = Bench(answer, {ANIMATE: animated, **(kinds or {})})
    jobs: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, bench), daemon=True).start()
    # The first signal is left to the job, however many were finished before it.
    with leaving.orderly():
        while (job := jobs.get()) is not None and not leaving.asked():
            bench.do(job)


def _listen(jobs: SimpleQueue[dict[str, Any] | None], bench: Bench) -> None:
    for line in sys.stdin.buffer:
        jobs.put(json.loads(line))
    jobs.put(None)
    # Nobody waits for the job under way.
    for _ in range(2):
        if bench.busy:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_LEAVING_SECONDS)
    if bench.busy:
        os._exit(1)


class Bench:
    """What is kept between jobs: the engine of the last one, and what was analysed with it."""

    def __init__(self, answer: Callable[..., None], kinds: Mapping[str, Deed]) -> None:
        self.busy = False
        self._answer = answer
        self._kinds = kinds
        self._shelf: tuple[EngineOptions, Shelf] | None = None
        self._next = 0.0

    def do(self, job: Mapping[str, Any]) -> None:
        """One job, and its answer."""
        self.busy = True
        self._next = 0.0
        try:
            result = self._kinds[job.get("kind", ANIMATE)](self, job)
        except Cancelled:
            sys.exit(leaving.code())
        except OpenPortraitError as error:
            self._answer(error=str(error), kind=type(known(error)).__name__)
        except MemoryError:
            self._answer(error=f"{job['source']}: not enough memory; lower --workers, --max-size or --max-crop")
        except Exception as error:  # noqa: BLE001 - it ends this job and no other
            self._answer(
                error=f"{job['source']}: {type(error).__name__}: {told(error)}; this is a fault of the program"
            )
        else:
            self._answer(result=result)
        finally:
            self.busy = False

    def shelf(self, wanted: EngineOptions) -> Shelf:
        """The shelf of this engine; the engine is loaded if it is not loaded yet."""
        from openportrait.batches.shelf import Shelf
        from openportrait.pipeline import Tools

        if self._shelf is None or self._shelf[0] != wanted:
            self._shelf = None  # Two engines need not fit into memory.
            self._shelf = wanted, Shelf(Tools.load(wanted))
        return self._shelf[1]

    def tell(self, now: Progress) -> None:
        """Called after each frame; passed on now and then."""
        if time.monotonic() >= self._next or now.done == now.total:
            self._next = time.monotonic() + _TOLD_SECONDS
            self._answer(stage=now.stage, done=now.done, total=now.total)


Deed = Callable[[Bench, Mapping[str, Any]], dict[str, Any]]
"""Does a job: takes the values of the request, and gives those of the answer."""


def animated(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `request` asks for. `spread`: the cluster on which its segments may be rendered too, and by how many
    workers."""
    from openportrait.pipeline import animate
    from openportrait.pipeline.flow import Watch

    began = time.monotonic()
    # The cores are shared out among the processes that do jobs.
    given = {"workers": 1, **job["options"]}
    options = Options.of(**given)
    shelf, watch = bench.shelf(options.engine), Watch(bench.tell, leaving.asked)
    drivings = [Driving(**one) for one in job["drivings"]]
    source = shelf.source(Path(job["source"]), drivings, options, watch)
    with _spread(job.get("spread"), options) as hire:
        result = animate(
            source,
            [shelf.driving(one, options, watch) for one in drivings],
            job["output"],
            progress=bench.tell,
            cancel=leaving.asked,
            tools=shelf.tools,
            hire=hire,
            **given,
        )
    return replace(result, seconds=time.monotonic() - began).as_dict()


def _spread(wanted: Mapping[str, Any] | None, options: Options) -> AbstractContextManager[Hire | None]:
    if not wanted:
        return nullcontext()
    from openportrait.batches.renderers import Spread

    cluster = ClusterOptions(cluster=wanted["cluster"], worker_cpus=wanted["worker_cpus"])
    return Spread(options.run.workers or 1, cluster, wanted["most"])


if __name__ == "__main__":
    main()
