"""A process that renders segments of a job: `python -m openportrait.pipeline.worker`.

Orders come on stdin and answers go to the former stdout, both as pickles, which only two processes of this
program exchange. It ends when stdin ends; this also happens when the process that started it is killed.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO

from openportrait.errors import EngineError
from openportrait.files import told
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.segments import Begin, Order, Part, Rendered, Setting, Stop, render_segment
from openportrait.pipeline.tools import Tools
from openportrait.records import Progress

_SHOWN_SECONDS = 0.25
"""From one picture that is sent for a preview to the next."""


def main() -> None:
    """Render segments until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Text that a library prints must not be taken for an answer.

    def answer(item: Rendered | Part) -> None:
        pickle.dump(item, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    import cv2

    cv2.setNumThreads(1)
    orders: SimpleQueue[Begin | Order] = SimpleQueue()
    stopped = threading.Event()
    # Not by way of sys.stdin, which Python waits for when it ends.
    threading.Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), orders, stopped), daemon=True).start()
    begin = orders.get()
    assert isinstance(begin, Begin), "it comes first"
    tools = Tools.load(begin.setting.options.engine)
    watch = Watch(_Told(answer, is_looked_at=begin.is_looked_at).tell, stopped.is_set)
    while True:
        order = orders.get()
        assert isinstance(order, Order), "there is one setting"
        answer(part_of(begin.setting, order, tools, watch))


def part_of(setting: Setting, order: Order, tools: Tools, watch: Watch) -> Part:
    """The part that an order asks for; if something ended it early, the part says what."""
    try:
        return render_segment(setting, order.segment, order.folder, tools, watch)
    except MemoryError:
        problem = "not enough memory; lower --workers, --max-size or --max-crop"
    except Exception as error:  # noqa: BLE001 - it is told where the job is
        problem = f"{type(error).__name__}: {told(error)}; this is a fault of the program"
    return Part(order.segment.number, 0, order.folder, None, EngineError(f"{setting.result}: {problem}"))


def _listen(given: BinaryIO, orders: SimpleQueue[Begin | Order], stopped: threading.Event) -> None:
    while True:
        try:
            item = pickle.load(given)  # noqa: S301 - from the process that began this one
        except EOFError:
            os._exit(0)
        if isinstance(item, Stop):
            stopped.set()
        else:
            orders.put(item)


class _Told:
    """Tells of each picture, and shows one now and then."""

    def __init__(self, answer: Callable[[Rendered], None], *, is_looked_at: bool) -> None:
        self._answer = answer
        self._is_looked_at = is_looked_at
        self._next = 0.0

    def tell(self, now: Progress) -> None:
        """Called after each picture."""
        shows = self._is_looked_at and time.monotonic() >= self._next
        if shows:
            self._next = time.monotonic() + _SHOWN_SECONDS
        self._answer(Rendered(now.frame if shows else None))


if __name__ == "__main__":
    main()
