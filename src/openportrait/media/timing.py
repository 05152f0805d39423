"""Exact rates: finds the rate of a clip, and places its pictures at it; reads how long frames of animations stay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import BinaryIO

import numpy as np

from openportrait.records import Frame, Image

DEFAULT_RATE = Fraction(25)
"""Frames a second where a file does not say."""
SLOWEST, FASTEST = Fraction(1), Fraction(240)
"""The rates that clips are read at."""
_COMMON = tuple(Fraction(1000 * n, 1001) for n in (24, 30, 48, 60, 120)) + tuple(
    Fraction(n) for n in (5, 6, 8, 10, 12, Fraction(25, 2), 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)
)
# A picture may stand this far from its slot before one is repeated or left out: without the slack
# past one half, a phone's jitter around the midpoint would repeat and drop pictures in turns.
_SLACK = Fraction(3, 4)
_BETWEEN_MARKS = 10
"""Frames, at least: in some files each picture is a key picture."""
# No clip rests longer on one picture; a larger step is a broken timestamp.
LONGEST_REST = Fraction(600)


@dataclass(frozen=True)
class Mark:
    """A place in a video file from which it may be read: a key picture, and the state of the clock there."""

    pts: int
    """Of the key picture, ticks of the file's clock."""
    start: int
    """Of the track's first picture."""
    end: Fraction
    """When the picture before it ends, s."""
    shift: Fraction
    """What is added to the file's clock, s: it may have been set anew."""
    index: int = 0
    """Number of the frame that it is."""


@dataclass(frozen=True, eq=False)
class Timed:
    """A picture that is converted only when it is shown."""

    seconds: Fraction
    """Since the start of the picture track."""
    duration: Fraction
    """Seconds it stays; 0 where unknown."""
    convert: Callable[[], tuple[Image, Image | None]]
    """(H, W, 3) RGB and (H, W) alpha or None, upright."""
    mark: Mark | None = None
    """Where reading may begin with this picture; its index is not known yet."""


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


def at_constant_rate(
    pictures: Iterable[Timed],
    rate: Fraction,
    *,
    wanted: range = range(sys.maxsize),
    start: int = 0,
    marks: list[Mark] | None = None,
) -> Generator[Frame, None, None]:
    """Frames at exactly `rate`: each slot k / rate shows the picture whose time is nearest, within 3/4 of a frame.

    Frames of other numbers than `wanted` are left out, and their pictures not converted. `start`: the slot of the first
    picture. `marks` takes where reading may begin another time.
    """
    shown: _Shown | None = None
    count, end = start, Fraction(0)

    def slots(stop: int) -> range:
        return range(max(count, wanted.start), min(stop, wanted.stop))

    for picture in pictures:
        position = picture.seconds * rate
        if shown is not None and position < count - _SLACK:
            continue
        if shown is not None and position > count + _SLACK:
            resume = min(round(position), count + int(LONGEST_REST * rate))
            yield from shown.frames(slots(resume))
            count = resume
        shown = _Shown(picture, rate)
        if marks is not None and picture.mark is not None and (not marks or count - marks[-1].index >= _BETWEEN_MARKS):
            marks.append(replace(picture.mark, index=count))
        yield from shown.frames(slots(count + 1))
        count += 1
        if count >= wanted.stop:
            return
        end = position + min(picture.duration, LONGEST_REST) * rate
    if shown is not None:
        yield from shown.frames(slots(round(end)))


class _Shown:
    """A picture in as many slots as it is shown in, converted once."""

    def __init__(self, picture: Timed, rate: Fraction) -> None:
        self._picture = picture
        self._rate = rate
        self._converted: tuple[Image, Image | None] | None = None

    def frames(self, slots: range) -> Iterator[Frame]:
        for slot in slots:
            image, alpha = self._converted = self._converted or self._picture.convert()
            yield Frame(image, slot, slot / self._rate, alpha)


# How long the frames of an animated picture stay


_CENTISECOND, _MILLISECOND = Fraction(1, 100), Fraction(1, 1000)


def gif_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (GIF89a specification, sections 18 to 23). Ends where the file does."""
    head = file.read(13)
    _skip(file, _colour_table(head[10:11]))
    delay = Fraction(0)
    while kind := file.read(1):
        if kind == b"!":  # an extension
            label = file.read(1)
            block = _first_block(file)
            if label == b"\xf9" and len(block) >= 3:
                delay = int.from_bytes(block[1:3], "little") * _CENTISECOND
            if block:
                _skip_blocks(file)
        elif kind == b",":  # a frame
            _skip(file, _colour_table(file.read(9)[8:9]) + 1)
            yield delay
            _skip_blocks(file)
        else:
            return


def webp_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (RFC 9649, section 2.7.1)."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        start = file.tell()
        if head[:4] == b"ANMF":
            yield int.from_bytes(file.read(16)[12:15], "little") * _MILLISECOND
        file.seek(start + size + size % 2)


def png_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (PNG 3rd edition, section 11.3.6)."""
    file.seek(8)
    began = False
    while len(head := file.read(8)) == 8:
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        start = file.tell()
        if name == b"fcTL":
            delay = file.read(24)[20:24]
            yield Fraction(int.from_bytes(delay[:2], "big"), int.from_bytes(delay[2:], "big") or 100)
        elif name == b"IDAT" and not began:
            yield Fraction(0)  # the picture for readers that cannot play animations; Pillow shows it first
        began = began or name in (b"fcTL", b"IDAT")
        file.seek(start + size + 4)


def _colour_table(flags: bytes) -> int:
    """Bytes of the table that follows."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip(file: BinaryIO, count: int) -> None:
    file.seek(count, 1)


def _first_block(file: BinaryIO) -> bytes:
    size = file.read(1)
    return file.read(size[0]) if size else b""


def _skip_blocks(file: BinaryIO) -> None:
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], 1)
