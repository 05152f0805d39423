"""From a source and a driving to a finished file, and the same as a stream of pictures.

The main job is read in this order: `animate` here, `source.py`, `driving.py`, `playing.py`, `job.py`,
`render.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openportrait import leaving
from openportrait.drivings import AnyDriving, Driving, listed
from openportrait.errors import Cancelled, OpenPortraitError
from openportrait.expressions import Timeline
from openportrait.files import AnyPath
from openportrait.media import (
    Clip,
    Sound,
    Writer,
    check_output,
    check_suffix,
    check_transparency,
    is_picture,
    open_writer,
    together,
    write_image,
)
from openportrait.options import BACKGROUND_TRANSPARENT, EDIT_SCALE, Options, OutputOptions, RetargetOptions
from openportrait.pipeline.background import Background
from openportrait.pipeline.driving import RATE_OF_STILLS, MeasuredDriving, open_driving, open_driving_clip
from openportrait.pipeline.editing import EditJob
from openportrait.pipeline.flow import CancelCheck, ProgressCallback, Watch, ahead
from openportrait.pipeline.job import Job
from openportrait.pipeline.output import Targets, name_targets, side_by_side
from openportrait.pipeline.playing import Cast
from openportrait.pipeline.render import Picture, Rendering
from openportrait.pipeline.retargeting import RetargetJob
from openportrait.pipeline.source import open_source, open_source_clip
from openportrait.pipeline.tools import Tools
from openportrait.records import FaceEdit, Image, Result
from openportrait.templates import SUFFIX, is_template, save_template

__all__ = [
    "CancelCheck",
    "EditJob",
    "Job",
    "Picture",
    "ProgressCallback",
    "Rendering",
    "RetargetJob",
    "Tools",
    "animate",
    "edit",
    "editing_options",
    "open_job",
    "perform",
    "retarget",
    "stream",
]


def animate(
    source: AnyPath,
    driving: AnyDriving | Sequence[AnyDriving],
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    tools: Tools | None = None,
    **options: Any,
) -> Result:
    """Animate the portrait `source` by `driving` and write the result.

    `driving` is a path, or several: `["a.mp4", Driving("b.mp4", region="lip")]`. `output` is a file (its suffix
    decides the format) or a folder; default is `animations/`, named `<source>--<driving>`. `options` are the flat
    names of `openportrait.options`, e.g. `region="lip"`. `progress` is called with a `Progress` record; `cancel` is
    asked now and then, True stops the job. `tools`: an engine that is loaded already.
    Raises one of `openportrait.errors`; then nothing is left behind, unless `keep_partial` is set.
    """
    source, drivings = Path(source), listed(driving)
    chosen = Options.of(**options)
    files = [given.path for given in drivings]
    single = _is_single(open_source_clip(source, chosen)) and all(_is_single_driving(file, chosen) for file in files)
    stem = f"{source.stem}--{files[0].stem}"
    start = _Start((source, *files), output, stem, chosen.output, still=single)
    job = open_job(source, drivings, chosen, Watch(progress, cancel), tools)
    return _write(job, start, _sound(source, job.sound, chosen.output))


def edit(
    source: AnyPath,
    edit: FaceEdit | Timeline,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    tools: Tools | None = None,
    **options: Any,
) -> Result:
    """Change the expression and pose of `source`, a picture or a clip, by sliders or by a timeline of them.

    A picture with a timeline becomes a clip; a clip keeps its length and its sound. Default name is
    `<source>--edit`, or `<source>--timeline`. Otherwise as `animate`.
    """
    source = Path(source)
    chosen = editing_options(**options)
    alone = not isinstance(edit, Timeline) or edit.frames == 1
    stem = f"{source.stem}--{'timeline' if isinstance(edit, Timeline) else 'edit'}"
    still = alone and _is_single(open_source_clip(source, chosen))
    start = _Start((source,), output, stem, chosen.output, still=still)
    watch = Watch(progress, cancel)
    tools = tools or Tools.load(chosen.engine)
    job = EditJob(tools, open_source(source, tools, chosen, watch), edit, chosen, watch)
    return _write(job, start, _sound(source, (), chosen.output))


def perform(source: AnyPath, timeline: Timeline, output: AnyPath | None = None, **options: Any) -> Result:
    """Let `source` play a timeline of expressions: as `edit`."""
    return edit(source, timeline, output, **options)


def retarget(
    source: AnyPath,
    wanted: RetargetOptions,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    tools: Tools | None = None,
    **options: Any,
) -> Result:
    """Change how open the eyes and lips of the clip `source` are, and write it with its sound.

    Default name is `<source>--retarget`. Otherwise as `animate`.
    """
    source = Path(source)
    chosen = Options.of(**options)
    start = _Start(
        (source,), output, f"{source.stem}--retarget", chosen.output, still=_is_single(open_source_clip(source, chosen))
    )
    job = RetargetJob(source, wanted, chosen, Watch(progress, cancel), tools)
    return _write(job, start, _sound(source, (), chosen.output))


@contextmanager
def stream(
    source: AnyPath,
    driving: AnyDriving | Sequence[AnyDriving],
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    tools: Tools | None = None,
    **options: Any,
) -> Iterator[Job]:
    """The same job without a file: `with stream(a, b) as job: for picture in job: ...`.

    The job tells its `rate`, `frames` and `warnings`; each `Picture` holds an (H, W, 3) RGB image. Leaving the
    context ends an iteration that is half way.
    """
    chosen = Options.of(**options)
    with closing(open_job(Path(source), listed(driving), chosen, Watch(progress, cancel), tools)) as job:
        yield job


def open_job(
    source: Path, drivings: Sequence[Driving], options: Options, watch: Watch, tools: Tools | None = None
) -> Job:
    """Find the faces and measure the motion: the job is ready to be rendered.

    Raises MediaError, NoFaceError, OptionError, TemplateError, EngineError or WeightsError.
    """
    tools = tools or Tools.load(options.engine)
    options = replace(options, faces=replace(options.faces, face=faces_of(drivings, options.faces.face)))
    found = open_source(source, tools, options, watch)
    measured = measure(drivings, tools, options, watch)
    cast = Cast.of(measured, options.motion, found.rate, len(found.portraits[0].motions))
    return Job(tools, found, cast, options, watch)


def measure(
    drivings: Sequence[Driving], tools: Tools, options: Options, watch: Watch
) -> list[tuple[Driving, MeasuredDriving]]:
    """Each driving with its motion; a file that is given twice is measured once."""
    measured: dict[tuple[Path, str], MeasuredDriving] = {}
    for given in drivings:
        face = given.driving_face or options.faces.driving_face
        if (given.path, face) not in measured:
            of_face = replace(options, faces=replace(options.faces, driving_face=face))
            measured[given.path, face] = open_driving(given.path, tools, of_face, watch)
    return [(given, measured[given.path, given.driving_face or options.faces.driving_face]) for given in drivings]


def faces_of(drivings: Sequence[Driving], face: str) -> str:
    """The faces of the source that are driven: those that drivings name, and `face` where one names none."""
    return ",".join(dict.fromkeys(given.face or face for given in drivings))


def editing_options(**options: Any) -> Options:
    """As `Options.of`, with the wider source crop of the editor where none is given (SPEC §10)."""
    return Options.of(**{"source_scale": EDIT_SCALE, **options})


def _sound(source: Path, drivings: tuple[Sound, ...], options: OutputOptions) -> tuple[Sound, ...]:
    """The files whose sound is wanted, the preferred one first (SPEC §11)."""
    if options.audio == "none":
        return ()
    own = (Sound(source),)
    return (*drivings, *own) if options.audio == "driving" else (*own, *drivings)


def _is_single(clip: Clip) -> bool:
    """Whether it holds one picture, as far as its header tells."""
    return clip.info.frames == 1


def _is_single_driving(path: Path, options: Options) -> bool:
    """A template may be: that is not known before it is read."""
    return is_template(path) or _is_single(open_driving_clip(path, options.crop.max_gigapixels))


class _Start:
    """When a job began, and what its results will be called."""

    def __init__(
        self, inputs: Sequence[Path], output: AnyPath | None, stem: str, wanted: OutputOptions, *, still: bool
    ) -> None:
        """`still`: whether a single picture is expected.

        Raises MediaError where the result cannot be written or would overwrite an input: before the work.
        """
        self.inputs = (*inputs, *Background(wanted).files)
        self._output = Path(output) if output is not None else None
        self._stem = stem
        self._wanted = wanted
        self._seconds = time.monotonic()
        self.targets(still=still)

    def targets(self, *, still: bool) -> Targets:
        """The job's files. Raises MediaError where one cannot be written or would overwrite an input."""
        clear = self._wanted.background == BACKGROUND_TRANSPARENT
        named = name_targets(self._output, stem=self._stem, still=still, clear=clear, template_suffix=SUFFIX)
        check_suffix(named.result, still=still)
        if clear:
            check_transparency(named.result, still=still)
        needed = (
            (named.result, True),
            (named.side_by_side, self._wanted.side_by_side),
            (named.template, self._wanted.save_template),
        )
        for path, is_needed in needed:
            if is_needed:
                check_output(path, self.inputs, overwrite=self._wanted.overwrite)
        return named

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._seconds


