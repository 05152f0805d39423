"""A batch under way: workers, each minded by a thread that hands it one job after the other."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from openportrait import leaving
from openportrait.batches.addresses import fetch, send, url_of
from openportrait.batches.ledger import Ledger
from openportrait.batches.places import Place, Task, identity
from openportrait.batches.processes import Worker
from openportrait.batches.records import BatchProgress, Outcome
from openportrait.batches.worker import request
from openportrait.errors import Cancelled, MediaError, NoFaceError, OpenPortraitError, OptionError, TemplateError
from openportrait.media.files import file_ids, unwritable
from openportrait.media.temporary import hidden_in, remove, sweep
from openportrait.pipeline.background import names_file
from openportrait.pipeline.flow import CancelCheck
from openportrait.records import Result

FINAL = (OptionError, NoFaceError, TemplateError)
"""Errors that a second attempt ends with as well."""
_POLL_SECONDS = 0.1


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    tasks: Sequence[Task],
    ledger: Ledger,
    *,
    workers: int,
    retries: int,
    progress: Callable[[BatchProgress], None] | None = None,
    cancel: CancelCheck | None = None,
) -> Iterator[Outcome]:
    """What came of each job, as it ends; first of those that an earlier run finished. Raises Cancelled."""
    open_tasks: list[tuple[Task, str]] = []
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
            open_tasks.append((task, known))
    if open_tasks:
        with _Crew(open_tasks, ledger, min(workers, len(open_tasks)), retries) as crew:
            yield from crew.outcomes(progress, cancel)


class _Crew:
    """The threads and their workers. A context manager: when it is left, all of them have ended."""

    def __init__(self, tasks: Sequence[tuple[Task, str]], ledger: Ledger, workers: int, retries: int) -> None:
        self._total = len(tasks)
        self._ledger = ledger
        self._retries = retries
        self._waiting: SimpleQueue[tuple[Task, str]] = SimpleQueue()
        for task in tasks:
            self._waiting.put(task)
        self._ended: SimpleQueue[Outcome | BaseException] = SimpleQueue()
        self._frames = [0] * workers
        """Rendered by each worker."""
        self._stopped = threading.Event()
        self._workers = [Worker(max(cores() // workers, 1)) for _ in range(workers)]
        self._threads = [threading.Thread(target=self._mind, args=(place,), daemon=True) for place in range(workers)]

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
        try:
            while not self._stopped.is_set():
                try:
                    task, known = self._waiting.get_nowait()
                except Empty:
                    return
                self._ledger.begin(task, known)
                outcome = self._outcome(task, place)
                if self._stopped.is_set() and outcome.error is not None:
                    return
                self._ledger.end(task, known, outcome)
                self._ended.put(outcome)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._ended.put(error)

    def _outcome(self, task: Task, place: int) -> Outcome:
        """One job, begun again where that may help."""
        before = self._frames[place]

        def tell(frames: int) -> None:
            self._frames[place] = before + frames

        attempt = 0
        while True:
            attempt += 1
            try:
                result = _made(task, self._workers[place], tell)
                tell(result.frames)
                return Outcome(task.job, result, None, attempt)
            except OpenPortraitError as error:
                if isinstance(error, FINAL) or attempt > self._retries or self._stopped.is_set():
                    return Outcome(task.job, None, error, attempt)

    def __enter__(self) -> _Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopped.set()
        for worker in self._workers:
            if kind is not None:
                worker.tell_to_stop()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.end()


def _made(task: Task, worker: Worker, tell: Callable[[int], None]) -> Result:
    """Fetch what a job needs, have it done, and bring its result where it belongs."""
    place, options = task.place, task.options.values()
    with ExitStack() as stack:
        paths = (task.job.source_path, *(one.path for one in task.job.drivings))
        source, *drivings = (_local(path, stack) for path in paths)
        given = tuple(replace(one, file=path) for one, path in zip(task.job.drivings, drivings, strict=True))
        if names_file(str(options["background"])):
            options["background"] = str(_local(Path(options["background"]), stack))
        if place.suffix and not place.url:
            output = Path(place.folder) / f"{place.stem}{place.suffix}"
            return worker.do(request(source, given, output, options), tell)
        # The suffix is known when the result is, or the result goes elsewhere: it is made under a hidden name.
        staging = stack.enter_context(_hidden_folder(_room() if place.url else Path(place.folder)))
        output = staging / f"{place.stem}{place.suffix}" if place.suffix else staging
        result = worker.do(request(source, given, output, options), tell)
        return _delivered(result, place, (source, *drivings))


def _local(path: Path, stack: ExitStack) -> Path:
    """The file, or its copy in a folder that nobody else may enter."""
    url = url_of(path)
    return path if url is None else fetch(url, stack.enter_context(_hidden_folder(_room())))


def _room() -> Path:
    """Where copies lie for a while."""
    return Path(tempfile.gettempdir())


@contextmanager
def _hidden_folder(folder: Path) -> Iterator[Path]:
    """One of its own in `folder`; should this process be killed, the next that writes there removes it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        hidden = hidden_in(folder, "openportrait")
        leaving.unfinished(hidden, remove)
        hidden.mkdir(mode=0o700)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield hidden
    finally:
        remove(hidden)
        leaving.finished(hidden)


def _delivered(result: Result, place: Place, inputs: Sequence[Path]) -> Result:
    """The same result where it belongs: the files beside it before itself."""

    def goal(path: Path) -> Path:
        return Path(place.folder) / f"{place.stem}{path.name.removeprefix(result.path.stem)}"

    made = [path for path in (result.side_by_side, result.template, result.path) if path is not None]
    if place.url:
        for path in made:
            send(path, f"{place.url}/{goal(path).name}")
    else:
        protected = file_ids(inputs)
        for path in made:
            if file_ids([goal(path)]) & protected:
                raise MediaError(f"{goal(path)}: is an input and the output at once; choose another name")
        with leaving.undivided():
            for path in made:
                try:
                    path.replace(goal(path))
                except OSError as error:
                    raise unwritable(goal(path), error) from error
    return replace(
        result,
        path=goal(result.path),
        side_by_side=result.side_by_side and goal(result.side_by_side),
        template=result.template and goal(result.template),
    )
