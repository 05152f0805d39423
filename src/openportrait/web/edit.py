"""The tab that edits a portrait by sliders, by the mouse and in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.bounds import number
from openportrait.errors import OptionError
from openportrait.expressions import load_expression, save_expression
from openportrait.media import write_image
from openportrait.options import (
    EDIT_SCALE,
    OF_A_SOURCE,
    CropOptions,
    EngineOptions,
    FaceEdit,
    FaceOptions,
    MotionOptions,
    Options,
    OutputOptions,
    specs,
)
from openportrait.pipeline import edit
from openportrait.pipeline.drag import dragged, part_at
from openportrait.pipeline.editor import Editor
from openportrait.pipeline.preview import preview_source
from openportrait.pipeline.source import is_still
from openportrait.records import Image
from openportrait.web.checks import given
from openportrait.web.context import AT_ONCE, HIDDEN, WORK, WORK_AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.drivings import PICTURES_AND_CLIPS
from openportrait.web.faces import FacePicker
from openportrait.web.jobs import data_url, reduced
from openportrait.web.page import handed_in
from openportrait.web.results import Results, Updates, begins, results
from openportrait.web.sessions import Session

SCREEN_SIZE, SCREEN_QUALITY = 1080, 85
"""Longer side in px and JPEG quality of the picture on the page; what is saved has neither limit."""
HEAD = ("pitch_degrees", "yaw_degrees", "roll_degrees", "move_x", "move_y", "move_z")
EYES = ("eye_ratio", "gaze_x", "gaze_y", "wink", "wink_left", "wink_right", "eyebrow", "eyebrow_left", "eyebrow_right")
MOUTH = ("lip_ratio", "lip_open", "grin", "smile", "smile_left", "smile_right", "pouting", "pursing")
RATIOS = ("eye_ratio", "lip_ratio")
VIEW = ["detection_threshold", *OF_A_SOURCE, "stitching"]
OF_A_CLIP = (
    "#### The whole video\nIts first frame is shown above. Here the sliders are added to every frame, over the face's "
    "own motion; the sound is kept. A timeline, below, runs along with it."
)
ASSETS = files("openportrait") / "assets" / "web"


@dataclass(frozen=True)
class Form:
    """The components that say what is edited, and how."""

    source: Any
    sliders: dict[str, Any]
    controls: Controls

    @property
    def inputs(self) -> list[Any]:
        """What every event of the tab takes."""
        return [self.source, *self.controls.components, *self.sliders.values()]

    def read(self, values: Sequence[Any]) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
        """(source, options, sliders) from what the components sent."""
        first = 1 + len(self.controls.by_name)
        sliders = dict(zip(self.sliders, values[first:], strict=True))
        return values[0], self.controls.values(values[1:first]), sliders


def edit_tab(context: Context) -> Form:
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
            faces = FacePicker(context, preview_source, "portrait", "edit-source")
            sliders = _sliders()
        with gr.Column(min_width=300, scale=3, elem_classes="op-sticky"):
            picture = gr.HTML(
                None,
                html_template=(ASSETS / "drag.html").read_text("utf-8"),
                js_on_load=(ASSETS / "drag.js").read_text("utf-8"),
                elem_id="edit-picture",
            )
            with gr.Row():
                reset = gr.Button("Reset", elem_id="edit-reset", size="md", min_width=90)
                save = gr.Button("Save picture", variant="primary", elem_id="edit-save", size="md", min_width=120)
                keep = gr.Button("Save expression", elem_id="edit-keep", size="md", min_width=120)
                load = handed_in(
                    gr.UploadButton(
                        "Load expression", file_types=[".json"], elem_id="edit-load", size="md", min_width=120
                    )
                )
            saved = gr.File(label="Files to download", interactive=False, visible=False, elem_id="edit-saved")
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
    faces.connect(controls, [source], "face", VIEW)
    tab = EditTab(context, form)
    begun = [*sliders.values(), picture]
    shown.start.click(begins(context), None, shown.asked, **AT_ONCE).then(
        tab.runner(shown), [shown.ticket, *form.inputs], shown.outputs, show_progress="hidden", **HIDDEN
    )
    face = controls.by_name["face"]
    others = [controls.by_name[name] for name in VIEW]
    moved = [event for slider in sliders.values() for event in (slider.input, slider.release)]
    shows = [*moved, *(component.change for component in others)]
    latest: dict[str, Any] = {"inputs": form.inputs, "trigger_mode": "always_last"}
    # The picker's event has the same triggers, see there.
    each: dict[str, Any] = {"inputs": form.inputs, "trigger_mode": "multiple"}
    gr.on([source.change, face.change], tab.open, outputs=[*begun, whole], show_progress="minimal", **each, **WORK)
    gr.on(shows, tab.show, outputs=picture, **latest, **WORK_AT_ONCE)
    reset.click(tab.open, form.inputs, [*begun, whole], **WORK_AT_ONCE)
    picture.drag(tab.drag, outputs=begun, **latest, **WORK_AT_ONCE)
    save.click(tab.save_picture, form.inputs, saved, **WORK)
    keep.click(tab.save_expression, form.inputs, saved, **WORK)
    load.upload(tab.load_expression, [load, *form.inputs], begun, show_progress="minimal", **WORK)
    return form


def _sliders() -> dict[str, Any]:
    known = {spec.name: spec for spec in specs(FaceEdit)}
    made = Controls("slider")
    for title, names in (("Head", HEAD), ("Eyes", EYES), ("Mouth", MOUTH)):
        with gr.Accordion(title, open=True), gr.Row(elem_classes="op-grid"):
            for name in names:
                made.slider(known[name])
    return made.by_name


class EditTab:
    """What the tab's events do."""

    def __init__(self, context: Context, form: Form) -> None:
        self._context, self._form = context, form

    def open(self, request: gr.Request, *values: Any) -> list[Any]:
        """Measure the portrait; sliders where its own face has them, and the panel of a whole clip for a clip."""
        session = self._context.session(request)
        if not values[0]:
            return [*(spec.default for spec in self._specs()), None, gr.update(visible=False)]
        with session.lock:
            editor = self._editor(session, values)
            moves = not is_still(Path(values[0]), editor.options)
            return [*self._all(editor, FaceEdit()), gr.update(visible=moves)]

    def show(self, request: gr.Request, *values: Any) -> Any:
        """The picture for the sliders."""
        session = self._context.session(request)
        if not values[0]:
            return None
        with session.lock:
            editor = self._editor(session, values)
            return on_screen(editor(self._wanted(editor, values)).image)

    def drag(self, request: gr.Request, event: gr.EventData, *values: Any) -> list[Any]:
        """The picture and the sliders after the mouse moved from one point to another; both 0..1 of the picture."""
        session = self._context.session(request)
        if not values[0]:
            return [gr.skip()] * (len(self._form.sliders) + 1)
        with session.lock:
            editor = self._editor(session, values)
            height, width = editor.picture.shape[:2]
            start, step = (_point(value, width, height) for value in (event.start, event.step))
            part, size = part_at(editor.face, *start), editor.face.size
            edit = dragged(self._wanted(editor, values), part, step[0] / size, step[1] / size)
            return self._all(editor, edit)

    def runner(self, shown: Results) -> Callable[..., Iterator[Updates]]:
        """What puts the sliders on every frame of a clip."""

        def run(request: gr.Request, ticket: str, *values: Any) -> Iterator[Updates]:
            session = self._context.session(request)
            path, chosen, _ = self._form.read(values)

            def work(progress: Any, cancel: Any) -> Any:
                clip, wanted = self._context.upload(path, "portrait"), self.wanted(request, *values)
                options = self._context.options(chosen)
                return edit(clip, wanted, session.room(), progress=progress, cancel=cancel, **options)

            yield from shown.follow(self._context, session, ticket, work)

        return run

    def save_picture(self, request: gr.Request, *values: Any) -> Any:
        """The picture in full quality."""
        session = self._context.session(request)
        with session.lock:
            source = given(values[0], "portrait")
            editor = self._editor(session, values)
            picture = editor(self._wanted(editor, values))
            path = session.room() / f"{source.stem}--edit.png"
            write_image(path, picture.image, alpha=picture.alpha)
        return gr.update(value=str(path), visible=True)

    def save_expression(self, request: gr.Request, *values: Any) -> Any:
        """The sliders as a small file."""
        session = self._context.session(request)
        path = session.room() / "expression.json"
        save_expression(path, self.wanted(request, *values))
        return gr.update(value=str(path), visible=True)

    def load_expression(self, request: gr.Request, path: str | None, *values: Any) -> list[Any]:
        """Sliders and picture of a saved expression."""
        session = self._context.session(request)
        with session.lock:
            edit = load_expression(given(path, "expression"))
            if not values[0]:
                return [*self._positions(None, edit), None]
            return self._all(self._editor(session, values), edit)

    def wanted(self, request: gr.Request, *values: Any) -> FaceEdit:
        """The expression that the sliders show."""
        session = self._context.session(request)
        with session.lock:
            return self._wanted(self._editor(session, values) if values[0] else None, values)

    def _editor(self, session: Session, values: Sequence[Any]) -> Editor:
        path, chosen, _ = self._form.read(values)
        source, options = given(path, "portrait"), Options.of(**self._context.options(chosen))
        if not session.knows(source, options):
            self._context.upload(path, "portrait")
        return session.editor(source, options)

    def _wanted(self, editor: Editor | None, values: Sequence[Any]) -> FaceEdit:
        sliders = self._form.read(values)[2]
        unmoved = dict(zip(self._form.sliders, self._positions(editor, FaceEdit()), strict=True))
        kept = {name: None for name in RATIOS if sliders[name] == unmoved[name]}
        return FaceEdit(**{**sliders, **kept})

    def _all(self, editor: Editor, edit: FaceEdit) -> list[Any]:
        return [*self._positions(editor, edit), on_screen(editor(edit).image)]

    def _positions(self, editor: Editor | None, edit: FaceEdit) -> list[float]:
        """Where the sliders stand for an edit: ratios that it leaves alone are the portrait's own."""
        own = {"eye_ratio": 0.0, "lip_ratio": 0.0}
        if editor is not None:
            ratios = editor.ratios
            own = {"eye_ratio": ratios.eyes, "lip_ratio": ratios.lip}
        values = ((name, getattr(edit, name)) for name in self._form.sliders)
        return [round(min(own[name], 0.8) if value is None else value, 3) for name, value in values]

    def _specs(self) -> list[Any]:
        known = {spec.name: spec for spec in specs(FaceEdit)}
        return [known[name] for name in self._form.sliders]


def on_screen(image: Image) -> dict[str, str]:
    """The picture as the page's script takes it."""
    return {"src": data_url(reduced(image, SCREEN_SIZE), SCREEN_QUALITY)}


def _point(value: Any, width: int, height: int) -> tuple[float, float]:
    """Px from shares of the picture. Raises OptionError for anything else."""
    try:
        right, down = (number(part, -1, 2, "a place") for part in value)
    except (TypeError, ValueError) as error:
        raise OptionError("the drag has no place in the picture; try again") from error
    return right * width, down * height
