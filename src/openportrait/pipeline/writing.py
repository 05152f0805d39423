"""The files of a job: checked before the work, then all written, or none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from openportrait import leaving
from openportrait.credentials import Signer, check_format, job_said
from openportrait.errors import Cancelled, OpenPortraitError, OptionError
from openportrait.files import AnyPath
from openportrait.media import (
    Frames,
    Inputs,
    Sound,
    Writer,
    check_output,
    check_suffix,
    check_transparency,
    is_picture,
    is_sequence,
    open_writer,
    probe,
    together,
    write_image,
)
from openportrait.media.provenance import synthetic
from openportrait.media.target import hidden_folder
from openportrait.options import BACKGROUND_TRANSPARENT, Options
from openportrait.pipeline.background import Background
from openportrait.pipeline.crew import Crew, processes
from openportrait.pipeline.driving import RATE_OF_STILLS
from openportrait.pipeline.flow import ahead
from openportrait.pipeline.output import Targets, name_targets
from openportrait.pipeline.render import Rendering
from openportrait.pipeline.segments import Setting, is_cut, parts_made_here
from openportrait.records import Result
from openportrait.templates import SUFFIX, save_template


class Start:
    """The beginning of a job: its time, and the names of its results."""

    def __init__(
        self, inputs: Sequence[Path], output: AnyPath | None, stem: str, options: Options, *, still: bool
    ) -> None:
        """`still`: whether a single picture is expected.

        Raises MediaError where the result cannot be written or would overwrite an input, and what a signer raises:
        before the work.
        """
        wanted = options.output
        self.inputs = (*inputs, *Background(wanted).files)
        self._output = Path(output) if output is not None else None
        self._stem = stem
        self._wanted = wanted
        self._signer = _signer(options)
        self._seconds = time.monotonic()
        self.result = self.targets(still=still).result
        """Where the result is expected."""

    def targets(self, *, still: bool) -> Targets:
        """The job's files. Raises MediaError where one cannot be written or would overwrite an input."""
        clear = self._wanted.background == BACKGROUND_TRANSPARENT
        named = name_targets(self._output, stem=self._stem, still=still, clear=clear, template_suffix=SUFFIX)
        check_suffix(named.result, still=still)
        if clear:
            check_transparency(named.result, still=still)
        if self._signer is not None:
            check_format(named.result, is_sequence=is_sequence(named.result))
        needed = (
            (named.result, True),
            (named.side_by_side, self._wanted.side_by_side),
            (named.template, self._wanted.save_template),
        )
        for path, is_needed in needed:
            if is_needed:
                check_output(path, self.inputs, overwrite=self._wanted.overwrite)
        return named

    def sign(self, job: Rendering) -> Callable[[Path, Path], None] | None:
        """The signer of the results of a job; None where they are not signed."""
        if self._signer is None:
            return None
        return partial(self._signer.sign, job=job_said(job.engine, job.options), inputs=self.inputs)

    @property
    def elapsed_seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self._seconds


def sounds(job: Rendering, drivings: tuple[Sound, ...] = ()) -> tuple[Sound, ...]:
    """The files whose sound is wanted, the preferred one first (SPEC §11)."""
    options, own = job.options.output, (job.source.sound,)
    if options.audio == "none":
        return ()
    return (*drivings, *own) if options.audio == "driving" else (*own, *drivings)


def write(job: Rendering, start: Start, sound: tuple[Sound, ...] = (), crew: Crew | None = None) -> Result:
    """Render a job into its files. `crew`: the workers for its segments; by default processes of this machine."""
    wanted, targets = job.options.output, start.targets(still=job.frames == 1)
    template = job.template if wanted.save_template else None
    is_still = job.frames == 1 and is_picture(targets.result)
    with leaving.orderly(), together():
        frames = _write_picture(job, targets, start) if is_still else _write_clip(job, targets, start, sound, crew)
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


