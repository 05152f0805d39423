"""Sources and drivings that a worker has analysed, kept for the jobs that follow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from openportrait.batches.places import mark
from openportrait.drivings import Driving
from openportrait.options import Options
from openportrait.pipeline import Tools, faces_of
from openportrait.pipeline.driving import MeasuredDriving, open_driving, options_of
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.source import Opened, open_source

MOST_FRAMES = 20_000
"""Of all drivings, and of all sources, that are kept: about 12 kB each, the landmarks of a face."""
FRAMES_OF_A_PICTURE = 5_000
"""What a source counts in addition: its picture and appearance take up to 60 MB."""

Item = TypeVar("Item")


class _Kept(Generic[Item]):
    """The last ones used."""

    def __init__(self) -> None:
        self._items: OrderedDict[Hashable, tuple[Item, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Item], frames: Callable[[Item], int]) -> Item:
        """The kept item of this key, or a new one."""
        if key not in self._items:
            item = make()
            self._items[key] = item, frames(item)
            while len(self._items) > 1 and sum(count for _, count in self._items.values()) > MOST_FRAMES:
                self._items.popitem(last=False)
        self._items.move_to_end(key)
        return self._items[key][0]


class Shelf:
    """What is kept belongs to the engine of `tools`; a file that changed is analysed anew."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._sources: _Kept[Opened] = _Kept()
        self._drivings: _Kept[MeasuredDriving] = _Kept()

    def source(self, path: Path, drivings: Sequence[Driving], options: Options, watch: Watch) -> Opened:
        """The source with the faces that are driven."""
        choice = faces_of(drivings, options.faces.face)
        return self.opened(path, replace(options, faces=replace(options.faces, face=choice)), watch)

    def opened(self, path: Path, wanted: Options, watch: Watch) -> Opened:
        """The source with the faces that the options choose."""
        return self._sources.get(
            (tuple(mark(path)), wanted.faces, wanted.trim.source, wanted.crop, wanted.output),
            lambda: open_source(path, self.tools, wanted, watch),
            lambda opened: len(opened.faces[0].motions) + FRAMES_OF_A_PICTURE,
        )

    def driving(self, given: Driving, options: Options, watch: Watch) -> Driving:
        """The same driving, measured."""
        return as_measured(given, self.measured(given, options, watch))

    def measured(self, given: Driving, options: Options, watch: Watch) -> MeasuredDriving:
        """The measured driving."""
        wanted = options_of(given, options)
        chosen = (wanted.faces, wanted.trim.driving, wanted.crop, wanted.speech, wanted.output.keep_partial)
        return self._drivings.get(
            (tuple(mark(given.path)), given.sound, *chosen),
            lambda: open_driving(given.path, self.tools, wanted, watch, sound=given.sound),
            lambda found: len(found.motions),
        )


def as_measured(given: Driving, measured: MeasuredDriving) -> Driving:
    """The same driving with what was measured of it in place of its file."""
    return replace(given, file=measured, driving_face="", start_seconds=None, end_seconds=None)
