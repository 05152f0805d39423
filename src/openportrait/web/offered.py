"""Examples of a tab that takes one file: a click hands one in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.web.context import AT_ONCE, Context

PICTURES = (".jpg", ".png")


def offer(context: Context, tab: str, files: Sequence[tuple[Path, str]], target: Any, label: str = "Examples") -> Any:
    """Lay out files with their captions, pictures as such, and connect them to the component that takes one.

    Gives the event that hands one in; None where there is no file.
    """
    if not files:
        return None
    pictured = all(path.suffix in PICTURES for path, _ in files)
    columns = [gr.Image(visible=False)] if pictured else []
    table = gr.Dataset(
        components=[*columns, gr.Textbox(visible=False)],
        samples=[[*([str(path)] if pictured else []), caption] for path, caption in files],
        type="index",
        label=label,
        elem_id=f"{tab}-examples",
        elem_classes="op-examples",
    )

    def hand_in(request: gr.Request, index: int) -> str:
        return str(context.sessions.adopt(request.session_hash, files[index][0]))

    return table.click(hand_in, table, target, **AT_ONCE)
