"""The tab that edits a portrait by sliders, by the mouse and in time."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from openportrait.options import (
    EDIT_SCALE,
    OF_A_SOURCE,
    CropOptions,
    EngineOptions,
    FaceEdit,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    specs,
)
from openportrait.pipeline.preview import preview_source
from openportrait.web.checks import label
from openportrait.web.context import WORK, WORK_AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.drivings import PICTURES_AND_CLIPS
from openportrait.web.edit_events import RATIOS, EditTab, Form
from openportrait.web.examples import portraits
from openportrait.web.faces import FacePicker
from openportrait.web.history import History
from openportrait.web.offered import offer
from openportrait.web.page import handed_in
from openportrait.web.players import Player
from openportrait.web.results import Results, results

HEAD = ("pitch_degrees", "yaw_degrees", "roll_degrees", "move_x", "move_y", "move_z")
EYES = ("eye_ratio", "gaze_x", "gaze_y", "wink", "wink_left", "wink_right", "eyebrow", "eyebrow_left", "eyebrow_right")
MOUTH = ("lip_ratio", "lip_open", "grin", "smile", "smile_left", "smile_right", "pouting", "pursing")
RELEASED = {
    "pitch_degrees": "relative pitch",
    "yaw_degrees": "relative yaw",
    "roll_degrees": "relative roll",
    "move_x": "x-axis movement",
    "move_y": "y-axis movement",
    "move_z": "z-axis movement",
    "eye_ratio": "target eyes-open ratio",
    "gaze_x": "eye gaze (horizontal)",
    "gaze_y": "eye gaze (vertical)",
    "lip_ratio": "target lip-open ratio",
    "lip_open": "lip close <-> open",
    "grin": "grin",
    "pouting": "pouting",
    "pursing": "pursing",
}
"""What sliders are called in the released interface, where that is another name."""
VIEW = ["detection_threshold", *OF_A_SOURCE, "stitching"]
OF_A_CLIP = (
    "#### The whole video\nThe first frame that is used is shown above. Here the sliders are added to every "
    "frame, over the face's own motion; the sound is kept. A timeline, below, runs along with it."
)
START = "source_start"
"""Of a clip the editor shows the first frame that is used."""
ASSETS = files("openportrait") / "assets" / "web"


@dataclass(frozen=True)
class Stage:
    """The edited picture, and the buttons below it."""

    picture: Any
    undo: Any
    redo: Any
    reset: Any
    save: Any
    keep: Any
    load: Any
    saved: Any


def edit_tab(context: Context) -> tuple[Form, Results]:
    """Lay out the tab and connect it; the timeline is added by `timeline_panel`."""
    controls = Controls("edit")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280, scale=2):
            source = handed_in(
                gr.File(
                    label="Portrait: a picture or video",
                    file_types=PICTURES_AND_CLIPS,
                    height=140,
                    elem_id="edit-source",
                )
            )
            offered = offer(context, "edit", portraits(), source)
            player = Player(context, controls, "source", "edit-source")
            faces = FacePicker(context, preview_source, "portrait", "edit-source")
            presets = _scripted("presets", "edit-presets")
            sliders, as_source = _sliders()
        with gr.Column(min_width=300, scale=3, elem_classes="op-sticky"):
            stage = _stage()
    with gr.Row(visible=False, equal_height=False, elem_id="edit-clip", elem_classes="op-frame") as whole:
        with gr.Column(min_width=240):
            gr.Markdown(OF_A_CLIP)
        with gr.Column(min_width=280, scale=2):
            shown = results(context, "clip", "Apply to the whole video", strip=False)
    with gr.Accordion("Options", open=False, elem_id="edit-options"):
        controls.group(FaceOptions, only=("face", "detection_threshold", "bridge_seconds"))
        controls.group(CropOptions, only=OF_A_SOURCE, source_scale=EDIT_SCALE)
        controls.group(MotionOptions, only=("stitching",))
        controls.group(EngineOptions, **vars(context.engine))
        controls.group(OutputOptions, only=("audio", "quality", "keep_partial"))
    form = Form(source, sliders, controls)
    faces.connect(controls, [source], "face", [*VIEW, START])
    player.connect([source])
    if offered is not None:
        player.whole_after(offered)
    tab = EditTab(context, form)
    shown.runs_by(context, shown.start.click, tab.runner(shown), form.inputs)
    _connect(tab, form, stage, presets, as_source, whole)
    return form, shown


def _connect(tab: EditTab, form: Form, stage: Stage, presets: Any, as_source: dict[str, Any], whole: Any) -> None:
    """What changes the picture, and what is done with it."""
    sliders, picture = form.sliders.values(), stage.picture
    history, own = gr.State(History()), gr.State(())
    steps = [history, stage.undo, stage.redo]
    everything, stepped = [*sliders, picture, *steps], [history, *form.inputs]
    face, start = (form.controls.by_name[name] for name in ("face", START))
    others = [form.controls.by_name[name] for name in VIEW]
    # The picker's event has the same triggers, see there.
    opened = gr.on(
        [form.source.change, face.change, start.change],
        tab.open,
        form.inputs,
        [*everything, whole],
        trigger_mode="multiple",
        show_progress="minimal",
        **WORK,
    )
    opened.then(tab.presets, [own, *form.inputs], presets, show_progress="hidden", **WORK)
    moved = [event for slider in sliders for event in (slider.input, slider.release)]
    newest: dict[str, Any] = {"trigger_mode": "always_last", **WORK_AT_ONCE}
    gr.on([*moved, *(component.change for component in others)], tab.show, form.inputs, picture, **newest)
    gr.on([slider.release for slider in sliders], tab.remember, stepped, steps, **newest)
    picture.drag(tab.drag, stepped, everything, **newest)
    stage.reset.click(tab.reset, stepped, everything, **WORK_AT_ONCE)
    stage.undo.click(tab.stepper(-1), stepped, everything, **WORK_AT_ONCE)
    stage.redo.click(tab.stepper(1), stepped, everything, **WORK_AT_ONCE)
    for name, button in as_source.items():
        button.click(tab.own_ratio(name), stepped, everything, **WORK_AT_ONCE)
    presets.choose(tab.choose, [own, *stepped], everything, **WORK_AT_ONCE)
    stage.save.click(tab.save_picture, form.inputs, stage.saved, **WORK)
    stage.keep.click(tab.save_expression, [own, *form.inputs], [stage.saved, own, presets], **WORK)
    stage.load.upload(tab.load_expression, [stage.load, *stepped], everything, show_progress="minimal", **WORK)


def _stage() -> Stage:
    picture = _scripted("drag", "edit-picture")
    with gr.Row(elem_classes="op-buttons"):
        undo = gr.Button("Undo", interactive=False, elem_id="edit-undo", size="md", min_width=80)
        redo = gr.Button("Redo", interactive=False, elem_id="edit-redo", size="md", min_width=80)
        reset = gr.Button("Reset", elem_id="edit-reset", size="md", min_width=80)
        save = gr.Button("Save picture", variant="primary", elem_id="edit-save", size="md", min_width=120)
        keep = gr.Button("Save expression", elem_id="edit-keep", size="md", min_width=120)
        load = handed_in(
            gr.UploadButton("Load expression", file_types=[".json"], elem_id="edit-load", size="md", min_width=120)
        )
    saved = gr.File(label="Files to download", interactive=False, visible=False, elem_id="edit-saved")
    return Stage(picture, undo, redo, reset, save, keep, load, saved)


def _scripted(name: str, elem_id: str) -> Any:
    """A component of our own: its HTML and its script are assets of that name."""
    html, script = ((ASSETS / f"{name}.{kind}").read_text("utf-8") for kind in ("html", "js"))
    return gr.HTML(None, html_template=html, js_on_load=script, elem_id=elem_id)


def _sliders() -> tuple[dict[str, Any], dict[str, Any]]:
    """The sliders, and the buttons that give a ratio back to the source."""
    known = {spec.name: spec for spec in specs(FaceEdit)}
    made, as_source = Controls("slider"), {}
    for title, names in (("Head", HEAD), ("Eyes", EYES), ("Mouth", MOUTH)):
        with gr.Accordion(title, open=True), gr.Row(elem_classes="op-grid"):
            for name in names:
                # A ratio's place at rest is the source's own, which the reset button of a slider does not know.
                made.slider(known[name], resets=name not in RATIOS, released=RELEASED.get(name, ""))
                if name in RATIOS:
                    text = f"{label(name)}: as the source"
                    as_source[name] = gr.Button(text, size="sm", elem_id=f"edit-own-{name}")
    return made.by_name, as_source
