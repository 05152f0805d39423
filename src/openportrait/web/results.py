"""Where a job's results are shown: progress, picture or video, side by side, files to download."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from openportrait.errors import Cancelled, OpenPortraitError, OptionError
from openportrait.records import Result
from openportrait.web.checks import plainly
from openportrait.web.context import AT_ONCE, HIDDEN, WORK, Context
from openportrait.web.jobs import Job, Work, finished, panel
from openportrait.web.saving import files_of, gif_of
from openportrait.web.sessions import Session

Updates = tuple[Any, ...]

NOTHING_YET = panel("Nothing yet", "The result will appear here.")
REMOVED = panel("Removed", "This result is no longer here.")


@dataclass(frozen=True)
class Results:
    """The components of a tab that show a job and its results."""

    tab: str
    """What the components' ids in the page begin with."""
    ticket: Any
    """Which job the page waits for."""
    settings: Any
    """What the page's controls show when a job is asked for."""
    start: Any
    cancel: Any
    status: Any
    shelf: Any
    """What holds the components below; it is seen when there is a result."""
    video: Any
    image: Any
    strip_video: Any
    strip_image: Any
    files: Any
    gif: Any
    """The button that makes one."""

    @property
    def outputs(self) -> list[Any]:
        """What an event that runs a job updates."""
        return [
            self.start,
            self.cancel,
            self.status,
            self.shelf,
            self.video,
            self.image,
            self.strip_video,
            self.strip_image,
            self.files,
            self.gif,
        ]

    @property
    def asked(self) -> list[Any]:
        """What an event that asks for a job updates."""
        return [self.ticket, self.start, self.cancel, self.status]

    def runs_by(
        self,
        context: Context,
        trigger: Callable[..., Any],
        run: Callable[..., Iterator[Updates]],
        inputs: Sequence[Any],
    ) -> None:
        """`trigger` (`button.click`, `event.then`) asks for a job, which `run` does with the ticket and the `inputs`.

        The page brings the job's status into view, then its result.
        """
        show_job, show_result = (
            f"() => window.openportrait.{each}('{self.tab}')" for each in ("showJob", "showResult")
        )
        asked = trigger(_begins(context, self.tab), self.settings, self.asked, js=show_job, **AT_ONCE)
        done = asked.then(run, [self.ticket, *inputs], self.outputs, show_progress="hidden", **HIDDEN)
        done.then(None, None, None, js=show_result, **AT_ONCE)

    def follow(self, context: Context, session: Session, ticket: str, work: Work) -> Iterator[Updates]:
        """Run the job that was asked for and keep the page up to date. A refusal is shown where the result would be.

        Raises errors that are no OpenPortraitError.
        """
        job = session.jobs.get(ticket)
        if job is None or job.future is not None:
            raise OptionError("this job was not asked for; press the button anew")
        try:
            context.start(session, job, work)
        except OpenPortraitError as error:
            yield self._ended(panel("Nothing was made", plainly(error, context.sessions.root), alert=True))
            return
        yield from self._watch(context, job)

    def newest(self, session: Session) -> str | None:
        """The ticket of the tab's newest job that was started, if there is one."""
        own = (ticket for ticket, job in reversed(session.jobs.items()) if job.tab == self.tab and job.future)
        return next(own, None)

    def shown_again_after(self, context: Context, found: Any) -> None:
        """The job whose ticket was `found` is shown when the page was loaded anew."""

        def show(request: gr.Request, ticket: str) -> Iterator[Updates]:
            job = context.session(request).jobs.get(ticket)
            if job is None:
                yield gr.skip(), *self._ended(REMOVED)
                return
            yield from ((ticket, *updates) for updates in self._watch(context, job))

        found.change(show, found, [self.ticket, *self.outputs], show_progress="hidden", **HIDDEN)

    def _watch(self, context: Context, job: Job) -> Iterator[Updates]:
        """Keep the page up to date about a job that was started, until it ends."""
        try:
            for news in job.news():
                yield self._running(news) if isinstance(news, str) else self._done(context, job, news)
        except Cancelled:
            yield self._ended(panel("Stopped", "Nothing was written."))
        except OpenPortraitError as error:
            yield self._ended(panel("Nothing was made", plainly(error, context.sessions.root), alert=True))
        except Exception:
            yield self._ended(panel("Nothing was made", "See the message."))
            raise

    def _running(self, status: str) -> Updates:
        return (gr.update(interactive=False), gr.update(interactive=True), status, *[gr.skip()] * 7)

    def _ended(self, status: str) -> Updates:
        """No result is shown: that of an earlier job could be taken for this one's."""
        hidden = gr.update(visible=False)
        return (gr.update(interactive=True), gr.update(interactive=False), status, hidden, *[None] * 5, gr.skip())

    def _done(self, context: Context, job: Job, result: Result) -> Updates:
        if not result.path.exists():
            return self._ended(REMOVED)
        moves = result.rate is not None
        strip = str(result.side_by_side) if result.side_by_side else None
        return (
            gr.update(interactive=True),
            gr.update(interactive=False),
            finished(result, context.sessions.root, job.saved),
            gr.update(visible=True),
            gr.update(value=str(result.path) if moves else None, visible=moves),
            gr.update(value=None if moves else str(result.path), visible=not moves),
            gr.update(value=strip if moves else None, visible=moves),
            gr.update(value=None if moves else strip, visible=not moves),
            [str(path) for path in files_of(result)],
            gr.update(visible=moves),
        )


