"""What the events of the editor's tab do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.bounds import number
from openportrait.errors import OptionError
from openportrait.expressions import load_expression, save_expression
from openportrait.media import write_image
from openportrait.media.provenance import synthetic
from openportrait.options import FaceEdit, Options, specs
from openportrait.pipeline import edit
from openportrait.pipeline.editor import Editor, dragged, part_at
from openportrait.pipeline.source import is_still
from openportrait.records import Image
from openportrait.web.checks import given
from openportrait.web.context import Context
from openportrait.web.controls import Controls
from openportrait.web.history import History
from openportrait.web.jobs import data_url, reduced
from openportrait.web.presets import READY, Preset, expression, kept, pictures
from openportrait.web.results import Results, Updates
from openportrait.web.sessions import Session

SCREEN_SIZE, SCREEN_QUALITY = 1080, 85
"""Longer side in px and JPEG quality of the picture on the page; what is saved has neither limit."""
RATIOS = ("eye_ratio", "lip_ratio")


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


class EditTab:
    """What the tab's events do."""

    def __init__(self, context: Context, form: Form) -> None:
        self._context, self._form = context, form

    def open(self, request: gr.Request, *values: Any) -> list[Any]:
        """Measure the portrait; sliders where its own face has them, and the panel of a whole clip for a clip."""
        session = self._context.session(request)
        if not values[0]:
            rest = [spec.default for spec in self._specs()]
            return [*rest, None, *_steps(History()), gr.update(visible=False)]
        with session.lock:
            editor = self._editor(session, values)
            moves = not is_still(Path(values[0]), editor.options)
            history = History().add(session.expressions.get(_portrait(values[0], editor), FaceEdit()))
            before = on_screen(editor(FaceEdit()).image)["src"]
            shown = {"src": before, "before": before}
            if history.edit != FaceEdit():
                shown |= on_screen(editor(history.edit).image)
            return [*self._positions(editor, history.edit), shown, *_steps(history), gr.update(visible=moves)]

    def presets(self, request: gr.Request, own: tuple[Preset, ...], *values: Any) -> Any:
        """The ready expressions and the visitor's own, as pictures of the portrait."""
        session = self._context.session(request)
        if not values[0]:
            return None
        with session.lock:
            return pictures(self._editor(session, values), (*READY, *own), session.drawn)

    def remember(self, request: gr.Request, history: History, *values: Any) -> list[Any]:
        """What the sliders show as a step that can be undone."""
        return _steps(history.add(self.wanted(request, *values)))

    def stepper(self, by: int) -> Callable[..., list[Any]]:
        """What shows the expression before (−1) or after (1)."""

        def step(request: gr.Request, history: History, *values: Any) -> list[Any]:
            return self._moved_to(request, values, history.step(by))

        return step

    def reset(self, request: gr.Request, history: History, *values: Any) -> list[Any]:
        """The portrait as it is."""
        return self._moved_to(request, values, history.add(FaceEdit()))

    def own_ratio(self, name: str) -> Callable[..., list[Any]]:
        """What makes eyes or lips as open as the portrait's own again."""
        own: dict[str, Any] = {name: None}

        def take(request: gr.Request, history: History, *values: Any) -> list[Any]:
            return self._moved_to(request, values, history.add(replace(self.wanted(request, *values), **own)))

        return take

    def choose(
        self, request: gr.Request, event: gr.EventData, own: tuple[Preset, ...], history: History, *values: Any
    ) -> list[Any]:
        """A ready expression."""
        edit = expression(own, event.place)
        return self._moved_to(request, values, history if edit is None else history.add(edit))

    def _moved_to(self, request: gr.Request, values: Sequence[Any], history: History) -> list[Any]:
        """Sliders, picture and steps for where a history is now; the sliders alone where there is no portrait."""
        session = self._context.session(request)
        with session.lock:
            if not values[0]:
                return [*self._positions(None, history.edit), None, *_steps(history)]
            return [*self._all(session, values, history.edit), *_steps(history)]

    def show(self, request: gr.Request, *values: Any) -> Any:
        """The picture for the sliders."""
        session = self._context.session(request)
        if not values[0]:
            return None
        with session.lock:
            editor = self._editor(session, values)
            return self._shown(session, values, editor, self._wanted(editor, values))

    def drag(self, request: gr.Request, event: gr.EventData, history: History, *values: Any) -> list[Any]:
        """The picture and the sliders after the mouse moved from one point to another; both 0..1 of the picture."""
        session = self._context.session(request)
        if not values[0]:
            return [gr.skip()] * (len(self._form.sliders) + 1 + len(_steps(history)))
        with session.lock:
            editor = self._editor(session, values)
            height, width = editor.picture.shape[:2]
            start, step = (_point(value, width, height) for value in (event.start, event.step))
            part, size = part_at(editor.face, *start), editor.face.size
            edit = dragged(self._wanted(editor, values), part, step[0] / size, step[1] / size)
            return [*self._all(session, values, edit), *_steps(history.add(edit, gesture=start))]

    def runner(self, shown: Results) -> Callable[..., Iterator[Updates]]:
        """What puts the sliders on every frame of a clip."""

        def run(request: gr.Request, ticket: str, *values: Any) -> Iterator[Updates]:
            session = self._context.session(request)
            path, chosen, _ = self._form.read(values)

            def work(progress: Any, cancel: Any) -> Any:
                options = self._context.options({**chosen, "save_template": True})
                clip, wanted = self._context.source(path, "portrait", options), self.wanted(request, *values)
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
            write_image(path, picture.image, alpha=picture.alpha, description=synthetic(editor.engine.name))
        return gr.update(value=str(path), visible=True)

    def save_expression(self, request: gr.Request, own: tuple[Preset, ...], *values: Any) -> tuple[Any, ...]:
        """The sliders as a small file, and among the ready expressions."""
        session, edit = self._context.session(request), self.wanted(request, *values)
        path = session.room() / "expression.json"
        save_expression(path, edit)
        own = kept(own, edit)
        return gr.update(value=str(path), visible=True), own, self.presets(request, own, *values)

    def load_expression(self, request: gr.Request, path: str | None, history: History, *values: Any) -> list[Any]:
        """Sliders and picture of a saved expression."""
        return self._moved_to(request, values, history.add(load_expression(given(path, "expression"))))

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

    def _all(self, session: Session, values: Sequence[Any], edit: FaceEdit) -> list[Any]:
        editor = self._editor(session, values)
        return [*self._positions(editor, edit), self._shown(session, values, editor, edit)]

    def _shown(self, session: Session, values: Sequence[Any], editor: Editor, edit: FaceEdit) -> dict[str, str]:
        """The picture for an edit, which the session remembers."""
        session.remember(_portrait(values[0], editor), edit)
        return on_screen(editor(edit).image)

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


def _steps(history: History) -> list[Any]:
    """The history, and the buttons that go back and forth in it."""
    return [history, *(gr.update(interactive=there) for there in history.ends)]


def _portrait(path: str, editor: Editor) -> tuple[Path, str]:
    """What an expression belongs to: a file, and which of its faces."""
    return Path(path), editor.options.faces.face


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