def keep(job: Rendering) -> Result:
    """Render a job into a temporary file, without loss. Raises OptionError where files beside it are wanted."""
    wanted, start = job.options.output, time.monotonic()
    if wanted.side_by_side or wanted.save_template:
        raise OptionError("--side-by-side and --save-template write files beside the output; give an output")
    if job.options.signing.sign:
        raise OptionError("--sign signs a file that stays; give an output")
    rate = None if job.frames == 1 else job.rate or RATE_OF_STILLS
    with ExitStack() as undo:
        folder = Inputs(job.options.crop.max_gigapixels)
        undo.callback(folder.close)
        with closing(ahead(job)) as pictures:
            made = (picture.pixels for picture in pictures)
            path = folder.file(next(made) if rate is None else Frames(made, rate), "result")
        undo.pop_all()
    return Result(
        path=path,
        frames=probe(path).frames or job.frames,
        rate=rate,
        seconds=time.monotonic() - start,
        engine=job.engine,
        faces=job.faces,
        warnings=job.warnings,
        keeper=folder,
    )


def _write_picture(job: Rendering, targets: Targets, start: Start) -> int:
    wanted, said, sign = job.options.output, _description(job), start.sign(job)
    with closing(job):
        picture = next(iter(job))
    made = [(targets.result, picture.image, picture.alpha)]
    if wanted.side_by_side:
        made.append((targets.side_by_side, picture.strip, None))
    for path, image, alpha in made:
        write_image(path, image, alpha=alpha, quality=wanted.quality, description=said, sign=sign)
    return 1


def _write_clip(job: Rendering, targets: Targets, start: Start, sound: tuple[Sound, ...], crew: Crew | None) -> int:
    """How many frames the result has."""
    wanted, said = job.options.output, _description(job)

    def open_result(path: Path) -> Writer:
        return open_writer(
            path,
            rate=job.rate or RATE_OF_STILLS,
            sound=sound,
            quality=wanted.quality,
            description=said,
            inputs=start.inputs,
            overwrite=wanted.overwrite,
            sign=start.sign(job),
        )

    writer = open_result(targets.result)
    try:
        with ExitStack() as stack:
            stack.enter_context(writer)
            strip = stack.enter_context(open_result(targets.side_by_side)) if wanted.side_by_side else None
            if wanted.keep_partial:
                writer.keep()
            if is_cut(job, targets.result):
                _join(job, writer, strip, crew)
            else:
                _write_all(job, writer, strip)
    except OpenPortraitError as error:
        if not writer.kept:
            raise
        why = "stopped" if isinstance(error, Cancelled) else str(error)
        raise type(error)(f"{why}; the first {writer.frames} frames are kept in {targets.result}") from error
    return writer.frames_in_file


def _write_all(job: Rendering, writer: Writer, strip: Writer | None) -> None:
    """One encoder takes all pictures."""
    with closing(ahead(job)) as pictures:
        for picture in pictures:
            writer.write(picture.image, picture.alpha)
            if strip is not None:
                strip.write(picture.strip)


def _join(job: Rendering, writer: Writer, strip: Writer | None, crew: Crew | None) -> None:
    """Several encoders, here or in other processes, take one segment each; then the segments are joined."""
    setting = Setting.of(job, writer.path)
    with ExitStack() as stack:
        crew = crew or stack.enter_context(Crew(processes(job.options)))
        is_shared = crew.gather(job.frames)
        folder = stack.enter_context(hidden_folder(writer.folder, crew.kill))
        made = crew.parts(job, setting, folder) if is_shared else parts_made_here(job, setting, folder)
        for part in stack.enter_context(closing(made)):
            if part.frames:
                writer.join(part.result, part.frames)
                part.result.unlink()
            if part.frames and strip is not None and part.strip is not None:
                strip.join(part.strip, part.frames)
                part.strip.unlink()
            if part.error is not None:
                raise part.error


def _signer(options: Options) -> Signer | None:
    return Signer(options.signing) if options.signing.sign and options.output.provenance else None


def _description(job: Rendering) -> str:
    return synthetic(job.engine) if job.options.output.provenance else ""
