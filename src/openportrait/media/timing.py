"""Exact rates: which one a clip has, and how its pictures are laid out at that rate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

import numpy as np

from openportrait.records import Frame, Image

DEFAULT_RATE = Fraction(25)
SLOWEST, FASTEST = Fraction(1), Fraction(240)
"""The rates that clips are read at."""
_COMMON = tuple(Fraction(1000 * n, 1001) for n in (24, 30, 48, 60, 120)) + tuple(
    Fraction(n) for n in (5, 6, 8, 10, 12, Fraction(25, 2), 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)
)
# A picture may stand this far from its slot before one is repeated or left out: without the slack
# past one half, a phone's jitter around the midpoint would repeat and drop pictures in turns.
_SLACK = Fraction(3, 4)
# No clip rests longer on one picture; a larger step is a broken timestamp.
LONGEST_REST = Fraction(600)


@dataclass(frozen=True, eq=False)
class Timed:
    """A picture that is converted only when it is shown."""

    seconds: Fraction
    """Since the start of the picture track."""
    duration: Fraction
    """Seconds it stays; 0 where unknown."""
    convert: Callable[[], tuple[Image, Image | None]]
    """(H, W, 3) RGB and (H, W) alpha or None, upright."""


def guess_rate(times: Sequence[Fraction], tick: Fraction, hints: Sequence[Fraction | None]) -> tuple[Fraction, bool]:
    """The exact constant rate for pictures shown at `times` (ascending seconds), and whether theirs varies.

    `tick` is the step of the file's clock, within which equal steps look unequal; `hints` are the
    rates the header states, the best first.
    """
    stated = [hint for hint in hints if hint and SLOWEST <= hint <= FASTEST]
    if len(times) < 2:
        return (stated[0] if stated else DEFAULT_RATE), False
    mean = Fraction(len(times) - 1) / (times[-1] - times[0])
    if mean * tick == 1 and SLOWEST <= mean <= FASTEST:
        return mean, False  # the clock ticks once a picture, as in AVI: its rate is the file's own, however odd
    # On a coarse clock 30 and 30000/1001 both fit a short clip: the header decides, else the whole number.
    plainest = sorted((*_COMMON, Fraction(round(mean))), key=lambda rate: (rate.denominator, abs(rate - mean)))
    candidates = [hint for hint in stated if hint in _COMMON] + plainest + stated + [mean.limit_denominator(1001)]
    for rate in candidates:
        if rate and all(abs(time - times[0] - n / rate) <= tick for n, time in enumerate(times)):
            return min(max(rate, SLOWEST), FASTEST), False
    usual = 1 / median_low([after - before for before, after in pairwise(times)])
    # The slope of the fitted line: a jitter of the first and the last picture would mislead their mean.
    steady = Fraction(1 / float(np.polyfit(np.arange(len(times)), np.array(times, np.float64), 1)[0]))
    base = steady if abs(steady / usual - 1) < Fraction(1, 20) else usual
    nearest = min(_COMMON, key=lambda rate: abs(rate - base))
    rate = nearest if abs(nearest / base - 1) < Fraction(1, 50) else base.limit_denominator(1001)
    return min(max(rate, SLOWEST), FASTEST), True


def at_constant_rate(pictures: Iterable[Timed], rate: Fraction) -> Generator[Frame, None, None]:
    """Frames at exactly `rate`: each slot k / rate shows the picture whose time is nearest, within 3/4 of a frame."""
    shown: Frame | None = None
    count, end = 0, Fraction(0)
    for picture in pictures:
        position = picture.seconds * rate
        if shown is not None and position < count - _SLACK:
            continue
        if shown is not None and position > count + _SLACK:
            resume = min(round(position), count + int(LONGEST_REST * rate))
            yield from _repeated(shown, range(count, resume), rate)
            count = resume
        image, alpha = picture.convert()
        shown = Frame(image, count, count / rate, alpha)
        yield shown
        count += 1
        end = position + min(picture.duration, LONGEST_REST) * rate
    if shown is not None:
        yield from _repeated(shown, range(count, round(end)), rate)


def _repeated(frame: Frame, indexes: range, rate: Fraction) -> Iterator[Frame]:
    for index in indexes:
        yield replace(frame, index=index, pts_seconds=index / rate)
