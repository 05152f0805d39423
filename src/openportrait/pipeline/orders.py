"""The messages between a job's process and its workers: orders go out; `Rendered`s and a `Part` come back for each."""

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
    """End the segment under way early."""


class Rendered(NamedTuple):
    """One more picture is rendered."""

    image: Image | None
    """The picture: now and then, where a preview is wanted; else None."""


class Begin(NamedTuple):
    """Tell what job the next segments belong to."""

    setting: Setting
    is_looked_at: bool
    """Whether a preview of rendered pictures is wanted."""
    files: Sequence[Path]
    """Files and folders that are read for them: a hand of another machine has copies of these."""
