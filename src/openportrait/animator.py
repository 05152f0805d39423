"""The Python API: an `Animator` has its engine loaded once; what is analysed once serves any number of jobs.

`animate`, `edit`, `perform`, `retarget` and `stream` are short forms of it, for a single job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, Unpack

from openportrait.arguments import named_in_errors
from openportrait.calls import Call, call
from openportrait.drivings import AnyDriving, AnyDrivings
from openportrait.errors import OptionError
from openportrait.expressions import Timeline
from openportrait.files import AnyPath
from openportrait.keywords import AnimatorOptions, CallOptions, DrivingOptions, JobOptions
from openportrait.media import AnyInput
from openportrait.options import EngineOptions, RetargetOptions
from openportrait.pipeline import CancelCheck, Job, ProgressCallback, Tools, measure
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.pipeline.output import DEFAULT_FOLDER
from openportrait.pipeline.source import open_source
from openportrait.portrait import Portrait
from openportrait.records import FaceEdit, Result, Template


class Animator:
    """Animates portraits with an engine that is loaded once. A context manager; several threads may use it at once.

    A source or driving may be a path, the content of a file (bytes, or an open binary file), an array (H, W, 3 or 4)
    of RGB uint8, a picture of PIL, or a clip, `Frames(pictures, rate)`; a driving also a `Template`, a sound that is
    spoken (a path, or `Samples(samples, rate)`), or what `driving` measured. Whatever goes wrong is one of
    `openportrait.errors`.
    """

    def __init__(self, **options: Unpack[AnimatorOptions]) -> None:
        """Raises OptionError, EngineError or WeightsError where the engine cannot be loaded."""
        with named_in_errors():
            self._tools: Tools | None = Tools.load(EngineOptions(**options))  # type: ignore[arg-type]  # a path as text
        self._engine: Mapping[str, Any] = options

    def animate(
        self,
        source: AnyInput,
        driving: AnyDrivings,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Result:
        """Animate the portrait `source` by `driving`, or by several: `["a.mp4", Driving("b.mp4", region="lip")]`.

        `output` is a file, whose suffix decides the format, or a folder. Without one nothing is written: the result
        has the exact pictures, `result.image` or `result.pictures()`, without sound.
        `options` are the flat names of docs/OPTIONS.md, e.g. `region="lip"`. `progress` is called with a `Progress`
        record; `cancel` is asked now and then, True stops the job. What fails leaves nothing behind, unless
        `keep_partial` is set.
        """
        with self._call(options, progress, cancel) as made:
            return made.animate(made.source(source), driving, output)

    @contextmanager
    def stream(
        self,
        source: AnyInput,
        driving: AnyDrivings,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Iterator[Job]:
        """The same picture by picture: `with animator.stream(a, b) as job: for picture in job: ...`.

        The job tells its `rate`, `frames` and `warnings`; each `Picture` holds an (H, W, 3) RGB `image`. Leaving the
        context ends an iteration that is half way.
        """
        with self._call(options, progress, cancel) as made, closing(made.job(made.source(source), driving)) as job:
            yield job

    def edit(
        self,
        source: AnyInput,
        wanted: FaceEdit | Timeline,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Result:
        """Change the expression and pose of a picture or clip by sliders, or by a timeline of them.

        A picture with a timeline becomes a clip; a clip keeps its length and, in a file, its sound. Otherwise as
        `animate`.
        """
        with self._call(options, progress, cancel) as made:
            return made.edit(made.source(source), wanted, output)

    def perform(
        self,
        source: AnyInput,
        timeline: Timeline,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Result:
        """Let `source` play a timeline of expressions: as `edit`."""
        return self.edit(source, timeline, output, progress=progress, cancel=cancel, **options)

    def retarget(
        self,
        source: AnyInput,
        wanted: RetargetOptions,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Result:
        """Change how open the eyes and lips of a clip are. Otherwise as `animate`."""
        with self._call(options, progress, cancel) as made:
            return made.retarget(made.source(source), wanted, output)

    def portrait(
        self,
        source: AnyInput,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[CallOptions],
    ) -> Portrait:
        """Find and measure the faces of `source` once, for any number of drivings and edits.

        With `face="all"` each face may be named by a driving: `Driving(file, face="left")`.
        """
        with self._call(options, progress, cancel) as made:
            tools = self._loaded
            opened = open_source(made.source(source), tools, made.options, made.watch)
            return Portrait(opened, tools, {**self._engine, **options}, made.keep())

    def driving(
        self,
        driving: AnyDriving,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[DrivingOptions],
    ) -> MeasuredDriving:
        """Measure the motion of `driving` once, for any number of portraits: give it in place of the file."""
        with self._call(options, progress, cancel) as made:
            [(given, measured)] = measure(made.drivings(driving), self._loaded, made.options, made.watch)
            if given.file is measured:
                return measured
            return replace(measured, warnings=tuple(map(made.said, measured.warnings)), keeper=made.keep())

    def template(
        self,
        driving: AnyDriving,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[DrivingOptions],
    ) -> Template:
        """The motion of `driving` alone: `save_template` writes it, and it drives without the driving's pixels."""
        return self.driving(driving, progress=progress, cancel=cancel, **options).template

    def close(self) -> None:
        """Let go of the engine. Portraits and sessions that were made with it keep what they need."""
        self._tools = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _loaded(self) -> Tools:
        if self._tools is None:
            raise OptionError("the animator is closed; make another")
        return self._tools

    def _call(
        self, options: Mapping[str, Any], progress: ProgressCallback | None, cancel: CancelCheck | None
    ) -> AbstractContextManager[Call]:
        for name in options:
            if name in AnimatorOptions.__optional_keys__:
                raise OptionError(f"{name} is chosen when the animator is made; give it to Animator")
        return call(self._loaded, {**self._engine, **options}, progress, cancel)


