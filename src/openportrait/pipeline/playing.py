"""Several drivings of one result: which driving moves which parts of which face, and when each of its frames is
shown.

Also the cases in which the formulas of SPEC §4 and §5 use nothing of a driving, so that the source stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ceil

from openportrait.drivings import Driving, End
from openportrait.easing import ease
from openportrait.errors import OptionError
from openportrait.faces import single_choices
from openportrait.layouts import KEYPOINT_SETS
from openportrait.options import MotionOptions
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.pipeline.source import SourceFace
from openportrait.regions import EXPRESSION, PARTS, POSE, RELEASED_POSE, Wanted, parts_of

REST_SECONDS = Fraction(2, 5)
"""A driving with the ending `rest` fades out in this time: about as long as a face takes to relax."""


@dataclass(frozen=True)
class Timing:
    """Which frame of a driving meets each picture of the result."""

    drivings: int
    """Frames of the driving; one is a still."""
    step: Fraction
    """Frames of the driving for each picture of the result."""
    frames: int
    """Pictures of the result."""
    delay: Fraction = Fraction(0)
    """Pictures of the result after which it begins."""
    end: End = "hold"
    fade: Fraction = Fraction(0)
    """Pictures of the result in which a driving with the ending `rest` fades out."""

    @cached_property
    def schedule(self) -> Sequence[int]:
        """The driving's frame for each picture."""
        return [self._frame(int((i - self.delay) * self.step) if i >= self.delay else 0) for i in range(self.frames)]

    def _frame(self, place: int) -> int:
        last = self.drivings - 1
        if place <= last or not last:
            return min(place, last)
        if self.end == "loop":
            return place % self.drivings
        if self.end == "bounce":
            return last - abs(last - place % (2 * last))
        return last

    def share(self, i: int) -> float:
        """How far the driving is followed in picture i, 0..1: 0 before it begins; less and less while it fades out."""
        if i < self.delay:
            return 0.0
        over = i - self.delay - self.drivings / self.step
        if self.end != "rest" or self.drivings == 1 or over < 0:
            return 1.0
        left = 1 - min(float((over + 1) / (self.fade + 1)), 1.0)
        return ease(left)


@dataclass(frozen=True, eq=False)
class Played:
    """One driving on one face of the source."""

    driving: MeasuredDriving
    timing: Timing
    wanted: Wanted
    """The parts of the face that follow it, with strengths."""
    given: Driving
    """The driving as the caller gave it."""


@dataclass(frozen=True, eq=False)
class Cast:
    """The drivings of a job in their order, measured, with their times."""

    drivings: Sequence[tuple[Driving, MeasuredDriving]]
    rate: Fraction | None
    """Frames a second of the result; None for a single picture."""
    frames: int
    """Pictures of the result."""

    @classmethod
    def of(
        cls,
        drivings: Sequence[tuple[Driving, MeasuredDriving]],
        options: MotionOptions,
        source_rate: Fraction | None,
        source_frames: int,
    ) -> Cast:
        """The result has a source clip's rate and at most its length; else those of the first driving that moves.

        Raises OptionError for a driving that ends before the result begins.
        """
        moving = [(given, driving) for given, driving in drivings if driving.rate is not None]
        if not moving:
            return cls(drivings, source_rate, source_frames)
        rate = source_rate or moving[0][1].rate
        assert rate is not None
        lengths = [_length(given, driving, rate) for given, driving in moving]
        if source_rate is None:
            return cls(drivings, rate, max(lengths) if options.length == "longest" else lengths[0])
        goes_on = moving[0][0].end is not None or options.length == "longest"
        return cls(drivings, rate, source_frames if goes_on else min(lengths[0], source_frames))

    def timing(self, given: Driving, driving: MeasuredDriving) -> Timing:
        """The timing of a driving: which of its frames is shown in which picture."""
        rate = self.rate or Fraction(1)
        return Timing(
            drivings=len(driving.motions),
            step=(driving.rate or rate) / rate,
            frames=self.frames,
            delay=given.delay_seconds * rate,
            end=given.end or "hold",
            fade=REST_SECONDS * rate,
        )

    def play(self, source_face: SourceFace, options: MotionOptions, face: str) -> list[Played]:
        """The drivings of one face with the parts that each moves; `face` is the choice for those that name none.

        Raises OptionError where two of them are to move all parts, or no part is left for one.
        """
        own = [item for item in self.drivings if source_face.names & set(single_choices(item[0].face or face))]
        shares, strength = _shared_out(_united(own), options), str(options.strength)
        found = []
        for given, driving, parts in shares:
            # A single driving with a single name has the released project's region of that name.
            text = given.region or options.region
            released = len(shares) == 1 and parts == parts_of(text)
            wanted = Wanted.of(text, strength) if released else Wanted.of_parts(parts, strength)
            found.append(Played(driving, self.timing(given, driving), wanted, given))
        return found


