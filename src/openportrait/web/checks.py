"""What a visitor may hand in, and how a refusal is worded."""

from __future__ import annotations

import re
import stat
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_type_hints

from openportrait.drivings import Driving
from openportrait.errors import OpenPortraitError, OptionError
from openportrait.expressions import Timeline
from openportrait.limits import check_seconds
from openportrait.options import FaceEdit, Options, RetargetOptions, specs
from openportrait.web.options import WebOptions

WORDS = {
    "pitch_degrees": "Nod",
    "yaw_degrees": "Turn",
    "roll_degrees": "Tilt",
    "move_x": "Left-right",
    "move_y": "Up-down",
    "move_z": "Size",
    "eye_ratio": "Eyes open",
    "gaze_x": "Look left-right",
    "gaze_y": "Look up-down",
    "eyebrow": "Brows",
    "eyebrow_left": "Left brow",
    "eyebrow_right": "Right brow",
    "lip_ratio": "Lips open",
    "lip_open": "Open the mouth",
    "grin": "Show the teeth",
    "pouting": "Mouth aside",
    "pursing": "Purse or stretch",
}
"""What sliders of a face are called on the page, where that is not the option's own name."""
TICKED = {"give ": "untick ", "leave out ": "tick "}
"""What is to be done with a flag that begins with `--no-`, and with its check box."""
LONGEST_LINE = 600
"""Characters of a message."""
LONGEST_PATH = 1000
"""Characters of a path that is looked for in a message."""


def given(path: str | None, what: str) -> Path:
    """The uploaded file. Raises OptionError where there is none."""
    if not path:
        raise OptionError(f"there is no {what} yet; add one")
    return Path(path)


def check_timeline(timeline: Timeline, limits: WebOptions) -> None:
    """Raises TooMuch for one that plays too long."""
    check_seconds(timeline.keys[-1].seconds, limits, "the timeline")


def is_plain(path: Path) -> bool:
    """Whether a plain file is there, whatever the text that is taken for its path."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def label(name: str) -> str:
    """An option's name as a control shows it."""
    return WORDS.get(name, name.replace("_", " ").capitalize())


def plainly(message: OpenPortraitError | str, root: Path) -> str:
    """The message for a visitor, in one line: no folders of this machine, labels instead of flags."""
    text, told = str(message), ""
    while (start := text.find(f"{root}/")) >= 0:
        end = _end_of_path(text, start)
        told += _with_labels(text[:start]) + text[start:end].rpartition("/")[2]
        text = text[end:]
    return in_one_line(told + _with_labels(text))


def in_one_line(text: str) -> str:
    """A text without line breaks, at most `LONGEST_LINE` characters."""
    return " ".join(text.split())[:LONGEST_LINE]


def _end_of_path(text: str, start: int) -> int:
    """Where a path in a text ends: names may hold spaces, so the longest that is there counts."""
    longest = range(min(len(text), start + LONGEST_PATH), start, -1)
    there = next((end for end in longest if not text[end - 1].isspace() and is_plain(Path(text[start:end]))), None)
    word = re.compile(r"[^\s:;,]+").match(text, start)
    return there or (word.end() if word else len(text))


def _with_labels(text: str) -> str:
    """A text with labels in place of flags."""

    def labelled(found: re.Match[str]) -> str:
        what, flag = found[1] or "", found[3].replace("-", "_")
        if flag not in _option_names():
            return found[0]
        return f"{TICKED.get(what, what) if found[2] else what}“{label(flag)}”"

    return re.sub(r"(?<![\w-])(give |leave out )?--(no-)?([a-z][a-z-]*[a-z])(?![\w-])", labelled, text)


@cache
def _option_names() -> frozenset[str]:
    records = (
        *(get_type_hints(Options)[group.name] for group in fields(Options)),
        Driving,
        FaceEdit,
        RetargetOptions,
        WebOptions,
    )
    return frozenset(spec.name for record in records for spec in specs(record))
