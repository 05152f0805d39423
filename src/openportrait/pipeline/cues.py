"""What the drivings show in each picture of a result."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from openportrait.pipeline.driving import Footage
from openportrait.pipeline.output import CloseUp
from openportrait.records import FaceCrop, Image


@dataclass(frozen=True, eq=False)
class Cue:
    """What the drivings show in one picture."""

    image: Image | None
    """(H, W, 3), the whole frame of the first one; None where no pixels drive."""
    drivers: Sequence[FaceCrop | None]
    """For each face of the source the driving's face, for engines that borrow pixels; None where there is none."""


class Driver(NamedTuple):
    """The driving that moves the lips of one face."""

    footage: int
    """Its place in `Reel.footage`."""
    follows: Sequence[bool]
    """Whether the driving is followed, one entry a picture."""


@dataclass(frozen=True, eq=False)
class Reel:
    """What the drivings show in some successive pictures of a result."""

    frames: int
    """How many pictures."""
    drivers: Sequence[Driver | None]
    """One a face of the source; None where no driving has pixels for it."""
    footage: Sequence[Footage] = ()
    """What is seen of each driving; the frames of the first are the images of the cues."""

    @property
    def close_up(self) -> CloseUp | None:
        """What a strip shows of the cues' images; None for the whole."""
        return self.footage[0].close_up if self.footage else None

    def cues(self) -> Generator[Cue, None, None]:
        """Picture by picture. Ends early where a file that is read again has fewer frames than it had."""
        with ExitStack() as stack:
            streams = [stack.enter_context(closing(one.frames())) for one in self.footage]
            pictures: Iterable[Sequence[tuple[Image, FaceCrop | None] | None]]
            pictures = zip(*streams, strict=False) if streams else repeat((None,))
            for i, seen in zip(range(self.frames), pictures, strict=False):
                first = seen[0]
                yield Cue(first[0] if first is not None else None, [_face(one, seen, i) for one in self.drivers])

    def part(self, first: int, last: int) -> Reel:
        """The same of the pictures from `first` to before `last` alone, in memory."""
        drivers = [one and Driver(one.footage, [one.follows[i] for i in range(first, last)]) for one in self.drivers]
        footage = [one.part(first, last) for one in self.footage]
        return Reel(last - first, drivers, footage)


def _face(driver: Driver | None, seen: Sequence[tuple[Image, FaceCrop | None] | None], i: int) -> FaceCrop | None:
    """The driving's face in picture i; None where it has none, or is not followed."""
    found = seen[driver.footage] if driver is not None and driver.follows[i] else None
    return found[1] if found is not None else None