def _length(given: Driving, driving: MeasuredDriving, rate: Fraction) -> int:
    """Pictures until the driving's end. Raises OptionError where it ends before the result begins."""
    assert driving.rate is not None
    seconds = len(driving.motions) / driving.rate
    if given.end is None and seconds + given.delay_seconds <= 0:
        raise OptionError(
            f"{given.path} is {float(seconds):.2f} s long, and an offset of {float(given.delay_seconds):g} s leaves "
            "nothing of it; give a smaller one"
        )
    return max(ceil((seconds + given.delay_seconds) * rate), 1)


def _united(own: Sequence[tuple[Driving, MeasuredDriving]]) -> list[tuple[Driving, MeasuredDriving]]:
    """The drivings, with those merged that differ only in their region: a driving given for two regions moves both."""
    united: list[tuple[Driving, MeasuredDriving]] = []
    for given, driving in own:
        for place, (other, measured) in enumerate(united):
            same = measured is driving and given.region and other.region
            if same and replace(given, region="", face="") == replace(other, region="", face=""):
                united[place] = replace(other, region=f"{other.region},{given.region}"), driving
                break
        else:
            united.append((given, driving))
    return united


def _shared_out(
    own: Sequence[tuple[Driving, MeasuredDriving]], options: MotionOptions
) -> list[tuple[Driving, MeasuredDriving, frozenset[str]]]:
    """Each driving with its parts. A later region takes over its parts; the driving without a region gets what is
    left."""
    bases = [given for given, _ in own if not given.region]
    if len(bases) > 1:
        raise OptionError(
            f"{bases[0].path} and {bases[1].path} are both to move the same face; "
            "give the second a region (lip=FILE) or a face of its own (left:FILE)"
        )
    owner: dict[str, int] = {}
    for place, (given, _) in enumerate(own):
        if not given.region:
            owner |= {part: place for part in parts_of(options.region) if part not in owner}
    for place, (given, _) in enumerate(own):
        owner |= dict.fromkeys(given.parts, place)
    shares = []
    for place, (given, driving) in enumerate(own):
        parts = frozenset(part for part in PARTS if owner.get(part) == place)
        if not parts:
            raise OptionError(f"{given.path}: other drivings move all that it would; leave it out, or give it a region")
        shares.append((given, driving, parts))
    return shares


# Drivings of which nothing shows


OPENS = ("lids", "gaze", "lip")
"""What a driving of another layout moves of the expression."""


def why_idle(played: Played, layout: str, options: MotionOptions) -> str | None:
    """One line on what was asked of a driving and does not show in the result, with the remedy.

    None where everything shows that a user may expect. `layout`: name of the engine's keypoint layout.
    """
    driving, wanted = played.driving, played.wanted
    region = played.given.region or options.region
    if options.multiplier == 0:
        return "--multiplier 0 takes nothing of the driving: the source is left as it is; give a larger one"
    if not wanted.any(PARTS):
        return f"the strengths leave nothing of {driving.path}: the source is left as it is; give larger ones"
    if options.eye_retargeting or options.lip_retargeting:
        return None
    # A driving of another layout gives head pose and, where it knows it, how open eyes and lips are.
    foreign = driving.layout != layout
    points = KEYPOINT_SETS.get(driving.layout)
    estimates = points is not None and points.estimated_ratios is not None
    speaks = not foreign or bool(driving.ratios) or estimates
    opens = wanted.any(OPENS if foreign else EXPRESSION) and speaks
    turns = wanted.any(POSE)
    if not opens and not turns:
        return (
            f"{driving.path} says nothing of eyes and lips that this engine can use, and the region {region} "
            "takes nothing else: the source is left as it is; give all or pose"
        )
    if not opens and not options.relative and not wanted.any(RELEASED_POSE):
        return f"absolute motion keeps the size of the head, and {region} takes nothing else; leave out --no-relative"
    if turns and options.relative and driving.rate is None and (region != "all" or not opens):
        rest = "" if opens else ", and nothing else is taken of it, so the source is left as it is"
        return (
            f"{driving.path} is a single picture: its head pose counts as at rest{rest}; "
            "give --no-relative to take the pose over"
        )
    return None
