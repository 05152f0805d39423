"""The part of the editor that puts expressions in time and renders them to a clip and a template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from typing import Any, get_args

import gradio as gr

from openportrait.errors import OptionError
from openportrait.expressions import Easing, Key, Timeline, load_timeline, save_timeline
from openportrait.options import FaceEdit
from openportrait.pipeline import perform
from openportrait.web.checks import check_timeline, given, label
from openportrait.web.context import AT_ONCE, WORK, WORK_AT_ONCE, Context
from openportrait.web.edit_events import EditTab, Form
from openportrait.web.page import handed_in
from openportrait.web.results import Results, Updates, results

TAB = "timeline"
RATES = (12, 24, 25, 30, 50, 60)
HEADERS = ["Seconds", "Easing to the next", "Expression"]


def timeline_panel(context: Context, form: Form) -> Results:
    """Lay out the panel and connect it."""
    with gr.Accordion("Timeline: expressions that follow each other", open=False, elem_id="edit-timeline"):
        keys = gr.State(())
        with gr.Row(equal_height=False):
            with gr.Column(min_width=280):
                with gr.Row():
                    seconds = gr.Number(
                        0,
                        label="Seconds",
                        info="When the face looks so.",
                        minimum=0,
                        step=0.1,
                        min_width=110,
                        elem_id="timeline-seconds",
                    )
                    easing = gr.Dropdown(
                        list(get_args(Easing)),
                        value="smooth",
                        label="Easing",
                        info="How it goes on from there.",
                        min_width=110,
                    )
                    rate = gr.Dropdown(
                        list(RATES), value=25, label="Rate", info="Frames a second of the clip.", min_width=110
                    )
                with gr.Row(elem_classes="op-buttons"):
                    add = gr.Button("Add this expression", elem_id="timeline-add", size="md", min_width=140)
                    drop = gr.Button("Remove this one", elem_id="timeline-remove", size="md", min_width=120)
                    clear = gr.Button("Clear", elem_id="timeline-clear", size="md", min_width=80)
                    keep = gr.Button("Save timeline", elem_id="timeline-keep", size="md", min_width=110)
                    load = handed_in(
                        gr.UploadButton(
                            "Load timeline", file_types=[".json"], elem_id="timeline-load", size="md", min_width=110
                        )
                    )
                table = gr.Dataframe(
                    [],
                    headers=HEADERS,
                    interactive=False,
                    label="Expressions in time: click one to choose it",
                    wrap=True,
                    elem_id="timeline-table",
                )
                saved = gr.File(label="Files to download", interactive=False, visible=False)
            with gr.Column(min_width=280):
                shown = results(context, TAB, "Render timeline", strip=False)
    panel = TimelinePanel(context, form, shown)
    outputs = [keys, seconds, table]
    add.click(panel.add, [keys, seconds, easing, *form.inputs], outputs, **WORK_AT_ONCE)
    drop.click(panel.remove, [keys, seconds], outputs, **AT_ONCE)
    table.select(panel.choose, keys, seconds, **AT_ONCE)
    clear.click(lambda: ((), 0, []), None, outputs, **AT_ONCE)
    load.upload(panel.load, load, [keys, rate, table], show_progress="minimal", **WORK)
    keep.click(panel.save, [keys, rate], saved, **WORK)
    shown.runs_by(context, shown.start.click, panel.render, [keys, rate, *form.inputs])
    return shown


class TimelinePanel:
    """What the panel's events do."""

    def __init__(self, context: Context, form: Form, shown: Results) -> None:
        self._context, self._form, self._shown = context, form, shown
        self._edit = EditTab(context, form)

    def add(
        self, request: gr.Request, keys: tuple[Key, ...], seconds: float, easing: Easing, *values: Any
    ) -> tuple[Any, ...]:
        """The sliders as a key; it takes the place of one at the same time."""
        key = Key(float(seconds or 0), self._edit.wanted(request, *values), easing)
        others = (other for other in keys if other.seconds != key.seconds)
        timeline = Timeline(tuple(sorted((*others, key), key=lambda each: each.seconds)))
        check_timeline(timeline, self._context.limits)
        return timeline.keys, timeline.keys[-1].seconds + 1, rows(timeline.keys)

    def choose(self, event: gr.SelectData, keys: tuple[Key, ...]) -> Any:
        """The time of the row that was clicked, which is what the buttons work on."""
        row = event.index[0]
        return keys[row].seconds if isinstance(row, int) and 0 <= row < len(keys) else gr.skip()

    def remove(self, keys: tuple[Key, ...], seconds: float) -> tuple[Any, ...]:
        """The keys without the one at that time. Raises OptionError where there is none."""
        left = tuple(key for key in keys if key.seconds != seconds)
        if len(left) == len(keys):
            raise OptionError(f"there is no expression at {seconds or 0:g} s; click the one that is to go")
        return left, seconds, rows(left)

    def load(self, path: str | None) -> tuple[Any, ...]:
        """The keys of a saved timeline."""
        timeline = load_timeline(given(path, "timeline"))
        check_timeline(timeline, self._context.limits)
        return (
            timeline.keys,
            gr.update(value=float(timeline.rate), choices=[*RATES, float(timeline.rate)]),
            rows(timeline.keys),
        )

    def save(self, request: gr.Request, keys: tuple[Key, ...], rate: float) -> Any:
        """The timeline as a small file."""
        session = self._context.session(request)
        path = session.room() / "timeline.json"
        save_timeline(path, _timeline(keys, rate))
        return gr.update(value=str(path), visible=True)

    def render(
        self, request: gr.Request, ticket: str, keys: tuple[Key, ...], rate: float, *values: Any
    ) -> Iterator[Updates]:
        """The timeline as a clip and a template."""
        session = self._context.session(request)
        source, chosen, _ = self._form.read(values)

        def work(progress: Any, cancel: Any) -> Any:
            options = self._context.options({**chosen, "save_template": True})
            portrait, timeline = self._context.source(source, "portrait", options), _timeline(keys, rate)
            check_timeline(timeline, self._context.limits)
            return perform(portrait, timeline, session.room(), progress=progress, cancel=cancel, **options)

        yield from self._shown.follow(self._context, session, ticket, work)


def rows(keys: tuple[Key, ...]) -> list[list[Any]]:
    """The keys as a table."""
    return [[key.seconds, key.easing, spelled(key.edit)] for key in keys]


def spelled(edit: FaceEdit) -> str:
    """`smile 1, turn −5`; `at rest` where no slider is moved."""
    moved = (item.name for item in fields(edit) if getattr(edit, item.name) != item.default)
    return ", ".join(f"{label(name).lower()} {getattr(edit, name):g}" for name in moved) or "at rest"


def _timeline(keys: tuple[Key, ...], rate: float) -> Timeline:
    return Timeline(keys, Fraction(rate).limit_denominator(1001))
