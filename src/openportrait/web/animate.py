"""The tab that animates a portrait by a driving."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import gradio as gr

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
from openportrait.web.context import AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.drivings import MOTION, PICTURES_AND_CLIPS, SOUNDS, FurtherDrivings
from openportrait.web.examples import Example
from openportrait.web.faces import FacePicker, first
from openportrait.web.one_frame import Asked, OneFrame
from openportrait.web.page import handed_in
from openportrait.web.players import Player
from openportrait.web.regions import RegionChooser
from openportrait.web.results import Results, Updates, results

TAB = "animate"
SOURCE_VIEW = [
    *("detection_threshold", "crop_source", "source_scale", "source_shift_x", "source_shift_y", "max_size"),
    "source_start",
]
DRIVING_VIEW = [
    *("detection_threshold", "crop_driving", "driving_scale", "driving_shift_x", "driving_shift_y"),
    "driving_start",
]
REGION = ("region", "strength")
"""What `RegionChooser` gives."""
BESIDE = ("relative", "multiplier")
"""Options that stand beside what moves."""
FOLDED = tuple(spec.name for spec in specs(MotionOptions) if spec.name not in (*REGION, *BESIDE))


def animate_tab(context: Context, examples: list[Example]) -> tuple[Results, RegionChooser]:
    """Lay out the tab and connect it. Gives where its jobs are shown, as every tab does, and what moves."""
    controls, driving_part = Controls(TAB), Controls(TAB)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300, scale=3):
            with gr.Row(equal_height=False):
                with gr.Column(min_width=260):
                    source, taken = _source()
                    source_player = Player(context, controls, "source", "animate-source")
                    source_faces = FacePicker(context, preview_source, "source", "animate-source")
                with gr.Column(min_width=260):
                    driving, *others = _driving()
                    driving_player = Player(context, driving_part, "driving", "animate-driving")
                    driving_faces = FacePicker(context, preview_driving, "driving", "animate-driving")
            with gr.Column(elem_id="animate-moves", elem_classes="op-frame"):
                moves = RegionChooser(TAB)
                with gr.Row(elem_classes="op-grid"):
                    controls.add(MotionOptions, only=BESIDE)
            further = FurtherDrivings(context, TAB)
            chosen = _examples(context, examples, [source, driving], [taken, *others]) if examples else None
            with gr.Accordion("Options", open=False, elem_id="animate-options"):
                controls.group(MotionOptions, only=FOLDED)
                controls.group(SpeechOptions)
                controls.group(FaceOptions)
                controls.group(CropOptions)
                controls.group(EngineOptions, **vars(context.engine))
                controls.group(OutputOptions, side_by_side=True, save_template=True)
        with gr.Column(min_width=300, scale=2):
            one_frame = OneFrame(context, TAB)
            shown = results(context, TAB, "Animate")
    sources, driven_by = [source, taken], [driving, *others]
    source_faces.connect(controls, sources, "face", SOURCE_VIEW)
    driving_faces.connect(controls.joined(driving_part), driven_by, "driving_face", DRIVING_VIEW)
    further.connect(controls, *sources)
    source_player.connect(sources)
    driving_player.connect(driven_by)
    parts = (further, driving_part, moves, controls)
    inputs = [*sources, *driven_by, *(component for part in parts for component in part.components)]
    read = _reader(context, *parts)
    one_frame.connect(inputs, read)
    run = _runner(context, read, shown)
    shown.runs_by(context, shown.start.click, run, inputs)
    if chosen is not None:
        whole = driving_player.whole_after(source_player.whole_after(chosen))
        shown.runs_by(context, whole.then, run, inputs)
    return shown, moves


def _source() -> tuple[Any, Any]:
    """A file, or a picture from the webcam or the clipboard."""
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab("Source"):
            source = handed_in(
                gr.File(
                    label="Portrait: a picture or video",
                    file_types=PICTURES_AND_CLIPS,
                    height=140,
                    elem_id="animate-source",
                )
            )
        with gr.Tab("Take or paste"):
            taken = _picture("Take a portrait, or paste one", "animate-source-taken")
    return source, taken


def _picture(label: str, elem_id: str) -> Any:
    """A picture from the webcam or the clipboard."""
    return handed_in(
        gr.Image(
            label=label,
            sources=["webcam", "clipboard"],
            type="filepath",
            webcam_options=gr.WebcamOptions(mirror=False),
            buttons=[],
            height=260,
            elem_id=elem_id,
        )
    )


def _driving() -> tuple[Any, Any, Any, Any]:
    """A file, a recording from the webcam or the microphone, or a picture from the webcam or the clipboard."""
    with gr.Tabs(overflow_behavior="wrap"):
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
        with gr.Tab("Take or paste"):
            taken = _picture("Take a picture, or paste one", "animate-driving-taken")
    return driving, camera, microphone, taken


def _reader(
    context: Context, further: FurtherDrivings, driving_part: Controls, moves: RegionChooser, controls: Controls
) -> Callable[[Sequence[Any]], Asked]:
    """What gives a job from what the components sent: two for the source, four for the driving, and the rest."""
    counts = (2, 4, *(len(part.components) for part in (further, driving_part, moves)))
    ends = list(accumulate(counts))

    def read(given: Sequence[Any]) -> Asked:
        sources, drivings, others, part, moved, rest = (given[a:b] for a, b in pairwise((0, *ends, len(given))))
        options = context.options({**moves.values(moved), **controls.values(rest)})
        source = context.source(first(sources), "source", options)
        # The part is that of this driving alone: others have their own.
        trim = TrimOptions(**driving_part.values(part))
        own = {"start_seconds": trim.driving_start, "end_seconds": trim.driving_end}
        driving = context.driving(first(drivings), "driving", options, **own)
        return Asked(source, [driving, *further.read(others, options)], options)

    return read


def _runner(context: Context, read: Callable[[Sequence[Any]], Asked], shown: Results) -> Any:
    def run(request: gr.Request, ticket: str, *given: Any) -> Iterator[Updates]:
        session = context.session(request)

        def work(progress: Any, cancel: Any) -> Any:
            asked = read(given)
            room = session.room()
            return animate(asked.source, asked.drivings, room, progress=progress, cancel=cancel, **asked.options)

        yield from shown.follow(context, session, ticket, work)

    return run


def _examples(context: Context, examples: list[Example], filled: list[Any], emptied: list[Any]) -> Any:
    """The examples as pictures with captions; a click fills in source and driving, and empties what else there is."""
    table = gr.Dataset(
        components=[gr.Image(visible=False), gr.Textbox(visible=False)],
        samples=[[str(example.source), example.caption] for example in examples],
        headers=["Source", "Driving"],
        type="index",
        label="Examples: one click runs them",
        elem_id="animate-examples",
        elem_classes="op-examples",
    )

    def fill(request: gr.Request, index: int) -> list[str | None]:
        paths = (examples[index].source, examples[index].driving)
        adopted = [str(context.sessions.adopt(request.session_hash, path)) for path in paths]
        return [*adopted, *[None] * len(emptied)]

    return table.click(fill, table, [*filled, *emptied], **AT_ONCE)
