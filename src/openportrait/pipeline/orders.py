"""What a job's process and its workers say to each other: orders there, `Rendered` and a `Part` for each back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from openportrait.pipeline.segments import Segment, Setting
from openportrait.records import Image


class Order(NamedTuple):
    """A segment that is to be rendered."""

    segment: Segment
    folder: Path


class Stop(NamedTuple):
    """What is under way is to end early."""


class Rendered(NamedTuple):
    """One more picture is rendered."""

    image: Image | None
    """Now and then, where someone looks."""


class Begin(NamedTuple):
    """What the segments that follow belong to."""

    setting: Setting
    is_looked_at: bool
    """Whether someone looks at pictures that are rendered."""
    files: Sequence[Path]
    """Files and folders that are read for them: a hand of another machine has copies of these."""
