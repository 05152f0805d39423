"""Makes a finished file, or a stream of pictures, from a source and a driving.

The main job is read in this order: `animate` here, `source.py`, `driving.py`, `playing.py`, `job.py`,
`render.py`, `writing.py`; and for clips that are rendered in segments `segments.py`, `crew.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openportrait.drivings import AnyDrivings, Driving, listed
from openportrait.errors import OptionError
from openportrait.expressions import Timeline
from openportrait.faces import single_choices
from openportrait.files import AnyPath
from openportrait.options import EDIT_SCALE, Options, RetargetOptions
from openportrait.pipeline.crew import Crew, Hire, processes
from openportrait.pipeline.driving import MeasuredDriving, frames_promised, open_driving, options_of
from openportrait.pipeline.editing import EditJob, RetargetJob
from openportrait.pipeline.flow import CancelCheck, ProgressCallback, Watch
from openportrait.pipeline.job import Job
from openportrait.pipeline.playing import Cast
from openportrait.pipeline.render import Picture, Rendering
from openportrait.pipeline.segments import may_be_cut
from openportrait.pipeline.source import AnySource, Source, is_single, is_still, open_source, path_of
from openportrait.pipeline.tools import Tools
from openportrait.pipeline.writing import Start, sounds, write
from openportrait.records import FaceEdit, Result
from openportrait.trim import Trim

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
    "open_edit",
    "open_job",
    "perform",
    "retarget",
    "stream",
]


def animate(
    source: AnySource,
    driving: AnyDrivings,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    tools: Tools | None = None,
    hire: Hire | None = None,
    **options: Any,
) -> Result:
    """Animate the portrait `source` by `driving` and write the result.

    `driving` is a path, or several: `["a.mp4", Driving("b.mp4", region="lip")]`. `output` is a file (its suffix
    decides the format) or a folder; default is `animations/`, named `<source>--<driving>`. `options` are the flat
    names of `openportrait.options`, e.g. `region="lip"`. `progress` is called with a `Progress` record; `cancel` is
    asked now and then, True stops the job. `tools`: an engine that is loaded already. `hire`: gives the workers for
    the segments of a longer clip; by default they are processes of this machine.
    Raises one of `openportrait.errors`; then nothing is left behind, unless `keep_partial` is set.
    """
    drivings, chosen = listed(driving), Options.of(**options)
    path, files = path_of(source), [given.path for given in drivings]
    promised = [frames_promised(given, chosen) for given in drivings]
    single = is_single(source, chosen) and all(frames == 1 for frames in promised)
    start = Start((path, *files), output, f"{path.stem}--{files[0].stem}", chosen, still=single)
    tools = tools or Tools.load(chosen.engine)
    with ExitStack() as stack:
        # The workers start before the analysis, which leaves cores idle.
        may = may_be_cut(start.result, chosen, renders_apart=tools.engine.renders_apart)
        crew = stack.enter_context(Crew(hire or processes(chosen)))
        if may and is_still(source, chosen):
            crew.gather(max(frames or 1 for frames in promised))
        job = open_job(source, drivings, chosen, Watch(progress, cancel), tools)
        return write(job, start, sounds(job, job.sound), crew)


def edit(
    source: AnySource,
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
    path, chosen = path_of(source), editing_options(**options)
    alone = not isinstance(edit, Timeline) or edit.frames == 1
    stem = f"{path.stem}--{'timeline' if isinstance(edit, Timeline) else 'edit'}"
    start = Start((path,), output, stem, chosen, still=alone and is_single(source, chosen))
    job = open_edit(source, edit, chosen, Watch(progress, cancel), tools)
    return write(job, start, sounds(job))


def perform(source: AnySource, timeline: Timeline, output: AnyPath | None = None, **options: Any) -> Result:
    """Let `source` play a timeline of expressions: as `edit`."""
    return edit(source, timeline, output, **options)


def retarget(
    source: AnySource,
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
    path, chosen = path_of(source), Options.of(**options)
    start = Start((path,), output, f"{path.stem}--retarget", chosen, still=is_single(source, chosen))
    job = RetargetJob(source, wanted, chosen, Watch(progress, cancel), tools)
    return write(job, start, sounds(job))


@contextmanager
def stream(
    source: AnySource,
    driving: AnyDrivings,
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
    with closing(open_job(source, listed(driving), chosen, Watch(progress, cancel), tools)) as job:
        yield job


def open_job(
    source: AnySource, drivings: Sequence[Driving], options: Options, watch: Watch, tools: Tools | None = None
) -> Job:
    """Find the faces and measure the motion, where that is not done yet: the job is ready to be rendered.

    Raises MediaError, NoFaceError, OptionError, TemplateError, EngineError or WeightsError.
    """
    tools = tools or Tools.load(options.engine)
    faces = replace(options.faces, face=faces_of(drivings, options.faces.face))
    found = open_source(source, tools, replace(options, faces=faces), watch)
    _check_faces(drivings, found)
    measured = measure(drivings, tools, options, watch)
    cast = Cast.of(measured, options.motion, found.rate, len(found.faces[0].motions))
    return Job(tools, found, cast, options, watch)


def open_edit(
    source: AnySource, edit: FaceEdit | Timeline, options: Options, watch: Watch, tools: Tools | None = None
) -> EditJob:
    """The same for sliders."""
    tools = tools or Tools.load(options.engine)
    return EditJob(tools, open_source(source, tools, options, watch), edit, options, watch)


def measure(
    drivings: Sequence[Driving], tools: Tools, options: Options, watch: Watch
) -> list[tuple[Driving, MeasuredDriving]]:
    """Each driving with its motion; a file that is given twice is measured once.

    Raises OptionError where a face is chosen of a driving that is measured already.
    """
    known: dict[tuple[Path, str, bool, Trim], MeasuredDriving] = {}

    def measured(given: Driving) -> MeasuredDriving:
        if isinstance(given.file, MeasuredDriving):
            if given.driving_face:
                raise OptionError(f"{given.path} is measured already; choose --driving-face where it is")
            if given.start_seconds is not None or given.end_seconds is not None:
                raise OptionError(f"{given.path} is measured already; choose the part of it where it is")
            return given.file
        own = options_of(given, options)
        key = given.path, own.faces.driving_face, given.sound, own.trim.driving
        if key not in known:
            known[key] = open_driving(given.path, tools, own, watch, sound=given.sound)
        return known[key]

    return [(given, measured(given)) for given in drivings]


def faces_of(drivings: Sequence[Driving], face: str) -> str:
    """The faces of the source that are driven: those that the drivings name, and `face` for drivings that name none."""
    return ",".join(dict.fromkeys(given.face or face for given in drivings))


def _check_faces(drivings: Sequence[Driving], source: Source) -> None:
    """Raise OptionError where a driving names a face that is not among those of a source that was opened before."""
    names = {name for face in source.faces for name in face.names}
    for given in drivings:
        for choice in single_choices(given.face):
            if choice and choice not in names:
                raise OptionError(
                    f"{given.path}: the face {choice} was not chosen with the source; choose it there, or --face all"
                )


def editing_options(**options: Any) -> Options:
    """As `Options.of`, with the wider source crop of the editor where none is given (SPEC §10)."""
    return Options.of(**{"source_scale": EDIT_SCALE, **options})
