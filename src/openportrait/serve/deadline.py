"""Ends work that takes too long."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from openportrait.serve.records import Hand

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
