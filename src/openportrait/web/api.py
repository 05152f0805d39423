"""The HTTP API: animate and edit, for programs (through the Gradio client)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client import handle_file

from openportrait.bounds import shown
from openportrait.drivings import MOST_DRIVINGS, Driving
from openportrait.errors import OptionError
from openportrait.options import FaceEdit, OptionSpec, specs
from openportrait.pipeline import animate, edit
from openportrait.records import Result
from openportrait.web.checks import plainly
from openportrait.web.context import Context
from openportrait.web.examples import SENT
from openportrait.web.jobs import Work
from openportrait.web.page import handed_in
from openportrait.web.sessions import Session


def api(context: Context) -> None:
    """Add the endpoints `/animate` and `/edit`. Options and sliders are objects of flat names, as in Python."""
    with gr.Row(visible=False):
        source, driving = (_sent(context, name, label) for name, label in zip(SENT, ("Source", "Driving"), strict=True))
        options = _described(gr.JSON({}, label="Options"), {})
        sliders = _described(gr.JSON({}, label="Sliders"), {"smile": 1.0})
        further = _described(gr.JSON([], label="Further drivings"), [])
        files = gr.File(label="Files", file_count="multiple")
        facts = gr.JSON(label="Facts")
        call_animate, call_edit = gr.Button(), gr.Button()

    def animate_files(
        request: gr.Request,
        source: str,
        driving: str,
        options: dict[str, Any] | None = None,
        drivings: list[dict[str, Any]] | None = None,
    ) -> tuple[list[str], dict[str, Any]]:
        """Animate `source` by `driving` and by further `drivings`: objects of a file and what it moves.

        Gives the files (the result first) and facts about it.
        """
        session, chosen = context.session(request), context.options(_named(options, "options"))

        def work(progress: Any, cancel: Any) -> Result:
            portrait, mover = context.source(source, "source", chosen), context.driving(driving, "driving", chosen)
            movers = [mover, *_further(context, session, drivings, chosen)]
            return animate(portrait, movers, session.room(), progress=progress, cancel=cancel, **chosen)

        return _answer(_done(context, session, work), context.sessions.root)

    def edit_files(
        request: gr.Request, source: str, sliders: dict[str, Any] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[list[str], dict[str, Any]]:
        """Edit `source`, a picture or a clip, by `sliders`. Gives the files (the result first) and facts about it."""
        session, chosen = context.session(request), context.options(_named(options, "options"))
        wanted = _face_edit(_named(sliders, "sliders"))

        def work(progress: Any, cancel: Any) -> Result:
            portrait = context.source(source, "source", chosen)
            return edit(portrait, wanted, session.room(), progress=progress, cancel=cancel, **chosen)

        return _answer(_done(context, session, work), context.sessions.root)

    everyone: dict[str, Any] = {"concurrency_limit": None}
    made = [files, facts]
    call_animate.click(animate_files, [source, driving, options, further], made, api_name="animate", **everyone)
    call_edit.click(edit_files, [source, sliders, options], made, api_name="edit", **everyone)


def _sent(context: Context, name: str, label: str) -> Any:
    """A component for a file; the description of the API has a call send an example, so that the call can be tried."""
    component = handed_in(gr.File(label=label))
    address = next((address for address, path in context.samples.items() if path.name == name), None)
    return _described(component, handle_file(address)) if address is not None else component


def _described(component: Any, example: Any) -> Any:
    """A component of which the description of the API shows this value. Gradio's own fit no call of this app."""
    component.example_payload = lambda: example
    return component


def _done(context: Context, session: Session, work: Work) -> Result:
    """The result of a job that waits in the same line as the page's. Raises what it raises."""
    ticket = session.begin("", {})
    job = session.jobs[ticket]
    try:
        job.start(work, session.key, context.line, context.limits)
        return next(made for made in job.news() if isinstance(made, Result))
    finally:
        session.jobs.pop(ticket, None)


def _named(values: Any, what: str) -> dict[str, Any]:
    """An object of names. Raises OptionError for anything else, and for what only the app's starter may choose."""
    if not isinstance(values or {}, dict):
        raise OptionError(f"{what} is no object of names and values; give one")
    if "weights" in (values or {}):
        raise OptionError("the weights are chosen where the app is started; leave them out")
    return dict(values or {})


def _further(context: Context, session: Session, given: Any, options: Mapping[str, Any]) -> list[Driving]:
    """Drivings as they are sent: `{"file": …, "region": "lip"}`. Raises OptionError, MediaError or TemplateError."""
    if not isinstance(given or [], list):
        raise OptionError("the drivings are no list; give a list of objects, each with a file")
    if len(given or []) >= MOST_DRIVINGS:
        raise OptionError(f"there are {len(given) + 1} drivings; give at most {MOST_DRIVINGS}")
    known = [spec.name for spec in specs(Driving)]
    found = []
    for number, one in enumerate(given or [], 2):
        values = _named(one, what := f"driving {number}")
        file = values.pop("file", None) or {}
        if not isinstance(file, dict):
            raise OptionError(f"the file of {what} is none; send one that was uploaded")
        if strange := sorted(set(values) - set(known)):
            raise OptionError(f"{what} has no option {shown(strange[0])}; known are {', '.join(known)}")
        # A file without the mark of one has not been looked at on its way in.
        path = str(context.sessions.own_file(session.name, str(file["path"]))) if "path" in file else None
        found.append(context.driving(path, what, options, **values))
    return found


def _face_edit(values: dict[str, Any]) -> FaceEdit:
    known: dict[str, OptionSpec] = {spec.name: spec for spec in specs(FaceEdit)}
    if strange := sorted(set(values) - set(known)):
        raise OptionError(f"there is no slider {strange[0]}; known are {', '.join(known)}")
    return FaceEdit(**values)


def _answer(made: Result, root: Path) -> tuple[list[str], dict[str, Any]]:
    paths = [path for path in (made.path, made.side_by_side, made.template) if path is not None]
    # The files go by themselves: an object with a path in it would be taken for one, too.
    facts = {name: value for name, value in made.as_dict().items() if name not in ("path", "side_by_side", "template")}
    facts["warnings"] = [plainly(warning, root) for warning in made.warnings]
    return [str(path) for path in paths], facts
