"""`openportrait edit` and `openportrait retarget`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import finish, progress_bar, say
from openportrait.cli.flags import AsJson, Output, Short, Values, flags
from openportrait.errors import OptionError
from openportrait.options import (
    EDIT_SCALE,
    OF_A_SOURCE,
    OF_A_SOURCE_CLIP,
    CropOptions,
    EngineOptions,
    FaceEdit,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    RunOptions,
    SigningOptions,
    TrimOptions,
    specs,
)

if TYPE_CHECKING:
    from openportrait.expressions import Timeline
    from openportrait.records import Result
from openportrait.options import (
    RetargetOptions,
)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Change the expression and pose of a portrait, picture or clip, by sliders or a timeline of expressions.

    The path of the result goes to stdout.
    """

    source: Annotated[Path, Short("-s"), Doc("Portrait: a picture, a video or a folder of frames.")]
    output: Annotated[
        Output, Doc("File or folder to write; left out: animations/SOURCE--edit with a fitting suffix.")
    ] = None
    expression: Annotated[
        Path | None, Doc("Start from a saved expression; sliders that are given replace its own.")
    ] = None
    save_expression: Annotated[Path | None, Doc("Also write the expression.")] = None
    timeline: Annotated[Path | None, Doc("Play a timeline of expressions; a picture becomes a clip.")] = None
    json: AsJson = False
    sliders: Annotated[Values, flags(FaceEdit)]
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions, only=("face", "detection_threshold", "bridge_seconds"))]
    trim: Annotated[Values, flags(TrimOptions, only=OF_A_SOURCE_CLIP)]
    crop: Annotated[Values, flags(CropOptions, only=OF_A_SOURCE, source_scale=EDIT_SCALE)]
    motion: Annotated[Values, flags(MotionOptions, only=("stitching", "neutralise"))]
    files: Annotated[Values, flags(OutputOptions)]
    signing: Annotated[Values, flags(SigningOptions)]
    work: Annotated[Values, flags(RunOptions)]

    def run(self) -> None:
        """Edit or play, and print the result."""
        options = self.engine | self.faces | self.trim | self.crop | self.motion | self.files | self.signing | self.work
        if self.timeline is not None:
            from openportrait.expressions import load_timeline

            if self.expression or self.save_expression or self._moved():
                raise OptionError("--timeline has its own expressions; leave out the sliders and --expression")
            result = self._made(load_timeline(self.timeline), options)
        else:
            result = self._edited(options)
        finish(result, self.engine, as_json=self.json)

    def _made(self, wanted: FaceEdit | Timeline, options: Values) -> Result:
        from openportrait.animator import edit

        with progress_bar() as progress:
            return edit(self.source, wanted, self.output, progress=progress, cancel=leaving.asked, **options)

    def _edited(self, options: Values) -> Result:
        """The picture or clip and, where that is asked for, the expression: both or none."""
        from openportrait.expressions import save_expression
        from openportrait.media import check_file, together

        wanted, kept = self._wanted(), self.save_expression
        if wanted == FaceEdit() and not self.motion["neutralise"]:
            say("note: no slider is moved, so the face stays as it is; `openportrait edit --help` lists them")
        if kept is None:
            return self._made(wanted, options)
        if self.output is not None and os.path.realpath(kept) == os.path.realpath(self.output):
            raise OptionError(f"{kept}: --output and --save-expression are the same file; choose another for one")
        check_file(kept, [self.source])
        with together():
            result = self._made(wanted, options)
            save_expression(kept, wanted)
        say(f"expression: {kept}")
        return result

    def _moved(self) -> Values:
        """The sliders that were given a value of their own."""
        return {
            spec.name: self.sliders[spec.name] for spec in specs(FaceEdit) if self.sliders[spec.name] != spec.default
        }

    def _wanted(self) -> FaceEdit:
        from openportrait.expressions import load_expression

        if self.expression is None:
            return FaceEdit(**self.sliders)
        return replace(load_expression(self.expression), **self._moved())


_FILES = ("audio", "quality", "background", "side_by_side", "provenance", "keep_partial", "overwrite")


@dataclass(frozen=True, kw_only=True)
class Retarget:
    """Change how open the eyes and lips of a clip are; it keeps its own motion and sound.

    The path of the result goes to stdout.
    """

    source: Annotated[Path, Short("-s"), Doc("A video or a folder of frames.")]
    output: Annotated[Output, Doc("File or folder to write; left out: animations/SOURCE--retarget.mp4.")] = None
    json: AsJson = False
    wanted: Annotated[Values, flags(RetargetOptions)]
    engine: Annotated[Values, flags(EngineOptions)]
    faces: Annotated[Values, flags(FaceOptions, only=("face", "detection_threshold", "bridge_seconds"))]
    trim: Annotated[Values, flags(TrimOptions, only=OF_A_SOURCE_CLIP)]
    crop: Annotated[Values, flags(CropOptions, only=OF_A_SOURCE)]
    motion: Annotated[Values, flags(MotionOptions, only=("stitching",))]
    files: Annotated[Values, flags(OutputOptions, only=_FILES)]
    signing: Annotated[Values, flags(SigningOptions)]

    def run(self) -> None:
        """Retarget and print the result."""
        from openportrait.animator import retarget

        options = self.engine | self.faces | self.trim | self.crop | self.motion | self.files | self.signing
        wanted = RetargetOptions(**self.wanted)
        with progress_bar() as progress:
            result = retarget(self.source, wanted, self.output, progress=progress, cancel=leaving.asked, **options)
        finish(result, self.engine, as_json=self.json)
