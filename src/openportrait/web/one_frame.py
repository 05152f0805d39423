"""One frame of a job before the job: what all options make of one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from openportrait import pipeline
from openportrait.batches.shelf import Shelf, as_measured
from openportrait.drivings import Driving
from openportrait.media.stills import on_white
from openportrait.options import Options
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.preview import measured_near, picture_at
from openportrait.pipeline.source import Opened, is_still
from openportrait.web.context import WORK, Context

HEIGHT = 320
"""Of the picture on the page, px: the button that starts the job stays in view below it."""


class Asked(NamedTuple):
    """What a job is asked for by what the page's components sent."""

    source: Path
    drivings: list[Driving]
    """The tab's own first, which begins with the result."""
    options: dict[str, Any]


class OneFrame:
    """A button that shows one picture of what the job would make, and the second of the driving that it is of."""

    def __init__(self, context: Context, tab: str) -> None:
        """Lay it out."""
        self._context = context
        with gr.Row(elem_classes="op-one-frame"):
            self._second = gr.Number(0.0, minimum=0, label="At second", min_width=110, elem_id=f"{tab}-second")
            self._button = gr.Button("Preview one frame", scale=2, min_width=150, elem_id=f"{tab}-preview")
        self._picture = gr.Image(
            label="One frame",
            visible=False,
            interactive=False,
            type="filepath",
            height=HEIGHT,
            buttons=["fullscreen"],
            elem_id=f"{tab}-one-frame",
        )

    def connect(self, inputs: Sequence[Any], read: Callable[[Sequence[Any]], Asked]) -> None:
        """`read`: what is asked for, from what the `inputs` sent; raises what is wrong with it."""

        def show(request: gr.Request, second: float | None, *given: Any) -> Any:
            session, asked = self._context.session(request), read(given)
            options = Options.of(**asked.options)
            watch = Watch(None, session.closed.is_set)
            with session.measuring:
                shelf = session.shelf(options.engine)
                source = shelf.source(asked.source, asked.drivings, options, watch)
                seconds = (second or 0.0) - (asked.drivings[0].start_seconds or 0.0)
                drivings = _measured(shelf, asked.drivings, source, options, seconds, watch)
                job = pipeline.open_job(source, drivings, options, watch, shelf.tools)
                picture = picture_at(job, seconds)
            return gr.update(value=session.picture(on_white(picture.image, picture.alpha)), visible=True)

        self._button.click(
            show, [self._second, *inputs], self._picture, trigger_mode="once", show_progress="minimal", **WORK
        )


def _measured(
    shelf: Shelf, given: Sequence[Driving], source: Opened, options: Options, seconds: float, watch: Watch
) -> list[Driving]:
    """The drivings; the first one as far as the moment needs it, where the source is a picture."""

    def measure(part: Driving) -> MeasuredDriving:
        return shelf.measured(part, options, watch)

    near = None
    if is_still(source, options):
        near = measured_near(given[0], options, max(seconds, 0.0), shelf.tools, measure)
    known = [near or measure(given[0]), *map(measure, given[1:])]
    return [as_measured(one, measured) for one, measured in zip(given, known, strict=True)]
