"""Choosing what moves: presets, and a check box and a strength for each part of the face."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import gradio as gr

from openportrait.errors import OptionError
from openportrait.regions import PARTS, STRONGEST, Wanted, parts_of
from openportrait.web.context import AT_ONCE

PRESETS = (
    ("Everything", "all"),
    ("Expression", "exp"),
    ("Head pose", "pose"),
    ("Lips", "lip"),
    ("Eyes", "eyes"),
    ("All but the lips", "all-lip"),
)
"""What a page calls the regions that are asked for most, and how they are written."""
NAMES = {
    "turn": "Head: turn",
    "place": "Head: place",
    "size": "Head: size",
    "brows": "Brows",
    "lids": "Eyes: lids",
    "gaze": "Eyes: gaze",
    "lip": "Lips",
    "rest": "All the rest",
}
STEP = 0.05
WHAT_MOVES = "What moves"
HELP = "Tick what follows the driving. A slider says how strongly; at its mark, 1, it is as the driving does."


class RegionChooser:
    """The controls that say what moves, as the options `region` and `strength`."""

    def __init__(self, tab: str) -> None:
        """Lay them out and connect them. `tab`: what the components' ids in the page begin with."""
        self._preset = gr.Radio(list(PRESETS), value="all", label=WHAT_MOVES, info=HELP, elem_id=f"{tab}-region")
        self._ticks, self._strengths = [], []
        with gr.Row(elem_classes="op-parts"):
            for part in PARTS:
                with gr.Column(min_width=120, elem_classes="op-part"):
                    tick = gr.Checkbox(
                        True, label=NAMES[part], container=False, min_width=100, elem_id=f"{tab}-moves-{part}"
                    )
                    strength = gr.Slider(
                        0,
                        STRONGEST,
                        value=1.0,
                        step=STEP,
                        label=f"Strength of {NAMES[part].lower()}",
                        show_label=False,
                        container=False,
                        min_width=100,
                        buttons=[],
                        elem_id=f"{tab}-strength-{part}",
                    )
                self._ticks.append(tick)
                self._strengths.append(strength)
        self._preset.input(_ticked, self._preset, [*self._ticks, *self._strengths], **AT_ONCE)
        gr.on([tick.input for tick in self._ticks], _preset, self._ticks, [self._preset, *self._strengths], **AT_ONCE)

    def settle_after(self, event: Any, found: Any) -> None:
        """Preset and sliders follow ticks that the visitor did not set but that were `found` again by an event."""
        follow = [self._preset, *self._strengths]

        def settle(found: Any, *ticks: bool) -> list[Any]:
            return _preset(*ticks) if found else [gr.skip()] * len(follow)

        event.then(settle, [found, *self._ticks], follow, **AT_ONCE)

    @property
    def components(self) -> list[Any]:
        """What an event takes as its inputs."""
        return [*self._ticks, *self._strengths]

    def values(self, given: Sequence[Any]) -> dict[str, str]:
        """The options, from what the components sent. Raises OptionError where nothing is ticked."""
        ticks, strengths = given[: len(PARTS)], given[len(PARTS) :]
        ticked = [part for part, tick in zip(PARTS, ticks, strict=True) if tick]
        numbers = dict(zip(PARTS, strengths, strict=True))
        changed = (f"{part}={numbers[part]:g}" for part in ticked if numbers[part] != 1)
        return {"region": region_of(ticked), "strength": ",".join(changed)}


def region_of(ticked: Collection[str]) -> str:
    """The region that has these parts, as it is written. Raises OptionError for none."""
    if not ticked:
        raise OptionError(f"nothing is ticked under “{WHAT_MOVES}”; tick what is to follow the driving")
    # The released name `pose` means one set of parts alone and another among several drivings: it is spelled out.
    exact = (text for _, text in PRESETS if _parts(text) == parts_of(text) == set(ticked))
    return next(exact, ",".join(ticked))


def _parts(text: str) -> set[str]:
    return set(Wanted.of(text).strengths)


def _ticked(text: str) -> list[Any]:
    """Check boxes and sliders for a preset."""
    parts = _parts(text)
    return [*(part in parts for part in PARTS), *(gr.update(interactive=part in parts) for part in PARTS)]


def _preset(*ticks: bool) -> list[Any]:
    """The preset that check boxes show, if they show one, and which sliders can be moved."""
    ticked = {part for part, tick in zip(PARTS, ticks, strict=True) if tick}
    shown = next((text for _, text in PRESETS if _parts(text) == ticked), None)
    return [gr.update(value=shown), *(gr.update(interactive=tick) for tick in ticks)]