def results(context: Context, tab: str, button: str, *, strip: bool = True) -> Results:
    """Lay out a job's buttons and results."""
    with gr.Column(elem_id=f"{tab}-job", elem_classes="op-job"):
        with gr.Row(elem_classes="op-bar"):
            start = gr.Button(button, variant="primary", elem_id=f"{tab}-start", scale=3)
            cancel = gr.Button(
                "Cancel", variant="stop", interactive=False, elem_id=f"{tab}-cancel", scale=1, min_width=90
            )
        status = gr.HTML(NOTHING_YET, elem_id=f"{tab}-status")
        with gr.Column(visible=False) as shelf, gr.Tabs():
            with gr.Tab("Result"):
                video, image = _pair(tab, "result", "Result")
            with gr.Tab("Side by side", visible=strip):
                strip_video, strip_image = _pair(tab, "strip", "Driving, source, result")
            with gr.Tab("Files"):
                files = gr.File(
                    label="Files to download", interactive=False, file_count="multiple", elem_id=f"{tab}-files"
                )
                gif = gr.Button("Also as a GIF", size="md", elem_id=f"{tab}-gif")

    shown = Results(
        tab,
        gr.State(""),
        gr.JSON(visible=False),
        start,
        cancel,
        status,
        shelf,
        video,
        image,
        strip_video,
        strip_image,
        files,
        gif,
    )
    gif.click(_gif_maker(context), shown.ticket, files, show_progress="minimal", **WORK)
    cancel.click(_stopper(context), shown.ticket, shown.asked[1:], **AT_ONCE)
    return shown


def _stopper(context: Context) -> Callable[..., Updates]:
    def stop(request: gr.Request, ticket: str) -> Updates:
        session = context.session(request)
        job = session.jobs.get(ticket)
        if job is not None:
            job.stop.set()
        if job is not None and job.future is not None:
            # The job itself says that it has stopped; a word from here might come after that.
            return gr.skip(), gr.update(interactive=False), gr.skip()
        return gr.update(interactive=True), gr.update(interactive=False), panel("Stopped", "Nothing was written.")

    return stop


def _gif_maker(context: Context) -> Callable[[gr.Request, str], list[str]]:
    """A handler that adds a GIF to the files of a result."""

    def make(request: gr.Request, ticket: str) -> list[str]:
        job = context.session(request).jobs.get(ticket)
        made = job.result if job is not None else None
        if made is None:
            raise OptionError("this result is no longer here; make it again")
        gif_of(made.path)
        return [str(path) for path in files_of(made)]

    return make


def _pair(tab: str, name: str, label: str) -> tuple[Any, Any]:
    video = gr.Video(
        label=label,
        interactive=False,
        autoplay=True,
        loop=True,
        visible=True,
        buttons=["download"],
        elem_id=f"{tab}-{name}-video",
    )
    image = gr.Image(
        label=label,
        interactive=False,
        type="filepath",
        visible=False,
        buttons=["download", "fullscreen"],
        elem_id=f"{tab}-{name}-image",
    )
    return video, image


def _begins(context: Context, tab: str) -> Callable[[gr.Request, Any], Updates]:
    """A handler for the moment a job is asked for, before it waits in line: from then on it can be stopped."""

    def begin(request: gr.Request, settings: Any) -> Updates:
        ticket = context.session(request).begin(tab, settings if isinstance(settings, dict) else {})
        return ticket, gr.update(interactive=False), gr.update(interactive=True), panel("Waiting for its turn …")

    return begin
