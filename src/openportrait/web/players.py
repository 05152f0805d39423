"""What was handed in plays in the page, and a part of it is chosen there."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from openportrait.errors import OpenPortraitError
from openportrait.limits import TooMuch, check_upload
from openportrait.media import open_clip
from openportrait.media.listening import is_sound
from openportrait.options import TrimOptions
from openportrait.templates import is_template
from openportrait.web.checks import plainly
from openportrait.web.context import AT_ONCE, WORK_AT_ONCE, Context
from openportrait.web.controls import Controls
from openportrait.web.faces import first

UNTRIMMED = (0.0, "")
"""What the controls of a part show where all is used."""
ANIMATIONS = ("GIF", "WEBP", "PNG", "AVIF")
"""Kinds of clips for which browsers have no player."""


class Player:
    """Plays one of several files, and holds the controls of its part."""

    def __init__(self, context: Context, controls: Controls, name: str, elem_id: str) -> None:
        """Lay it out. `name`: source or driving, as the options of the part begin, which `controls` gets."""
        self._context = context
        self._what = name
        self.shown = gr.HTML(visible=False, elem_id=f"{elem_id}-player", elem_classes="op-player")
        with gr.Row(visible=False, elem_classes="op-grid op-part-of", elem_id=f"{elem_id}-part") as self.part:
            names = (f"{name}_start", f"{name}_end")
            controls.add(TrimOptions, only=names)
        self.ends = [controls.by_name[name] for name in names]
        """The controls of the part: its start, and its end."""
        with gr.Row(visible=False) as self.buttons:
            here = [
                gr.Button(text, size="sm", min_width=90, elem_id=f"{elem_id}-{text.split()[0].lower()}-here")
                for text in ("Start here", "End here")
            ]
        for button, end, made in zip(here, self.ends, ("", ".toString()"), strict=True):
            script = f"() => window.openportrait.stands('{elem_id}-player'){made}"
            button.click(None, None, end, js=script, queue=False)

    def connect(self, files: Sequence[Any]) -> None:
        """Play the first of `files` that is there. A new file is used from start to end, and removes the others."""
        for file in files:
            self._replaces(file, [other for other in files if other is not file])
        outputs = [self.shown, self.part, self.buttons]
        # Of several events of one trigger one may be `always_last`, see `FacePicker`.
        watched = [file.change for file in files]
        gr.on(watched, self._show, list(files), outputs, trigger_mode="multiple", **WORK_AT_ONCE)

    def whole_after(self, event: Any) -> Any:
        """After an event that hands in a file all of it is used. Gives the event after which that is so."""
        return event.then(lambda: UNTRIMMED, None, self.ends, **AT_ONCE)

    def _replaces(self, file: Any, others: Sequence[Any]) -> None:
        empty = (*[None] * len(others), *UNTRIMMED)

        def replace(*shown: Any) -> list[Any]:
            """Values that are right already are not set again: each change causes events."""
            return [gr.skip() if value == due else due for value, due in zip(shown, empty, strict=True)]

        changed = [*others, *self.ends]
        handed = {"file": "upload", "image": "input"}.get(file.get_block_name(), "stop_recording")
        # Also when one is taken away: the next may be too short for the part of this one.
        for event in (handed, "clear"):
            getattr(file, event)(replace, changed, changed, **AT_ONCE)

    def _show(self, *files: str | None) -> tuple[Any, Any, Any]:
        """The player, whether there is a part to choose, and whether a player says where."""
        path = first(files)
        player, has_part, told = "", False, ""
        # What is wrong with a file is told where its faces are looked for.
        with suppress(OpenPortraitError):
            if path is not None:
                found = self._context.upload(path, self._what)
                player, has_part = played(found)
                told = self._told(found)
        return (
            gr.update(value=player + told, visible=bool(player + told)),
            gr.update(visible=has_part),
            gr.update(visible=bool(player)),
        )

    def _told(self, path: Path) -> str:
        """HTML that says of a file that it is too long to be used whole; empty where it may be."""
        try:
            check_upload(path, self._context.limits)
        except TooMuch as error:
            return f"<p>{html.escape(plainly(error, self._context.sessions.root))}</p>"
        return ""


def played(path: Path) -> tuple[str, bool]:
    """HTML that plays a file, empty where nothing can; and whether it is long enough for a part. Raises MediaError."""
    address = html.escape(f"gradio_api/file={quote(str(path))}")
    if is_template(path):
        return "", True
    if is_sound(path):
        return f'<audio controls preload="metadata" src="{address}"></audio>', True
    info = open_clip(path).info
    if info.kind == "image" or info.container in ANIMATIONS:
        return "", info.kind != "image"
    return f'<video controls playsinline preload="metadata" src="{address}"></video>', True
