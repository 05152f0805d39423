"""The tab that changes how open the eyes and lips of a video are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from openportrait.options import (
    OF_A_SOURCE,
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    RetargetOptions,
    specs,
)
from openportrait.pipeline import retarget
from openportrait.pipeline.preview import preview_source
from openportrait.web.context import AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.examples import clips
from openportrait.web.faces import FacePicker
from openportrait.web.offered import offer
from openportrait.web.page import handed_in
from openportrait.web.players import Player
from openportrait.web.results import Results, Updates, results

TAB = "retarget"
OPENED = {
    "lip": ("Set the lips", "Lips open", "target lip-open ratio"),
    "eyes": ("Set the eyes", "Eyes open", "target eyes-open ratio"),
}
"""What is set by a slider once its box is ticked: the box, the slider, and its name in the released interface."""
LIPS_OF_EXAMPLE = 0.3
"""How open the example's lips are set, height over width: enough to be seen at once."""
VIEW = ["detection_threshold", *OF_A_SOURCE, "source_start"]


def retarget_tab(context: Context) -> Results:
    """Lay out the tab and connect it."""
    wishes, controls = Controls(TAB), Controls(TAB)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            source = handed_in(
                gr.File(
                    label="Video: keeps its motion and sound",
                    file_types=["video", ".mkv", ".avi"],
                    height=140,
                    elem_id="retarget-source",
                )
            )
            chosen = offer(context, TAB, clips(), source, "Examples: one click runs them")
            player = Player(context, controls, "source", "retarget-source")
            faces = FacePicker(context, preview_source, "video", "retarget-source")
        with gr.Column(min_width=280):
            ticks = [_opened(wishes, name) for name in OPENED]
            wishes.add(RetargetOptions, only=[item.name for item in specs(RetargetOptions) if item.name not in OPENED])
        with gr.Column(min_width=300):
            shown = results(context, TAB, "Retarget")
    with gr.Accordion("Options", open=False, elem_id="retarget-options"):
        controls.group(FaceOptions, only=("face", "detection_threshold", "bridge_seconds"))
        controls.group(CropOptions, only=OF_A_SOURCE)
        controls.group(MotionOptions, only=("stitching",))
        controls.group(EngineOptions, **vars(context.engine))
        controls.group(OutputOptions, only=("audio", "quality", "side_by_side", "keep_partial"), side_by_side=True)
    faces.connect(controls, [source], "face", VIEW)
    player.connect([source])
    first, count = len(ticks), len(ticks) + len(specs(RetargetOptions))

    def run(request: gr.Request, ticket: str, source: str | None, *values: Any) -> Iterator[Updates]:
        session = context.session(request)

        def work(progress: Any, cancel: Any) -> Any:
            options = context.options(controls.values(values[count:]))
            clip = context.source(source, "video", options)
            left = {name: None for name, ticked in zip(OPENED, values[:first], strict=True) if not ticked}
            wanted = RetargetOptions(**{**wishes.values(values[first:count]), **left})
            return retarget(clip, wanted, session.room(), progress=progress, cancel=cancel, **options)

        yield from shown.follow(context, session, ticket, work)

    inputs = [source, *ticks, *wishes.components, *controls.components]
    shown.runs_by(context, shown.start.click, run, inputs)
    if chosen is not None:
        opened = [ticks[list(OPENED).index("lip")], wishes.by_name["lip"]]
        set_lips = player.whole_after(chosen).then(lambda: (True, LIPS_OF_EXAMPLE), None, opened, **AT_ONCE)
        shown.runs_by(context, set_lips.then, run, inputs)
    return shown


def _opened(wishes: Controls, name: str) -> Any:
    """A slider that counts while its box is ticked; gives the box."""
    spec = next(spec for spec in specs(RetargetOptions) if spec.name == name)
    box, text, released = OPENED[name]
    tick = gr.Checkbox(False, label=box, elem_id=f"{TAB}-{name}-set")
    wishes.slider(spec, resets=False, text=text, released=released)
    slider = wishes.by_name[name]
    slider.interactive = False
    tick.change(lambda ticked: gr.update(interactive=ticked), tick, slider, trigger_mode="multiple", **AT_ONCE)
    return tick
