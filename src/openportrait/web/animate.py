"""The tab that animates a portrait by a driving."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.drivings import Driving
from openportrait.options import (
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    SpeechOptions,
    TrimOptions,
    specs,
)
from openportrait.pipeline import animate
from openportrait.pipeline.preview import preview_driving, preview_source
from openportrait.web.context import AT_ONCE, HIDDEN, Context
from openportrait.web.controls import Controls
from openportrait.web.drivings import MOTION, PICTURES_AND_CLIPS, SOUNDS, FurtherDrivings
from openportrait.web.examples import Example
from openportrait.web.faces import FacePicker
from openportrait.web.page import handed_in
from openportrait.web.regions import RegionChooser
from openportrait.web.results import Results, Updates, results

TAB = "animate"
SOURCE_VIEW = ["detection_threshold", "crop_source", "source_scale", "source_shift_x", "source_shift_y", "max_size"]
DRIVING_VIEW = ["detection_threshold", "crop_driving", "driving_scale", "driving_shift_x", "driving_shift_y"]
REGION = ("region", "strength")
"""What `RegionChooser` gives."""
BESIDE = ("relative", "multiplier")
"""Options that stand beside what moves."""
FOLDED = tuple(spec.name for spec in specs(MotionOptions) if spec.name not in (*REGION, *BESIDE))


def animate_tab(context: Context, examples: list[Example]) -> tuple[Results, RegionChooser]:
    """Lay out the tab and connect it. Gives where its jobs are shown, as every tab does, and what moves."""
    controls = Controls(TAB)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300, scale=3):
            with gr.Row(equal_height=False):
                with gr.Column(min_width=260):
                    with gr.Tabs(), gr.Tab("Source"):
                        source = handed_in(
                            gr.File(
                                label="Portrait: a picture or video",
                                file_types=PICTURES_AND_CLIPS,
                                height=140,
                                elem_id="animate-source",
                            )
                        )
                    source_faces = FacePicker(context, preview_source, "source", "animate-source")
                with gr.Column(min_width=260):
                    driving, camera, microphone = _driving()
                    driving_faces = FacePicker(context, preview_driving, "driving", "animate-driving")
            with gr.Column(elem_id="animate-moves", elem_classes="op-frame"):
                moves = RegionChooser(TAB)
                with gr.Row(elem_classes="op-grid"):
                    controls.add(MotionOptions, only=BESIDE)
            further = FurtherDrivings(context, TAB)
            chosen = _examples(context, examples, [source, driving, camera, microphone]) if examples else None
            with gr.Accordion("Options", open=False, elem_id="animate-options"):
                controls.group(MotionOptions, only=FOLDED)
                controls.group(SpeechOptions)
                controls.group(TrimOptions)
                controls.group(FaceOptions)
                controls.group(CropOptions)
                controls.group(EngineOptions, **vars(context.engine))
                controls.group(OutputOptions, side_by_side=True, save_template=True)
        with gr.Column(min_width=300, scale=2):
            shown = results(context, TAB, "Animate")
    source_faces.connect(controls, [source], "face", SOURCE_VIEW)
    driving_faces.connect(controls, [driving, camera, microphone], "driving_face", DRIVING_VIEW)
    further.connect(controls, source)
    driving.upload(lambda: (None, None), None, [camera, microphone], **AT_ONCE)
    camera.stop_recording(lambda: (None, None), None, [driving, microphone], **AT_ONCE)
    microphone.stop_recording(lambda: (None, None), None, [driving, camera], **AT_ONCE)
    recorded = [camera, microphone]
    inputs = [shown.ticket, source, driving, *recorded, *further.components, *moves.components, *controls.components]
    run = _runner(context, further, moves, controls, shown)
    asked = [shown.asked_by(context, shown.start.click)]
    if chosen is not None:
        asked.append(shown.asked_by(context, chosen.then))
    for event in asked:
        event.then(run, inputs, shown.outputs, show_progress="hidden", **HIDDEN)
    return shown, moves


def _driving() -> tuple[Any, Any, Any]:
    """A file, or a recording from the webcam or the microphone."""
    with gr.Tabs():
        with gr.Tab("Driving"):
            driving = handed_in(
                gr.File(
                    label="Clip, picture, motion or sound",
                    file_types=[*PICTURES_AND_CLIPS, *MOTION, *SOUNDS],
                    height=140,
                    elem_id="animate-driving",
                )
            )
        with gr.Tab("Webcam"):
            camera = gr.Video(
                label="Record yourself",
                sources=["webcam"],
                include_audio=True,
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id="animate-camera",
            )
        with gr.Tab("Microphone"):
            microphone = handed_in(
                gr.Audio(
                    label="Record what the portrait says",
                    sources=["microphone"],
                    type="filepath",
                    elem_id="animate-microphone",
                )
            )
    return driving, camera, microphone


def _runner(
    context: Context, further: FurtherDrivings, moves: RegionChooser, controls: Controls, shown: Results
) -> Any:
    ends = list(accumulate(len(each.components) for each in (further, moves)))

    def run(
        request: gr.Request,
        ticket: str,
        source: str | None,
        driving: str | None,
        camera: str | None,
        microphone: str | None,
        *values: Any,
    ) -> Iterator[Updates]:
        session = context.session(request)

        def work(progress: Any, cancel: Any) -> Any:
            portrait = context.upload(source, "source")
            chosen = {**moves.values(values[ends[0] : ends[1]]), **controls.values(values[ends[1] :])}
            options = context.options(chosen)
            first = context.upload(driving or camera or microphone, "driving")
            drivings: list[Path | Driving] = [first, *further.read(values[: ends[0]])]
            return animate(portrait, drivings, session.room(), progress=progress, cancel=cancel, **options)

        yield from shown.follow(context, session, ticket, work)

    return run


def _examples(context: Context, examples: list[Example], outputs: list[Any]) -> Any:
    """The examples as pictures with captions; a click fills in source and driving."""
    table = gr.Dataset(
        components=[gr.Image(visible=False), gr.Textbox(visible=False)],
        samples=[[str(example.source), example.caption] for example in examples],
        headers=["Source", "Driving"],
        type="index",
        label="Examples: one click runs them",
        elem_id="animate-examples",
        elem_classes="op-examples",
    )

    def fill(request: gr.Request, index: int) -> tuple[str, str, None, None]:
        source, driving = (
            str(context.sessions.adopt(request.session_hash, path))
            for path in (examples[index].source, examples[index].driving)
        )
        return source, driving, None, None

    return table.click(fill, table, outputs, **AT_ONCE)
