"""The page."""

from __future__ import annotations

from typing import Any

import gradio as gr

from openportrait.web.animate import animate_tab
from openportrait.web.api import api
from openportrait.web.context import Context
from openportrait.web.earlier import earlier_panel
from openportrait.web.edit import edit_tab
from openportrait.web.examples import Example
from openportrait.web.live import live_tab
from openportrait.web.memory import Memory
from openportrait.web.page import Page
from openportrait.web.retarget import retarget_tab
from openportrait.web.timeline import timeline_panel

TITLE = "OpenPortrait"
HEAD = "# OpenPortrait\nA portrait moves like a face you show it."
THREADS = 200
"""Events at work at once. One visitor's slow events and jobs are bounded, so that many visitors fit."""
MOST_QUEUED = 1000
"""Events that wait for a thread; further ones are refused."""


def build(context: Context, examples: list[Example]) -> Any:
    """The app as Gradio blocks, not yet started."""
    with Page(context.sessions, context.samples, title=TITLE, analytics_enabled=False, fill_width=False) as blocks:
        # At first: Gradio makes the whole application anew for it.
        blocks.queue(max_size=MOST_QUEUED, default_concurrency_limit=None)
        gr.Markdown(HEAD, elem_id="op-head")
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Animate", id="animate"):
                animated, moves = animate_tab(context, examples)
            with gr.Tab("Edit", id="edit"):
                form, edited = edit_tab(context)
                played = timeline_panel(context, form)
            with gr.Tab("Retarget", id="retarget"):
                retargeted = retarget_tab(context)
            with gr.Tab("Live", id="live"):
                live_tab(context)
        memory = Memory(blocks)
        again = earlier_panel(context, memory)
        back = memory.connect(context, blocks, [animated, edited, played, retargeted])
        moves.settle_after(*back)
        moves.settle_after(again, memory.again)
        api(context)

        def leave(request: gr.Request) -> None:
            context.sessions.leave(request.session_hash)

        blocks.unload(leave)
    return blocks
