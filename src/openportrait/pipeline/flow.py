"""Runs the stages of a job ahead of each other, with short queues of frames between them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import Empty, Full, Queue
from typing import Literal, TypeVar

from openportrait.errors import Cancelled
from openportrait.records import Image, Progress

Item = TypeVar("Item")
Made = TypeVar("Made")

ProgressCallback = Callable[[Progress], None]
CancelCheck = Callable[[], bool]


class _Finished:
    """The end of a queue, with the exception that ended the stage, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[Item], depth: int = 4) -> Generator[Item, None, None]:
    """The same items, computed up to `depth` ahead in a thread of their own.

    An exception of the stage is raised here, at its place in the sequence. Closing the generator stops the thread,
    which closes `items`: to be done (`contextlib.closing`) before anything that the thread reads is closed.
    """
    queue: Queue[Item | _Finished] = Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: Item | _Finished) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
                return
            except Full:
                continue

    def work() -> None:
        iterator = iter(items)
        error: BaseException | None = None
        try:
            for item in iterator:
                put(item)
                if stopped.is_set():
                    break
        except BaseException as raised:  # noqa: BLE001 - handed over to the consumer, whatever it is
            error = raised
        finally:
            if hasattr(iterator, "close"):
                iterator.close()
            put(_Finished(error))

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
        while True:
            item = queue.get()
            if isinstance(item, _Finished):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        while True:
            try:
                queue.get_nowait()
            except Empty:
                break
        if thread.ident is not None:
            thread.join()


def overlapped(work: Callable[[Item], Made], items: Iterable[Item], threads: int) -> Generator[Made, None, None]:
    """Results of `work` for each item in order, with `threads` calls at a time: none waits for the device work of
    another.

    An exception of the work is raised here, at its place in the sequence.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Made]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Watch:
    """Tells the caller about the progress of a job, and stops the job when the caller wants that."""

    def __init__(self, progress: ProgressCallback | None = None, cancel: CancelCheck | None = None) -> None:
        self._progress = progress
        self._cancel = cancel

    @property
    def is_looked_at(self) -> bool:
        """Whether somebody is told about progress."""
        return self._progress is not None

    def check(self) -> None:
        """Raise Cancelled if the caller asked to stop."""
        if self._cancel is not None and self._cancel():
            raise Cancelled("stopped; nothing was written")

    def tell(
        self, stage: Literal["analyse", "render"], done: int, total: int | None, frame: Image | None = None
    ) -> None:
        """Report, then check."""
        if self._progress is not None:
            self._progress(Progress(stage, done, total, frame))
        self.check()

    @contextmanager
    def over(self, items: Iterable[Item], total: int | None) -> Iterator[Iterator[Item]]:
        """A context with the same items of an analysis, made ahead of it, each reported once it was used.

        When it is left, nothing reads from `items` any more.
        """
        with closing(ahead(items)) as made:
            yield self._told(made, total)

    def _told(self, items: Iterable[Item], total: int | None) -> Iterator[Item]:
        for done, item in enumerate(items, 1):
            self.check()
            yield item
            self.tell("analyse", done, total)
