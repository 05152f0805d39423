"""What of a face moves: its parts, the regions that they make up, and how regions and strengths are written.

A region is a set of parts: `eyes,lip`, `all-lip`, `pose,lip`, `exp-gaze`. Names are taken together with a comma and
taken away with a minus, from left to right.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from openportrait import bounds

POSE = ("turn", "place", "size")
"""Of the head: its rotation, where it is, and how large."""
EYES = ("lids", "gaze")
EXPRESSION = ("brows", *EYES, "lip", "rest")
"""`rest`: cheeks, nose and chin."""
PARTS = (*POSE, *EXPRESSION)
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"all": PARTS, "exp": EXPRESSION, "pose": POSE, "eyes": EYES, **{part: (part,) for part in PARTS}}
)
"""Every name that may be written, with its parts."""
RELEASED = ("all", "exp", "pose", "lip", "eyes")
"""The regions of the released project; where one stands alone, it is what it is there (SPEC §4)."""
RELEASED_POSE = ("turn", "place")
"""The released region `pose` keeps the size of the head."""
STRONGEST = 3.0
"""A part that moves three times as far as the driving's is a caricature already."""
MOST_TEXT = 200
"""Characters: every part with a number takes less."""

_NAME = re.compile(r"\s*([,+-]?)\s*([a-z]+)\s*", re.ASCII)


@cache
def parts_of(region: str) -> frozenset[str]:
    """The parts of a region as it is written. Raises ValueError for an unknown name, or where nothing is left."""
    parts: set[str] = set()
    place, text = 0, region.lower()
    while place < len(text) or not place:
        found = _NAME.match(text, place)
        if found is None or (place == 0) is not (found[1] == "") or len(text) > MOST_TEXT:
            raise ValueError(f"{bounds.shown(region)} is no region; give names such as lip, or eyes,lip, or all-lip")
        named = GROUPS.get(found[2])
        if named is None:
            raise ValueError(_unknown(found[2]))
        parts = parts - set(named) if found[1] == "-" else parts | set(named)
        place = found.end()
    if not parts:
        raise ValueError(f"{bounds.shown(region)} leaves nothing; take less away")
    return frozenset(parts)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, GROUPS, 1)
    hint = f"; perhaps {near[0]} is meant" if near else ""
    return f"there is no region {bounds.named(name)}{hint}; known are {', '.join(GROUPS)}"


def region_text(given: Any) -> str:
    """A region as it is kept: lower case, no blanks. Raises ValueError for any other text."""
    if not isinstance(given, str):
        raise ValueError(f"{bounds.shown(given)} is no region; give a text such as all, lip or eyes,lip")
    parts_of(given)
    return "".join(given.lower().split())


def strengths_of(text: str, most: float = STRONGEST) -> dict[str, float]:
    """Part → number, of `lip=1.3,pose=0.5`; a region without a number has 1. Later ones replace earlier ones.

    Raises ValueError for an unknown region, or a number that is not from 0 to `most`.
    """
    found: dict[str, float] = {}
    if len(text) > MOST_TEXT:
        raise ValueError(f"{bounds.shown(text)} is too long; give at most {MOST_TEXT} characters")
    for item in filter(None, (item.strip() for item in text.split(","))):
        region, equals, value = item.partition("=")
        number = bounds.number(_number(value), 0, most, f"the number of {bounds.named(region)}") if equals else 1.0
        found.update(dict.fromkeys(sorted(parts_of(region)), number))
    return found


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def strength_text(given: Any, most: float = STRONGEST) -> str:
    """Strengths as they are kept: a text as it was given, a mapping of regions to numbers as a text.

    Raises ValueError for what is neither, and as `strengths_of`.
    """
    if isinstance(given, Mapping):
        given = ",".join(f"{region}={number}" for region, number in given.items())
    if not isinstance(given, str):
        raise ValueError(f"{bounds.shown(given)} says of no region how strong it is; give a text such as lip=1.3")
    strengths_of(given, most)
    return "".join(given.lower().split())


def neutral_text(given: Any) -> str:
    """What is taken away of the source's own expression: regions, each with a number from 0 to 1 or without."""
    return strength_text(given, 1.0)


@dataclass(frozen=True)
class Wanted:
    """How strongly each part of a face follows a driving."""

    strengths: Mapping[str, float]
    """Part → from 0, 1 as it is; what is left out does not follow."""

    @classmethod
    def of(cls, region: str, strength: str = "") -> Wanted:
        """A region as it is written (`pose` alone is the released one), and the strengths of its parts.

        Raises ValueError as `parts_of` and `strengths_of`.
        """
        return cls.of_parts(RELEASED_POSE if region == "pose" else parts_of(region), strength)

    @classmethod
    def of_parts(cls, parts: Iterable[str], strength: str = "") -> Wanted:
        """The same for a set of parts."""
        own, wanted = strengths_of(strength), frozenset(parts)
        return cls({part: own.get(part, 1.0) for part in PARTS if part in wanted and own.get(part, 1.0)})

    def __getitem__(self, part: str) -> float:
        """The strength of a part, 0 where it does not follow."""
        return self.strengths.get(part, 0.0)

    def any(self, parts: Iterable[str]) -> bool:
        """Whether one of these parts follows."""
        return any(self[part] for part in parts)

    @property
    def is_eyes(self) -> bool:
        """Whether the eyes follow, both lids and gaze, and nothing else does."""
        return set(self.strengths) == set(EYES)
