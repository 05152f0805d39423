"""`openportrait retarget`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import finish, progress_bar
from openportrait.cli.flags import AsJson, Output, Short, Values, flags
from openportrait.options import (
    OF_A_SOURCE,
    OF_A_SOURCE_CLIP,
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OutputOptions,
    RetargetOptions,
    SigningOptions,
    TrimOptions,
)

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
