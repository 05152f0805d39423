"""The line in which jobs that render wait for their turn."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from openportrait.errors import OptionError

MOST_OF_ONE = 4
"""Jobs that one visitor may have in the line and at work."""


@dataclass(eq=False)
class Place:
    """One job's place in the line."""

    visitor: str
    turn: threading.Event = field(default_factory=threading.Event)
    """Set once the job may begin."""


class Line:
    """Lets so many jobs work at once. The next is of the visitor who has fewest at work, then who came first."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._waiting: list[Place] = []
        self._working: list[Place] = []
        self._served: dict[str, int] = {}
        """When each visitor in the line was last let in, by count."""
        self._count = 0

    def join(self, visitor: str) -> Place:
        """A place at the end. Raises OptionError where the visitor has too many already."""
        place = Place(visitor)
        with self._lock:
            if sum(one.visitor == visitor for one in (*self._waiting, *self._working)) >= MOST_OF_ONE:
                raise OptionError(f"{MOST_OF_ONE} jobs of this page are under way already; wait for one, or cancel it")
            self._waiting.append(place)
            self._let_in()
        return place

    def leave(self, place: Place) -> None:
        """The job is over, or was given up."""
        with self._lock:
            for places in (self._waiting, self._working):
                if place in places:
                    places.remove(place)
            here = {one.visitor for one in (*self._waiting, *self._working)}
            self._served = {visitor: when for visitor, when in self._served.items() if visitor in here}
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting and len(self._working) < self._at_once:
            place = min(self._waiting, key=self._claim)
            self._waiting.remove(place)
            self._working.append(place)
            self._count += 1
            self._served[place.visitor] = self._count
            place.turn.set()

    def _claim(self, place: Place) -> tuple[int, int]:
        """A key to sort by: the smallest is next; equal ones keep the order in which they came."""
        return sum(one.visitor == place.visitor for one in self._working), self._served.get(place.visitor, 0)
