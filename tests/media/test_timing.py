from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from openportrait.media.timing import Timed, at_constant_rate, guess_rate

NTSC = Fraction(30000, 1001)


def ticked(times: list[Fraction], tick: Fraction) -> list[Fraction]:
    return [round(time / tick) * tick for time in times]


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), NTSC, Fraction(30), Fraction(60)])
@pytest.mark.parametrize("clock", [600, 1000, 12800, 90000])
def test_an_even_clip_keeps_its_exact_rate_on_every_clock(rate: Fraction, clock: int) -> None:
    tick = Fraction(1, clock)
    times = ticked([n / rate for n in range(300)], tick)
    assert guess_rate(times, tick, ()) == (rate, False)


def test_where_the_clock_is_too_coarse_the_header_decides() -> None:
    tick = Fraction(1, 1000)
    times = ticked([n / NTSC for n in range(10)], tick)
    assert guess_rate(times, tick, (NTSC,)) == (NTSC, False)
    assert guess_rate(times, tick, (None,)) == (Fraction(30), False)


def test_a_phone_that_jitters_around_ntsc_stays_ntsc() -> None:
    jitter = np.random.default_rng(3).integers(-900, 900, 900)
    times = [Fraction(int(3003 * n + jitter[n]), 90000) for n in range(900)]
    rate, varies = guess_rate(times, Fraction(1, 90000), (Fraction(2997, 100),))
    assert (rate, varies) == (NTSC, True)


def test_an_odd_even_rate_is_kept() -> None:
    assert guess_rate([Fraction(n, 17) for n in range(40)], Fraction(1, 90000), ()) == (Fraction(17), False)


@pytest.mark.parametrize(
    "rate", [Fraction(59, 2), Fraction(2397, 100), Fraction(29_999, 1000), Fraction(1), Fraction(240)]
)
def test_a_clock_that_ticks_once_a_picture_tells_the_rate_exactly(rate: Fraction) -> None:
    # Any rate fits a clock so coarse; 29.5 must not be taken for the whole number beside it.
    for count in (2, 3, 50):
        assert guess_rate([n / rate for n in range(count)], 1 / rate, (rate,)) == (rate, False)


def test_pauses_do_not_slow_the_rate() -> None:
    times = [Fraction(n, 30) + (n // 50) * 3 for n in range(200)]
    assert guess_rate(times, Fraction(1, 90000), ()) == (Fraction(30), True)


def timed(*seconds: Fraction, last: Fraction = Fraction(1, 10)) -> list[Timed]:
    steps = [*(after - before for before, after in pairwise(seconds)), last]
    pictures = [np.full((1, 1, 3), n, np.uint8) for n in range(len(seconds))]
    return [
        Timed(second, step, lambda image=image: (image, None))  # type: ignore[misc]
        for second, step, image in zip(seconds, steps, pictures, strict=True)
    ]


def shown(pictures: list[Timed], rate: int) -> list[int]:
    frames = list(at_constant_rate(pictures, Fraction(rate)))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(frame.pts_seconds == Fraction(frame.index, rate) for frame in frames)
    return [int(frame.image[0, 0, 0]) for frame in frames]


def test_slow_pictures_are_repeated_and_fast_ones_left_out() -> None:
    tenths = [Fraction(n, 10) for n in (0, 1, 3, 4)]
    assert shown(timed(*tenths), 10) == [0, 1, 1, 2, 3]
    quick = [Fraction(n, 20) for n in range(8)]
    kept = shown(timed(*quick, last=Fraction(1, 20)), 10)
    assert len(kept) in (4, 5)
    assert all(abs(number / 2 - slot) <= 0.75 for slot, number in enumerate(kept))


def test_jitter_neither_repeats_nor_drops() -> None:
    wobble = [Fraction(n, 10) + Fraction((-1) ** n * 6, 100) * (n > 0) for n in range(12)]
    assert shown(timed(*wobble), 10) == list(range(12))


def test_the_last_picture_stays_as_long_as_it_says() -> None:
    assert shown(timed(Fraction(0), Fraction(1, 10), last=Fraction(5, 10)), 10) == [0, 1, 1, 1, 1, 1]
