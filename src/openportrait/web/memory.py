"""What a page shows is found again after it was loaded anew: its controls, its files and its jobs.

The browser keeps it for each of its tabs (`page.js`): what the controls show by their ids, and the key of the
visitor's session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import gradio as gr

from openportrait.errors import OpenPortraitError
from openportrait.web.context import AT_ONCE, Context
from openportrait.web.results import Results
from openportrait.web.sessions import Session

REMEMBERED = (gr.Checkbox, gr.Dropdown, gr.JSON, gr.Number, gr.Radio, gr.Slider, gr.Textbox)
FILES = (gr.Audio, gr.File, gr.Image, gr.Video)
NOT_OURS = "slider-"
"""The editor's sliders are kept with its portrait, see `EditTab.open`."""


class Memory:
    """The controls of a page that are remembered."""

    def __init__(self, blocks: gr.Blocks) -> None:
        """All that can be set and have ids."""
        self._parts: dict[str, Any] = {
            part.elem_id: part
            for part in blocks.blocks.values()
            if part.elem_id
            and not part.elem_id.startswith(NOT_OURS)
            and (isinstance(part, REMEMBERED) or (isinstance(part, FILES) and part.interactive is not False))
        }
        self.again = gr.JSON(visible=False)
        """What an event that puts settings back gives, see `restore_after`."""

    def connect(self, context: Context, blocks: Any, shown: Sequence[Results]) -> tuple[Any, Any]:
        """Keep what changes; put it back when the page is loaded, then go on showing its jobs.

        Gives the event after which it is back, and what holds that.
        """
        parts = list(self._parts.values())
        kept, key, found = gr.JSON(visible=False), gr.Textbox(visible=False), gr.JSON(visible=False)
        names = list(self._parts)
        # Pressed by the page's script. Gradio takes too long where each of so many controls has an event of its own.
        keep = gr.Button("Keep", visible="hidden", elem_id="op-keep")
        handed = [part.change for part in parts if isinstance(part, (*FILES, gr.JSON))]
        gr.on(
            [keep.click, *handed],
            None,
            parts,
            None,
            js=f"(...values) => window.openportrait.keep({names}, values)",
            # Of several events of one trigger one may be `always_last`, see `FacePicker`.
            trigger_mode="multiple",
            **AT_ONCE,
        )

        # A ticket sets off what shows its job: a new page has none, and asks for nothing more.
        running = [gr.Textbox(visible=False) for _ in shown]

        def back(request: gr.Request, stored: Any) -> list[Any]:
            given = stored if isinstance(stored, dict) else {}
            session = context.sessions.rejoin(request.session_hash, str(given.get("key", "")))
            tickets = [each.newest(session) or gr.skip() for each in shown]
            return [session.key, self.found(context, session, given.get("settings")), *tickets]

        for each, ticket in zip(shown, running, strict=True):
            each.shown_again_after(context, ticket)
        event = blocks.load(back, kept, [key, found, *running], js="() => [window.openportrait.stored()]", **AT_ONCE)
        event = event.then(None, key, None, js="key => window.openportrait.ready(key)", **AT_ONCE)
        return self.restore_after(event, found), found

    def restore_after(self, event: Any, found: Any) -> Any:
        """After an event the controls show what it `found`. Gives the event after which they do."""
        names = list(self._parts)
        restore = f"found => window.openportrait.restore({names}, found)"
        return event.then(None, found, list(self._parts.values()), js=restore, **AT_ONCE)

    def found(self, context: Context, session: Session, settings: Any, *, everything: bool = False) -> dict[str, Any]:
        """The settings that are not as they are at first, or all, without files that are no longer there."""
        given = settings if isinstance(settings, Mapping) else {}
        values = {name: given[name] for name, part in self._parts.items() if name in given}
        found = {}
        for name, value in values.items():
            if isinstance(self._parts[name], FILES):
                with suppress(OpenPortraitError):
                    if isinstance(value, dict):
                        found[name] = {"file": str(context.sessions.own_file(session.name, str(value.get("file"))))}
            elif everything or value != self._parts[name].value:
                found[name] = value
        return found
