"""From a source and a driving to a finished file, and the same as a stream of pictures.

The main job is read in this order: `animate` here, `job.py`, `source.py`, `driving.py`, `render.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from openportrait.media import open_writer, write_image
from openportrait.options import Options, OutputOptions
from openportrait.pipeline.flow import CancelCheck, ProgressCallback, Watch, ahead
from openportrait.pipeline.job import Job
from openportrait.pipeline.output import Targets, name_targets, side_by_side
from openportrait.pipeline.render import Picture
from openportrait.records import Image, Result
from openportrait.templates import SUFFIX, save_template

__all__ = ["CancelCheck", "Job", "Picture", "ProgressCallback", "animate", "stream"]

AnyPath = str | PathLike[str]


def animate(
    source: AnyPath,
    driving: AnyPath,
    output: AnyPath | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Any,
) -> Result:
    """Animate the portrait `source` by `driving` and write the result.

    `output` is a file (its suffix decides the format) or a folder; default is `animations/`, named
    `<source>--<driving>`. `options` are the flat names of `openportrait.options`, e.g. `region="lip"`.
    `progress` is called with a `Progress` record; `cancel` is asked now and then, True stops the job.
    Raises one of `openportrait.errors`; then nothing is left behind, unless `keep_partial` is set.
    """
    started = time.monotonic()
    chosen = Options.of(**options)
    source, driving = Path(source), Path(driving)
    job = Job(source, driving, chosen, Watch(progress, cancel))
    targets = name_targets(
        source, driving, Path(output) if output else None, still=job.rate is None, template_suffix=SUFFIX
    )
    _write(job, targets, _sound(source, driving, chosen.output))
    if chosen.output.save_template:
        save_template(targets.template, job.template)
    return Result(
        path=targets.result,
        frames=job.frames,
        rate=job.rate,
        seconds=time.monotonic() - started,
        engine=job.engine,
        faces=job.faces,
        warnings=job.warnings,
        side_by_side=targets.side_by_side if chosen.output.side_by_side else None,
        template=targets.template if chosen.output.save_template else None,
    )


@contextmanager
def stream(
    source: AnyPath,
    driving: AnyPath,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
    **options: Any,
) -> Iterator[Job]:
    """The same job without a file: `with stream(a, b) as job: for picture in job: ...`.

    The job tells its `rate`, `frames` and `warnings`; each `Picture` holds an (H, W, 3) RGB image.
    """
    yield Job(Path(source), Path(driving), Options.of(**options), Watch(progress, cancel))


def _sound(source: Path, driving: Path, options: OutputOptions) -> tuple[Path, ...]:
    """The files whose sound is wanted, the preferred one first (SPEC §11)."""
    if options.audio == "none":
        return ()
    return (driving, source) if options.audio == "driving" else (source, driving)


def _write(job: Job, targets: Targets, sound: tuple[Path, ...]) -> None:
    wanted = job.options.output
    if job.rate is None:
        picture = next(iter(job))
        write_image(targets.result, picture.image, alpha=picture.alpha, quality=wanted.quality)
        if wanted.side_by_side:
            write_image(targets.side_by_side, _strip(picture), quality=wanted.quality)
        return
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(targets.result, rate=job.rate, sound=sound, quality=wanted.quality))
        strip = (
            stack.enter_context(open_writer(targets.side_by_side, rate=job.rate, sound=sound, quality=wanted.quality))
            if wanted.side_by_side
            else None
        )
        for picture in stack.enter_context(closing(ahead(job))):
            writer.write(picture.image, picture.alpha)
            if strip is not None:
                strip.write(_strip(picture))
            if wanted.keep_partial:
                writer.keep()


def _strip(picture: Picture) -> Image:
    panels = [picture.driving, picture.source, picture.image]
    return side_by_side(*(panel for panel in panels if panel is not None))
