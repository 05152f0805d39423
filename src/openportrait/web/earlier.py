"""The earlier results of a visitor: to be fetched, made again with the same settings, or deleted."""

from __future__ import annotations

from typing import Any

import gradio as gr

from openportrait.web.context import AT_ONCE, Context
from openportrait.web.memory import Memory
from openportrait.web.saving import files_of
from openportrait.web.sessions import Session


def earlier_panel(context: Context, memory: Memory) -> Any:
    """Lay out the panel and connect it. Gives the event after which earlier settings are shown."""
    with gr.Accordion("Earlier results", open=False, elem_id="earlier") as panel:
        chosen = gr.Radio([], label="Of this page, the newest first", elem_id="earlier-chosen")
        with gr.Row():
            again = gr.Button("Same settings again", interactive=False, size="md", elem_id="earlier-again")
            delete = gr.Button("Delete", variant="stop", interactive=False, size="md", elem_id="earlier-delete")
        files = gr.File(
            label="Files to download", interactive=False, visible=False, file_count="multiple", elem_id="earlier-files"
        )
    shown = [chosen, files, again, delete]

    def listed(request: gr.Request) -> list[Any]:
        """All of them, none chosen."""
        names = list(_names(context.session(request)).items())
        return [gr.update(choices=[(text, ticket) for ticket, text in names], value=None), *_details(None)]

    def choose(request: gr.Request, ticket: str | None) -> list[Any]:
        """The files of one, and what can be done with it."""
        job = context.session(request).jobs.get(ticket or "")
        made = job.result if job is not None else None
        return _details([str(path) for path in files_of(made)] if made is not None else None)

    def settings(request: gr.Request, ticket: str | None) -> dict[str, Any]:
        """What the page's controls showed when it was asked for."""
        session = context.session(request)
        job = session.jobs.get(ticket or "")
        return memory.found(context, session, job.settings, everything=True) if job is not None else {}

    def remove(request: gr.Request, ticket: str | None) -> list[Any]:
        """One is deleted, also where it was saved."""
        session = context.session(request)
        job = session.jobs.pop(ticket or "", None)
        made = job.result if job is not None else None
        if job is not None and made is not None:
            for path in (*files_of(made), *job.saved):
                path.unlink(missing_ok=True)
        return listed(request)

    panel.expand(listed, None, shown, **AT_ONCE)
    chosen.input(choose, chosen, shown[1:], **AT_ONCE)
    delete.click(remove, chosen, shown, **AT_ONCE)
    return memory.restore_after(again.click(settings, chosen, memory.again, **AT_ONCE), memory.again)


def _names(session: Session) -> dict[str, str]:
    """The results that are there, the newest first: ticket → how it is called."""
    made = {ticket: job.result for ticket, job in reversed(session.jobs.items()) if job.tab}
    return {
        ticket: f"{result.path.name}, {result.seconds:.0f} s of work"
        for ticket, result in made.items()
        if result is not None
    }


def _details(files: list[str] | None) -> list[Any]:
    able = gr.update(interactive=files is not None)
    return [gr.update(value=files, visible=files is not None), able, able]
