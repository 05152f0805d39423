"""Choosing a face: the first frame with the found faces drawn in, and the crop of the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from openportrait.media.listening import is_sound, sound_seconds
from openportrait.options import Options
from openportrait.pipeline.preview import Preview
from openportrait.records import Face, Image
from openportrait.templates import is_template, load_template
from openportrait.web.context import WORK, Context
from openportrait.web.controls import Controls
from openportrait.web.jobs import panel

PREVIEW_SIZE = 720
CHOSEN_COLOUR, OTHER_COLOUR, INK = (255, 122, 26), (235, 235, 235), (20, 20, 20)
NEAR = 40
"""A click so near a face counts, px of the drawn picture: what a finger misses."""

Look = Callable[[Path, Options], Preview]
Read = Callable[[Sequence[Any]], tuple[str | None, dict[str, Any]]]


def drawn(preview: Preview) -> Image:
    """The frame with a box around each face, the chosen ones in colour, and its number above; reduced for a page."""
    height, width = preview.image.shape[:2]
    factor = min(PREVIEW_SIZE / max(height, width), 1.0)
    size = (round(width * factor), round(height * factor))
    canvas = cv2.resize(preview.image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    line = max(2, round(max(size) / 300))
    for number, face in enumerate(preview.faces):
        colour = CHOSEN_COLOUR if any(face is chosen for chosen in preview.chosen) else OTHER_COLOUR
        left, top, right, bottom = (round(edge * factor) for edge in face.box)
        # Around the face, not across it: of a small one something is left to be seen.
        corners = (left - 2 * line, top - 2 * line), (right + 2 * line, bottom + 2 * line)
        cv2.rectangle(canvas, *corners, colour, line, cv2.LINE_AA)
        if len(preview.faces) > 1:
            _write(canvas, str(number), corners[0], colour, line)
    return canvas


def _write(canvas: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], line: int) -> None:
    """A number in a filled tag whose lower left corner is given; below it where there is no room above."""
    font, scale, pad = cv2.FONT_HERSHEY_SIMPLEX, 0.3 * line, 2 * line
    (width, height), _ = cv2.getTextSize(text, font, scale, line)
    x = min(max(corner[0], 0), canvas.shape[1] - width - 2 * pad)
    y = max(corner[1], height + 2 * pad)
    cv2.rectangle(canvas, (x, y - height - 2 * pad), (x + width + 2 * pad, y), colour, cv2.FILLED)
    cv2.putText(canvas, text, (x + pad, y - pad), font, scale, INK, line, cv2.LINE_AA)


def face_at(preview: Preview, x: float, y: float) -> int | None:
    """Number of the face at a point of the drawn picture, px, or the nearest one within `NEAR`.

    The smallest where several overlap.
    """
    factor = min(PREVIEW_SIZE / max(preview.image.shape[:2]), 1.0)

    def distance(face: Face) -> float:
        left, top, right, bottom = (edge * factor for edge in face.box)
        return float(np.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom)))

    found = [(distance(face), -number) for number, face in enumerate(preview.faces)]
    near, number = min(found, default=(np.inf, 0))
    return -number if near <= NEAR else None


def first(files: Sequence[str | None]) -> str | None:
    """The first file that is there."""
    return next((name for name in files if name), None)


def of_others(files: Sequence[str | None]) -> str | None:
    """The first of the other files; None as long as the first place is empty."""
    return first(files[1:]) if files[0] else None


class FacePicker:
    """The preview of one file and the control that names the face."""

    def __init__(
        self,
        context: Context,
        look: Look,
        what: str,
        elem_id: str,
        heading: str = "Faces: click to choose",
        *,
        several: bool = False,
    ) -> None:
        """`several`: shown only where there are several faces to choose from."""
        self._context, self._look, self._what, self._several = context, look, what, several
        self.note = gr.HTML(visible=False, elem_id=f"{elem_id}-note")
        with gr.Row(visible=False, elem_classes="op-preview") as self.row:
            self.picture = gr.Image(
                label=heading,
                interactive=False,
                type="filepath",
                buttons=[],
                scale=3,
                min_width=120,
                elem_id=f"{elem_id}-faces",
            )
            self.crop = gr.Image(
                label="Crop",
                interactive=False,
                type="filepath",
                buttons=[],
                scale=2,
                min_width=100,
                elem_id=f"{elem_id}-crop",
            )

    def connect(
        self,
        controls: Controls,
        files: list[Any],
        face: str,
        shown_by: list[str],
        *,
        chooser: Any = None,
        shows: Callable[[Sequence[str | None]], str | None] = first,
    ) -> None:
        """Show one of `files`; a click sets the option `face`; `shown_by` are options that change what is shown.

        `chooser`: a control that names the face in place of the option, unless it is empty. `shows`: the file to be
        shown, by what is there.
        """
        named_by = dict.fromkeys([chooser or controls.by_name[face], controls.by_name[face]])
        own = next(iter(named_by))
        inputs = [*files, own, *controls.components]
        outputs = [self.note, self.row, self.picture, self.crop]
        watched = [each.change for each in (*named_by, *(controls.by_name[name] for name in shown_by))]
        count = len(files)

        def read(given: Sequence[Any]) -> tuple[str | None, dict[str, Any]]:
            """The file to be shown, and the options."""
            named = {face: given[count]} if given[count] else {}
            return shows(given[:count]), {**controls.values(given[count + 1 :]), **named}

        gr.on(
            [*(file.change for file in files), *watched],
            self._shower(read),
            inputs,
            outputs,
            # Of several events of one trigger one may be `always_last`: two set each other off again, for ever.
            trigger_mode="always_last" if chooser is None else "multiple",
            show_progress="minimal",
            **WORK,
        )
        self.picture.select(self._chooser(read), inputs, own, show_progress="hidden", **WORK)

    def _shower(self, read: Read) -> Callable[..., tuple[Any, ...]]:
        def show(request: gr.Request, *given: Any) -> tuple[Any, ...]:
            path, values = read(given)
            session = self._context.session(request)
            if path is None:
                return gr.update(visible=False), gr.update(visible=False), None, None
            found = self._context.upload(path, self._what)
            described = _described(found)
            if described is not None:
                return gr.update(value=described, visible=True), gr.update(visible=False), None, None
            preview = self._preview(found, values)
            if self._several and len(preview.faces) < 2:
                return gr.update(visible=False), gr.update(visible=False), None, None
            shown, crop = session.picture(drawn(preview)), session.picture(preview.crop)
            return gr.update(visible=False), gr.update(visible=True), shown, crop

        return show

    def _chooser(self, read: Read) -> Callable[..., Any]:
        def choose(event: gr.SelectData, *given: Any) -> Any:
            path, values = read(given)
            if path is None:
                return gr.skip()
            preview = self._preview(self._context.upload(path, self._what), values)
            number = face_at(preview, *event.index)
            return str(number) if number is not None else gr.skip()

        return choose

    def _preview(self, path: Path, values: dict[str, Any]) -> Preview:
        return self._look(path, Options.of(**self._context.options(values)))


def _described(path: Path) -> str | None:
    """The message for a file that shows no face; None where that is allowed."""
    if is_sound(path):
        seconds = sound_seconds(path)
        return panel(f"Sound {path.name}", "the portrait speaks it" + (f", {seconds:.1f} s" if seconds else ""))
    if not is_template(path):
        return None
    template = load_template(path)
    seconds = float(len(template.motions) / template.rate)
    line = f"{len(template.motions)} frames, {seconds:.1f} s, made by the {template.engine} engine"
    return panel(f"Motion template {path.name}", line)
