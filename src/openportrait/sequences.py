"""Sequences that are computed when they are asked for, and parts of others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

Item = TypeVar("Item")


class Computed(Sequence[Item]):
    """Items that are computed each time they are asked for; nothing is kept."""

    def __init__(self, of: Callable[[int], Item], count: int) -> None:
        """`of` gives the item at a place from 0 to `count` - 1."""
        self._of = of
        self._places = range(count)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return view(self, self._places[index])
        return self._of(self._places[index])


def view(items: Sequence[Item], order: Sequence[int]) -> Sequence[Item]:
    """Some items of a sequence, in an order of their own; nothing is copied."""
    return Computed(lambda place: items[order[place]], len(order))


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` consecutive items; the last may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def nearest(known: Sequence[bool]) -> list[int]:
    """For each place, itself where known, else the nearest known place."""
    places = [place for place, is_known in enumerate(known) if is_known]

    def look(i: int) -> int:
        behind = bisect_left(places, i)
        return min(places[max(behind - 1, 0) : behind + 1], key=lambda place: abs(place - i))

    return [look(i) for i in range(len(known))]
