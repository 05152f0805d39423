"""The part of a clip or sound that is used."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from openportrait.errors import MediaError

SEEK_MARGIN = Fraction(1)
"""Seconds before the part at which reading begins: some containers find a place by when a picture is decoded, which is
a little before it is shown, and sound decoders are not at once what they were."""
_FINEST = 10**6
"""Steps of a second in which times are given."""


@dataclass(frozen=True)
class Trim:
    """From when to when a clip or sound is used, seconds since its start."""

    start_seconds: Fraction = Fraction(0)
    end_seconds: Fraction | None = None
    """None: to its end."""

    @classmethod
    def of(cls, start_seconds: float, end_seconds: float | None) -> Trim:
        """As it was meant: 0.1 s is a tenth."""
        return cls(_meant(start_seconds), None if end_seconds is None else _meant(end_seconds))

    @property
    def length_seconds(self) -> Fraction | None:
        """How long it is; None: to the end."""
        return None if self.end_seconds is None else self.end_seconds - self.start_seconds

    def seconds_of(self, whole_seconds: float | None) -> float | None:
        """How long it is of a file that is so long; None where neither says."""
        if whole_seconds is None:
            return None if self.length_seconds is None else float(self.length_seconds)
        end = whole_seconds if self.end_seconds is None else min(float(self.end_seconds), whole_seconds)
        return max(end - float(self.start_seconds), 0.0)

    def frames(self, rate: Fraction, count: int | None = None) -> range:
        """The numbers of the frames that are used, one at least, by the nearest limits between two frames.

        `count`: how many there are; None: more than are wanted.
        """
        first = round(self.start_seconds * rate)
        stop = _MOST_FRAMES if self.end_seconds is None else max(round(self.end_seconds * rate), first + 1)
        return range(first, stop if count is None else min(stop, count))

    def at(self, rate: Fraction) -> Trim:
        """The same with the limits that `frames` has: its sound is in step with its pictures."""
        wanted = self.frames(rate)
        return Trim(wanted.start / rate, None if self.end_seconds is None else wanted.stop / rate)

    def nothing_left(self, path: Path, seconds: Fraction | None = None) -> MediaError:
        """What to tell of a file that ends before the part begins; `seconds`: how long it is, where that is known."""
        end = "" if seconds is None else f" after {float(seconds):.2f} s,"
        return MediaError(
            f"{path}: ends{end} before its part that begins at {float(self.start_seconds):g} s; let it begin earlier"
        )


def _meant(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(_FINEST)


_MOST_FRAMES = 2**62
"""More than any clip has."""
WHOLE = Trim()
"""All of it."""