def animate(
    source: AnyInput,
    driving: AnyDrivings,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Unpack[JobOptions],
) -> Result:
    """Animate `source` by `driving` into a file: as `Animator.animate`, with an engine of its own.

    Without an `output` it lies in `animations/`, named `<source>--<driving>`.
    """
    with call(None, options, progress, cancel) as made:
        return made.animate(made.source(source), driving, DEFAULT_FOLDER if output is None else output)


@contextmanager
def stream(
    source: AnyInput,
    driving: AnyDrivings,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Unpack[JobOptions],
) -> Iterator[Job]:
    """The same picture by picture: as `Animator.stream`, with an engine of its own."""
    with call(None, options, progress, cancel) as made, closing(made.job(made.source(source), driving)) as job:
        yield job


def edit(
    source: AnyInput,
    wanted: FaceEdit | Timeline,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Unpack[JobOptions],
) -> Result:
    """Change the expression and pose of `source`: as `Animator.edit`, with an engine of its own.

    Without an `output` it lies in `animations/`, named `<source>--edit`, or `<source>--timeline`.
    """
    with call(None, options, progress, cancel) as made:
        return made.edit(made.source(source), wanted, DEFAULT_FOLDER if output is None else output)


def perform(
    source: AnyInput,
    timeline: Timeline,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Unpack[JobOptions],
) -> Result:
    """Let `source` play a timeline of expressions: as `edit`."""
    return edit(source, timeline, output, progress=progress, cancel=cancel, **options)


def retarget(
    source: AnyInput,
    wanted: RetargetOptions,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Unpack[JobOptions],
) -> Result:
    """Change how open the eyes and lips of a clip are: as `Animator.retarget`, with an engine of its own.

    Without an `output` it lies in `animations/`, named `<source>--retarget`.
    """
    with call(None, options, progress, cancel) as made:
        return made.retarget(made.source(source), wanted, DEFAULT_FOLDER if output is None else output)
