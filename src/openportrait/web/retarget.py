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
from openportrait.web.context import HIDDEN, Context
from openportrait.web.controls import Controls
from openportrait.web.faces import FacePicker
from openportrait.web.page import handed_in
from openportrait.web.results import Results, Updates, results

TAB = "retarget"
VIEW = ["detection_threshold", *OF_A_SOURCE]


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
            faces = FacePicker(context, preview_source, "video", "retarget-source")
        with gr.Column(min_width=280):
            wishes.add(RetargetOptions)
        with gr.Column(min_width=300):
            shown = results(context, TAB, "Retarget")
    with gr.Accordion("Options", open=False, elem_id="retarget-options"):
        controls.group(FaceOptions, only=("face", "detection_threshold", "bridge_seconds"))
        controls.group(CropOptions, only=OF_A_SOURCE)
        controls.group(MotionOptions, only=("stitching",))
        controls.group(EngineOptions, **vars(context.engine))
        controls.group(OutputOptions, only=("audio", "quality", "side_by_side", "keep_partial"), side_by_side=True)
    faces.connect(controls, [source], "face", VIEW)
    count = len(specs(RetargetOptions))

    def run(request: gr.Request, ticket: str, source: str | None, *values: Any) -> Iterator[Updates]:
        session = context.session(request)

        def work(progress: Any, cancel: Any) -> Any:
            clip = context.upload(source, "video")
            wanted = RetargetOptions(**wishes.values(values[:count]))
            options = context.options(controls.values(values[count:]))
            return retarget(clip, wanted, session.room(), progress=progress, cancel=cancel, **options)

        yield from shown.follow(context, session, ticket, work)

    inputs = [shown.ticket, source, *wishes.components, *controls.components]
    shown.asked_by(context, shown.start.click).then(run, inputs, shown.outputs, show_progress="hidden", **HIDDEN)
    return shown