def _write(job: Rendering, start: _Start, sound: tuple[Sound, ...] = ()) -> Result:
    """Render a job into its files."""
    wanted, targets = job.options.output, start.targets(still=job.frames == 1)
    template = job.template if wanted.save_template else None
    is_still = job.frames == 1 and is_picture(targets.result)
    with leaving.orderly(), together():
        frames = _write_picture(job, targets) if is_still else _write_clip(job, targets, start.inputs, sound)
        if template is not None:
            save_template(targets.template, template)
    return Result(
        path=targets.result,
        frames=frames,
        rate=None if is_still else job.rate or RATE_OF_STILLS,
        seconds=start.elapsed_seconds,
        engine=job.engine,
        faces=job.faces,
        warnings=job.warnings,
        side_by_side=targets.side_by_side if wanted.side_by_side else None,
        template=targets.template if template is not None else None,
    )


def _write_picture(job: Rendering, targets: Targets) -> int:
    wanted, said = job.options.output, _description(job)
    with closing(job):
        picture = next(iter(job))
    write_image(targets.result, picture.image, alpha=picture.alpha, quality=wanted.quality, description=said)
    if wanted.side_by_side:
        write_image(targets.side_by_side, _strip(picture), quality=wanted.quality, description=said)
    return 1


def _write_clip(job: Rendering, targets: Targets, inputs: Sequence[Path], sound: tuple[Sound, ...]) -> int:
    """How many frames the result has."""
    wanted, said = job.options.output, _description(job)

    def open_result(path: Path) -> Writer:
        return open_writer(
            path,
            rate=job.rate or RATE_OF_STILLS,
            sound=sound,
            quality=wanted.quality,
            description=said,
            inputs=inputs,
            overwrite=wanted.overwrite,
        )

    writer = open_result(targets.result)
    try:
        with ExitStack() as stack:
            stack.enter_context(writer)
            strip = stack.enter_context(open_result(targets.side_by_side)) if wanted.side_by_side else None
            if wanted.keep_partial:
                writer.keep()
            for picture in stack.enter_context(closing(ahead(job))):
                writer.write(picture.image, picture.alpha)
                if strip is not None:
                    strip.write(_strip(picture))
    except OpenPortraitError as error:
        if not writer.kept:
            raise
        why = "stopped" if isinstance(error, Cancelled) else str(error)
        raise type(error)(f"{why}; the first {writer.frames} frames are kept in {targets.result}") from error
    return writer.frames_in_file


def _description(job: Rendering) -> str:
    return f"Synthetic: animated with OpenPortrait, {job.engine} engine" if job.options.output.provenance else ""


def _strip(picture: Picture) -> Image:
    panels = [picture.driving, picture.source, picture.image]
    return side_by_side(*(panel for panel in panels if panel is not None))
