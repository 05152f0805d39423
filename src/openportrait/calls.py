"""Runs a call from Python: inputs of any kind become files, and messages use the caller's names for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openportrait import pipeline
from openportrait.arguments import named, named_in_errors
from openportrait.drivings import AnyDrivings, Driving, listed
from openportrait.expressions import Timeline
from openportrait.files import AnyPath
from openportrait.media import AnyInput, Inputs
from openportrait.notebook import ProgressBar, in_notebook
from openportrait.options import Options, RetargetOptions
from openportrait.pipeline import CancelCheck, Job, ProgressCallback, RetargetJob, Tools
from openportrait.pipeline.crew import Hire
from openportrait.pipeline.driving import MeasuredDriving, of_template, options_of
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.source import AnySource
from openportrait.pipeline.writing import keep
from openportrait.records import FaceEdit, Result, Template


class Call:
    """One call from Python with its inputs and its jobs. `call` makes it."""

    def __init__(
        self,
        tools: Tools | None,
        options: Mapping[str, Any],
        progress: ProgressCallback | None,
        cancel: CancelCheck | None,
        stack: ExitStack,
    ) -> None:
        """`options`: flat names. `tools`: none for those that the options name, loaded when they are needed."""
        self.options = Options.of(**options)
        self.watch = Watch(progress, cancel)
        self._tools = tools
        self._flat = options
        self._given: dict[str, Any] = {"tools": tools, "progress": progress, "cancel": cancel, **options}
        self._stack = stack
        self._named: list[Inputs] = []
        self._own = Inputs(self.options.crop.max_gigapixels)
        self.know(self._own)
        self._closing = stack.enter_context(ExitStack())
        self._closing.callback(self._own.close)

    def know(self, inputs: object) -> None:
        """Use the caller's names for these inputs, too."""
        if isinstance(inputs, Inputs) and inputs not in self._named:
            self._named.append(inputs)
            self._stack.enter_context(inputs.named_in_errors())

    def keep(self) -> Inputs:
        """Keep the inputs of this call for as long as its result needs them."""
        self._closing.pop_all()
        return self._own

    def source(self, given: AnyInput) -> Path:
        """The source as a file."""
        return self._own.file(given, "source")

    def drivings(self, given: AnyDrivings) -> list[Driving]:
        """The drivings, each as a file or measured already."""
        several = enumerate(listed(given))
        return [self._driving(one, f"driving[{place}]" if place else "driving") for place, one in several]

    def _driving(self, given: Driving, argument: str) -> Driving:
        if isinstance(given.file, MeasuredDriving):
            self.know(given.file.keeper)
            return given
        if isinstance(given.file, Template):
            part = options_of(given, self.options).trim.driving
            measured = of_template(given.file, Path(argument), part)
            return replace(given, file=measured, start_seconds=None, end_seconds=None)
        return replace(given, file=self._own.file(given.file, argument))

    def job(self, source: AnySource, driving: AnyDrivings) -> Job:
        """The source and its drivings, ready to be rendered."""
        job = pipeline.open_job(source, self.drivings(driving), self.options, self.watch, self._tools)
        job.said = self.said
        return job

    def animate(
        self, source: AnySource, driving: AnyDrivings, output: AnyPath | None, hire: Hire | None = None
    ) -> Result:
        """The source moves like its drivings. `hire`: as `pipeline.animate` takes it."""
        if output is None:
            return keep(self.job(source, driving))
        return self._told(pipeline.animate(source, self.drivings(driving), output, hire=hire, **self._given))

    def edit(self, source: AnySource, wanted: FaceEdit | Timeline, output: AnyPath | None) -> Result:
        """The source has its sliders."""
        if output is None:
            options = pipeline.editing_options(**self._flat)
            return self._told(keep(pipeline.open_edit(source, wanted, options, self.watch, self._tools)))
        return self._told(pipeline.edit(source, wanted, output, **self._given))

    def retarget(self, source: AnySource, wanted: RetargetOptions, output: AnyPath | None) -> Result:
        """The clip has its eyes and lips as open as wanted."""
        if output is None:
            return self._told(keep(RetargetJob(source, wanted, self.options, self.watch, self._tools)))
        return self._told(pipeline.retarget(source, wanted, output, **self._given))

    def said(self, text: str) -> str:
        """A text in the caller's words."""
        for inputs in self._named:
            text = inputs.named(text)
        return named(text)

    def _told(self, result: Result) -> Result:
        return replace(result, warnings=tuple(map(self.said, result.warnings)))


@contextmanager
def call(
    tools: Tools | None,
    options: Mapping[str, Any],
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    known: Inputs | None = None,
) -> Iterator[Call]:
    """A context in which a call is done. `known`: inputs of an earlier call that messages may name.

    In a notebook progress shows by itself.
    """
    if progress is None and in_notebook():
        progress = ProgressBar()
    with named_in_errors(), ExitStack() as stack:
        made = Call(tools, options, progress, cancel, stack)
        made.know(known)
        yield made
