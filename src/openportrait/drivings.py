"""Which driving moves which part of which face, and how that is written:
`[FACE:][REGION=][sound:]FILE[@OPTION=VALUE,...]`.

`talk.mp4`, `words.wav`, `lip=sound:talk.mp4`, `left:talk.mp4`, `talk.mp4@from=2,to=5`,
`2:eyes,lip=talk.mp4@offset=1.5,end=loop`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from openportrait.bounds import shown
from openportrait.checked import Checked, Range, Written
from openportrait.errors import OptionError
from openportrait.faces import check_choice, is_choice
from openportrait.media import AnyInput
from openportrait.options import LONGEST_SECONDS, NeutralFrame, check_order
from openportrait.records import Template
from openportrait.regions import parts_of, region_text

End = Literal["hold", "loop", "bounce", "rest"]
LONGEST_OFFSET_SECONDS = 3600
"""Most by which a driving may begin later than the result."""
MOST_DRIVINGS = 64
"""Of one job: each is read and kept open beside the others."""


def _file(given: object) -> object:
    """A text as a path; anything else stays as it is, and `Inputs` checks it."""
    if isinstance(given, str) and "\0" in given:
        raise ValueError(f"{shown(given)} is no path; give that of a picture, a clip or a template")
    return Path(given) if isinstance(given, str) else given


def _own_region(given: object) -> str:
    return "" if given == "" else region_text(given)


@dataclass(frozen=True)
class Driving(Checked):
    """One of several drivings of a job: what of which face it moves."""

    file: Annotated[
        AnyInput | Template,
        Written(_file),
        Doc("A picture, a clip, a motion template or a sound: a path, or whatever else a source may be."),
    ]
    region: Annotated[str, Written(_own_region), Doc("What it moves; empty: all that no other driving moves.")] = ""
    sound: Annotated[bool, Doc("Speak its sound, though it has a picture.")] = False
    face: Annotated[str, Doc("Face of the source that it moves, written as that of a job; empty: that one.")] = ""
    driving_face: Annotated[str, Doc("Face of the driving; empty: as for the job.")] = ""
    neutral_frame: Annotated[NeutralFrame | None, Doc("Its frame at rest; none: as for the job.")] = None
    start_seconds: Annotated[
        float | None, Range(0, LONGEST_SECONDS), Doc("Its second from which on it is used; none: as for the job.")
    ] = None
    end_seconds: Annotated[
        float | None, Range(0, LONGEST_SECONDS), Doc("Its second at which its use ends; none: as for the job.")
    ] = None
    offset_seconds: Annotated[
        float,
        Range(-LONGEST_OFFSET_SECONDS, LONGEST_OFFSET_SECONDS),
        Doc("It begins so much later; below 0: what comes before is left out."),
    ] = 0.0
    end: Annotated[
        End | None,
        Doc("Behind its last frame: hold it, loop, bounce back and forth, or rest. None: hold, or end the result."),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choice in (("face", self.face), ("driving_face", self.driving_face)):
            if choice:
                check_choice(choice, f"{name} of a driving")
        check_order(self.start_seconds, self.end_seconds, "--start-seconds", "--end-seconds")

    @property
    def path(self) -> Path:
        """Its file, which it has in every job: `Inputs` makes one of what was no path."""
        assert isinstance(self.file, os.PathLike), "inputs are files when jobs begin"
        return Path(self.file)

    @property
    def parts(self) -> frozenset[str]:
        """The parts that it names; empty: it moves the parts that no other driving moves."""
        return parts_of(self.region) if self.region else frozenset()

    @property
    def delay_seconds(self) -> Fraction:
        """The offset as it was meant."""
        return Fraction(self.offset_seconds).limit_denominator(10**6)


AnyDriving = AnyInput | Template | Driving
"""One driving as callers give it."""
AnyDrivings = AnyDriving | Sequence[AnyDriving]
"""The drivings of a job as callers give them."""
SOUND = "sound:"
"""Before a file whose sound is to be spoken, though it has a picture."""
_OPTIONS = {
    "from": "start_seconds",
    "to": "end_seconds",
    "offset": "offset_seconds",
    "end": "end",
    "neutral": "neutral_frame",
    "face": "driving_face",
}
"""What may be written behind the file's name → field."""
_TAIL = re.compile(rf"@((?:{'|'.join(_OPTIONS)})=[^@/\\]*)$", re.ASCII)
_REGION = re.compile(r"\s*[A-Za-z][A-Za-z,+\- ]*", re.ASCII)


def written(text: str) -> Driving:
    """A driving as it is written on a command line. A file that has just that name is taken for it.

    Raises OptionError for what is no such text.
    """
    if os.path.lexists(text):
        return Driving(Path(text))
    values: dict[str, object] = {}
    rest = text
    if tail := _TAIL.search(rest):
        rest = rest[: tail.start()]
        values |= dict(_option(item, text) for item in tail[1].split(","))
    face, colon, after = rest.partition(":")
    if colon and is_choice(face):
        values["face"], rest = face.strip(), after
    region, equals, after = rest.partition("=")
    if equals and _REGION.fullmatch(region) and not os.path.lexists(rest):
        values["region"], rest = region, after
    if rest.startswith(SOUND) and not os.path.lexists(rest):
        values["sound"], rest = True, rest.removeprefix(SOUND)
    if not rest:
        raise OptionError(f"--driving is {shown(text)}, which names no file; give [FACE:][REGION=][sound:]FILE")
    try:
        return Driving(Path(rest), **values)  # type: ignore[arg-type]  # each value is checked when the record is made
    except OptionError as error:
        raise OptionError(f"--driving {shown(text)}: {error}") from error


def _option(item: str, text: str) -> tuple[str, object]:
    name, _, value = (part.strip() for part in item.partition("="))
    field = _OPTIONS.get(name)
    if field is None:
        raise OptionError(f"--driving {shown(text)} has no option {shown(name)}; give one of {', '.join(_OPTIONS)}")
    if not field.endswith("_seconds"):
        return field, value
    try:
        return field, float(value)
    except ValueError as error:
        raise OptionError(f"--driving {shown(text)}: {name} is {shown(value)}; give seconds") from error


def listed(given: AnyDrivings) -> tuple[Driving, ...]:
    """The drivings of a job, from one or several. Raises OptionError for none, or too many."""
    several = isinstance(given, Sequence) and not isinstance(given, (str, bytes, bytearray, memoryview))
    items: Sequence[AnyDriving] = given if several else [given]  # type: ignore[assignment,list-item]  # as `several` says
    drivings = tuple(item if isinstance(item, Driving) else Driving(item) for item in items)
    if not drivings:
        raise OptionError("there is no driving; give at least one")
    if len(drivings) > MOST_DRIVINGS:
        raise OptionError(f"there are {len(drivings)} drivings; give at most {MOST_DRIVINGS}")
    return drivings
