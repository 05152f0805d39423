"""Hands that answer at once. Each does one request; further requests wait in a short queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from openportrait.errors import OpenPortraitError
from openportrait.serve.crew import Deadline
from openportrait.serve.records import Hand, Refused

MOST_WAITING = 64
"""Requests that wait for a hand; further ones are refused."""
WAIT_SECONDS = 60.0
"""Longest wait of a request."""
ANSWER_SECONDS = 60.0
"""Time that a hand has for a request: a picture takes about a second, so what takes longer is a clip or a fault."""

_log = logging.getLogger(__name__)


class Pictures:
    """Its methods may be called from any thread."""

    def __init__(self, hands: Sequence[Hand]) -> None:
        self._hands = hands
        self._idle: SimpleQueue[Hand] = SimpleQueue()
        self._turn = threading.Lock()
        self._waiting = 0

    def start(self, warm: Mapping[str, Any]) -> None:
        """Let each hand do this first, so that later requests are quick."""
        for hand in self._hands:
            threading.Thread(target=self._warmed, args=(hand, warm), daemon=True).start()

    def _warmed(self, hand: Hand, warm: Mapping[str, Any]) -> None:
        try:
            hand.ask(warm, lambda now: None)
        except OpenPortraitError as error:
            _log.error("%s", error)
        self._idle.put(hand)

    @property
    def size(self) -> int:
        """How many requests are answered or wait at once."""
        return len(self._hands) + MOST_WAITING

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """What a hand answers. Raises its error, and Refused where too many wait or it takes too long."""
        hand = self._free()
        try:
            with Deadline(hand, ANSWER_SECONDS) as deadline:
                return hand.ask(job, lambda now: None)
        except OpenPortraitError:
            if deadline.is_over:
                raise Refused(
                    413, f"this takes longer than {ANSWER_SECONDS:.0f} s; give a smaller picture, or make it a job"
                ) from None
            raise
        finally:
            self._idle.put(hand)

    def _free(self) -> Hand:
        with self._turn:
            if self._waiting >= MOST_WAITING:
                raise Refused(429, f"{self._waiting} requests wait already; try again", 1)
            self._waiting += 1
        try:
            return self._idle.get(timeout=WAIT_SECONDS)
        except Empty:
            raise Refused(429, "all workers are busy; try again", 5) from None
        finally:
            with self._turn:
                self._waiting -= 1

    def close(self) -> None:
        """End the processes."""
        for hand in self._hands:
            hand.tell_to_stop()
        for hand in self._hands:
            hand.end()
