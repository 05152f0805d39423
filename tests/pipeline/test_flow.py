"""Stages that run ahead, and what they do when one of them fails or is no longer wanted."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest

from openportrait.errors import Cancelled
from openportrait.pipeline.flow import Watch, ahead, overlapped
from openportrait.records import Progress
from openportrait.sequences import groups, nearest, view


def test_ahead_gives_the_same_items_in_order() -> None:
    assert list(ahead(range(50), depth=3)) == list(range(50))


def test_ahead_never_computes_more_than_its_depth_in_advance() -> None:
    made: list[int] = []

    def work() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    stage = ahead(work(), depth=3)
    next(stage)
    for _ in range(50):
        threading.Event().wait(0.002)
    # One is with us, three wait in the queue, one is in the stage's hands.
    assert len(made) <= 5
    stage.close()


def test_an_error_of_a_stage_comes_at_its_place() -> None:
    def work() -> Iterator[int]:
        yield 1
        raise OSError("the disk is on fire")

    stage = ahead(work())
    assert next(stage) == 1
    with pytest.raises(OSError, match="on fire"):
        next(stage)


def test_closing_ends_the_thread_and_the_stage() -> None:
    closed = threading.Event()

    def work() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.set()

    before = threading.active_count()
    stage = ahead(work(), depth=2)
    next(stage)
    stage.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_overlapped_work_comes_in_order_and_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)

    def work(i: int) -> int:
        both.wait()
        return i * i

    assert list(overlapped(work, range(6), threads=2)) == [0, 1, 4, 9, 16, 25]


def test_overlapped_work_is_no_further_ahead_than_it_has_threads() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(100):
            taken.append(i)
            yield i

    stage = overlapped(lambda i: i, items(), threads=2)
    assert next(stage) == 0
    assert taken == [0, 1]
    stage.close()
    assert taken == [0, 1]


def test_an_error_of_overlapped_work_comes_at_its_place() -> None:
    def work(i: int) -> int:
        if i == 3:
            raise OSError("the disk is on fire")
        return i

    stage = overlapped(work, range(10), threads=2)
    assert [next(stage) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="on fire"):
        next(stage)


def test_groups_keep_order_and_remainder() -> None:
    assert list(groups(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_nearest_known_place() -> None:
    assert nearest([False, True, False, False, False, True]) == [1, 1, 1, 1, 5, 5]


def test_view_reorders_without_copying() -> None:
    items = ["a", "b", "c"]
    some = view(items, [2, 0, 0])
    assert list(some) == ["c", "a", "a"]
    assert list(some[1:]) == ["a", "a"]
    items[0] = "z"
    assert some[1] == "z"


def test_watch_tells_and_stops() -> None:
    told: list[Progress] = []
    watch = Watch(told.append, lambda: len(told) >= 2)
    with pytest.raises(Cancelled), watch.over("abcdef", 6) as letters:
        list(letters)
    assert [(p.stage, p.done, p.total) for p in told] == [("analyse", 1, 6), ("analyse", 2, 6)]


def test_leaving_an_analysis_half_way_waits_for_what_is_being_read() -> None:
    """Whoever closes the file next must not find a thread in it."""
    reading, go_on, busy = threading.Event(), threading.Event(), threading.Event()

    def work() -> Generator[int, None, None]:
        yield 0
        busy.set()
        reading.set()
        go_on.wait(20)
        busy.clear()
        yield 1

    items = work()
    with pytest.raises(KeyboardInterrupt), Watch().over(items, None) as numbers:
        next(numbers)
        reading.wait(20)
        threading.Timer(0.05, go_on.set).start()
        raise KeyboardInterrupt
    assert not busy.is_set()
    items.close()
