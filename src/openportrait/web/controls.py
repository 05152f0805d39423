"""Controls made from the options records, so that an option is stated once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.faces import CHOICES
from openportrait.options import OptionSpec, specs
from openportrait.web.checks import label
from openportrait.web.regions import PRESETS

FACE_OPTIONS = ("face", "driving_face")
FINE = 1e-3
"""A default below this share of its range cannot be set with a slider."""
WIDEST = 5000
"""A wider range cannot be set with a slider either."""
UNSET = "default"
"""What a list shows in place of a choice that is left out."""
UNCLAIMED = "What no other moves"
"""The same for the region of a driving."""
STEPS = 200
"""Positions of a slider, about."""
NICE_STEPS = (0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)


class Controls:
    """The controls of some options, in the order they are shown."""

    def __init__(self, tab: str) -> None:
        """`tab`: what the components' ids in the page begin with."""
        self._tab = tab
        self.by_name: dict[str, Any] = {}
        self._specs: dict[str, OptionSpec] = {}

    def joined(self, other: Controls) -> Controls:
        """These and those of another."""
        both = Controls(self._tab)
        both.by_name, both._specs = self.by_name | other.by_name, self._specs | other._specs
        return both

    @property
    def components(self) -> list[Any]:
        """What an event takes as its inputs."""
        return list(self.by_name.values())

    @property
    def defaults(self) -> list[Any]:
        """What the components show as long as nobody touches them."""
        return [component.value for component in self.components]

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """The options by name, from what the components sent."""
        return {name: plain(self._specs[name], value) for name, value in zip(self.by_name, given, strict=True)}

    def group(self, record: type, *, only: Sequence[str] = (), **defaults: Any) -> None:
        """A folded group of a record's options, or of those in `only`; `defaults` are those that differ here."""
        with gr.Accordion(title(record), open=False), gr.Row(elem_classes="op-grid"):
            self.add(record, only=only, **defaults)

    def add(self, record: type, *, only: Sequence[str] = (), **defaults: Any) -> None:
        """The same without a group. Paths of the server are left out."""
        for spec in specs(record):
            if spec.kind is not Path and (not only or spec.name in only):
                self._specs[spec.name] = spec
                self.by_name[spec.name] = control(
                    spec, defaults.get(spec.name, spec.default), f"{self._tab}-{spec.name}"
                )

    def slider(self, spec: OptionSpec, *, resets: bool = True, text: str = "", released: str = "") -> None:
        """A number as a slider, also where it may be left out.

        `resets`: with a button that takes it back; `text`: a label in place of the option's; `released`: its name in
        the released interface, where that is another one.
        """
        assert spec.range is not None, f"{spec.name} has no range"
        self._specs[spec.name] = spec
        self.by_name[spec.name] = gr.Slider(
            *spec.range,
            value=spec.default if spec.default is not None else 0.0,
            step=step_of(spec),
            label=text or label(spec.name),
            info=f"{spec.help} Released name: {released}." if released else spec.help,
            buttons=["reset"] if resets else [],
            elem_id=f"{self._tab}-{spec.name}",
        )


def title(record: type) -> str:
    """A record's heading: the first sentence of what it says of itself."""
    return (record.__doc__ or "").split(".")[0].strip()


def control(spec: OptionSpec, value: Any, elem_id: str) -> Any:
    """The control of one option."""
    stated = {"value": value, "label": label(spec.name), "info": spec.help, "min_width": 200, "elem_id": elem_id}
    if spec.kind is bool:
        return gr.Checkbox(**stated)
    if spec.choices:
        unset = [(UNSET, "")] if spec.optional else []
        return gr.Dropdown([*unset, *spec.choices], **{**stated, "value": value or ""})
    if spec.name == "region":
        unset = [(UNCLAIMED, "")] if spec.default == "" else []
        return gr.Dropdown([*unset, *PRESETS], allow_custom_value=True, **stated)
    if spec.kind is str and spec.name in FACE_OPTIONS:
        unset = [(UNSET, "")] if spec.default == "" else []
        return gr.Dropdown([*unset, *CHOICES], allow_custom_value=True, **stated)
    if spec.kind is str:
        return gr.Textbox(**stated)
    assert spec.range is not None, f"{spec.name} has no range"
    low, high = spec.range
    if spec.optional:
        shown = "" if value is None else f"{value:g}"
        return gr.Textbox(
            **{**stated, "value": shown}, placeholder="" if high - low > WIDEST else f"{low:g} to {high:g}; or empty"
        )
    if 0 < spec.default < FINE * (high - low) or high - low > WIDEST:
        precision = 0 if spec.kind is int else None
        return gr.Number(minimum=low, maximum=high, precision=precision, **stated)
    return gr.Slider(low, high, step=step_of(spec), **stated)


def step_of(spec: OptionSpec) -> float:
    """A round number that divides the range into about `STEPS` positions."""
    assert spec.range is not None
    if spec.kind is int:
        return 1
    wanted = (spec.range.high - spec.range.low) / STEPS
    return max((step for step in NICE_STEPS if step <= wanted), default=NICE_STEPS[0])


def rest_marks(parts: Iterable[Any]) -> str:
    """CSS with the resting position of each slider among a page's parts: `--rest`, 0..1 of its length.

    Sliders that rest at an end have none.
    """
    ways = {
        part.elem_id: (part.value - part.minimum) / (part.maximum - part.minimum)
        for part in parts
        if isinstance(part, gr.Slider) and part.elem_id
    }
    return "".join(f"#{name} {{ --rest: {way:.4f}; }}\n" for name, way in ways.items() if 0 < way < 1)


def plain(spec: OptionSpec, value: Any) -> Any:
    """The value as the record wants it: pages know no whole numbers, and send optional ones as text."""
    if spec.optional and isinstance(value, str) and spec.kind is not str:
        return optional_number(value)
    if spec.kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def optional_number(text: str) -> float | str | None:
    """None for an empty text; a text that is no number goes on as it is, to be refused by the record."""
    try:
        return float(text) if text.strip() else None
    except ValueError:
        return text
