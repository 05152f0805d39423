"""Further drivings: each with its file, what it moves of which face, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import gradio as gr

from openportrait.drivings import Driving
from openportrait.errors import OptionError
from openportrait.pipeline.preview import preview_driving, preview_source
from openportrait.templates import SUFFIX
from openportrait.web.context import AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.faces import FacePicker, of_others
from openportrait.web.page import handed_in

MOST_FURTHER = 4
"""On the page; programs may send more."""
PICTURES_AND_CLIPS = ["image", "video", ".heic", ".mkv", ".avi"]
MOTION = [SUFFIX, ".pkl"]
SOUNDS = ["audio"]
VIEW = ["detection_threshold"]
"""Options that change which faces are found."""
FIRST = ("region", "face")
FOLDED = tuple(item.name for item in fields(Driving) if item.name not in ("file", *FIRST))


class Slot:
    """The controls of one further driving."""

    def __init__(self, context: Context, number: int, elem_id: str) -> None:
        """Lay them out. `number`: of the driving; the first one is the tab's own."""
        self._context = context
        self.what = f"driving {number}"
        self.controls = Controls(elem_id)
        with (
            gr.Column(visible=False, elem_id=elem_id, elem_classes="op-frame") as self.box,
            gr.Row(equal_height=False),
        ):
            with gr.Column(min_width=220):
                self.file = handed_in(
                    gr.File(
                        label=f"Driving {number}",
                        file_types=[*PICTURES_AND_CLIPS, *MOTION, *SOUNDS],
                        height=140,
                        elem_id=f"{elem_id}-file",
                    )
                )
                self.own_faces = FacePicker(context, preview_driving, self.what, f"{elem_id}-file")
            with gr.Column(min_width=220, scale=2):
                with gr.Row(elem_classes="op-grid"):
                    self.controls.add(Driving, only=FIRST)
                self.source_faces = FacePicker(
                    context, preview_source, "source", f"{elem_id}-source", "Portrait: click the face", several=True
                )
                with gr.Accordion("Its own face and its times", open=False), gr.Row(elem_classes="op-grid"):
                    self.controls.add(Driving, only=FOLDED)
                self.remove = gr.Button("Remove this driving", size="sm", elem_id=f"{elem_id}-remove")

    @property
    def components(self) -> list[Any]:
        """What an event takes as its inputs."""
        return [self.file, *self.controls.components]

    def read(self, given: Sequence[Any], options: Mapping[str, Any]) -> Driving:
        """The driving, from what the components sent. Raises OptionError, MediaError or TemplateError."""
        values = self.controls.values(given[1:])
        if not values["region"] and not values["face"]:
            raise OptionError(f"{self.what} has no region and no face of its own; choose one for it")
        return self._context.driving(given[0], self.what, options, **values)


class FurtherDrivings:
    """The slots of further drivings, of which as many are shown as were added."""

    def __init__(self, context: Context, tab: str) -> None:
        """Lay them out. `tab`: what the components' ids in the page begin with."""
        self._slots = [Slot(context, number + 2, f"{tab}-driving-{number + 2}") for number in range(MOST_FURTHER)]
        self._used = gr.JSON([], visible="hidden", elem_id=f"{tab}-drivings-used")
        self._add = gr.Button("Add a driving", size="sm", elem_id=f"{tab}-add-driving")

    def connect(self, controls: Controls, *sources: Any) -> None:
        """`controls` and `sources` are the tab's."""
        boxes = [slot.box for slot in self._slots]
        self._add.click(_added, self._used, self._used, **AT_ONCE)
        self._used.change(_shown, self._used, [self._add, *boxes], **AT_ONCE)
        for number, slot in enumerate(self._slots):
            own = slot.controls.by_name
            slot.own_faces.connect(controls, [slot.file], "driving_face", VIEW, chooser=own["driving_face"])
            slot.source_faces.connect(
                controls, [slot.file, *sources], "face", VIEW, chooser=own["face"], shows=of_others
            )
            slot.remove.click(_remover(number, slot.controls), self._used, [self._used, *slot.components], **AT_ONCE)

    @property
    def components(self) -> list[Any]:
        """What an event takes as its inputs."""
        return [self._used, *(component for slot in self._slots for component in slot.components)]

    def read(self, given: Sequence[Any], options: Mapping[str, Any]) -> list[Driving]:
        """Those that were added, from what the components sent. Raises as `Slot.read`."""
        used, size = given[0] or [], len(self._slots[0].components)
        return [self._slots[number].read(given[1 + number * size :][:size], options) for number in used]


def _shown(used: list[int]) -> list[Any]:
    """The button that adds one, and the slots."""
    numbers = range(MOST_FURTHER)
    left = gr.update(interactive=len(used) < MOST_FURTHER)
    return [left, *(gr.update(visible=number in used) for number in numbers)]


def _added(used: list[int]) -> list[int]:
    free = [number for number in range(MOST_FURTHER) if number not in used]
    return sorted((*used, *free[:1]))


def _remover(number: int, controls: Controls) -> Callable[[list[int]], list[Any]]:
    def remove(used: list[int]) -> list[Any]:
        """The slot is hidden, and empty when it is shown again."""
        return [[one for one in used if one != number], None, *controls.defaults]

    return remove
