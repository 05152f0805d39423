"""Where results go, what they are called, and the strip that compares them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openportrait.media import is_sequence
from openportrait.media.files import is_folder
from openportrait.records import Image
from openportrait.scaling import resized

DEFAULT_FOLDER = Path("animations")
STRIP_HEIGHT = 720
"""Most pixels of height that a side-by-side strip has."""


@dataclass(frozen=True)
class Targets:
    """The files of one job."""

    result: Path
    side_by_side: Path
    template: Path


def name_targets(output: Path | None, *, stem: str, still: bool, clear: bool, template_suffix: str) -> Targets:
    """`<stem>.mp4` (or `.jpg`) in a folder, or the file that was asked for; the others beside it.

    `clear` results have transparency: `.mov` or `.png`.

    Beside a sequence such as `shots/%05d.png` that is `shots_concat/%05d.png` and `shots.motion`: its folder
    holds its pictures alone.
    """
    if output is None or is_folder(output) or not output.suffix:
        folder = DEFAULT_FOLDER if output is None else output
        suffix = (".png" if still else ".mov") if clear else ".jpg" if still else ".mp4"
        output = folder / f"{stem}{suffix}"
    if is_sequence(output):
        folder = output.parent if output.parent.name else output.parent.resolve()
        strips = folder.with_name(f"{folder.name}_concat") / output.name
        return Targets(output, strips, folder.with_name(f"{folder.name}{template_suffix}"))
    return Targets(
        result=output,
        side_by_side=output.with_name(f"{output.stem}_concat{output.suffix}"),
        template=output.with_name(f"{output.stem}{template_suffix}"),
    )


def side_by_side(*panels: Image) -> Image:
    """The pictures in a row, scaled to the height of the last one, at most 720 px."""
    height = min(panels[-1].shape[0], STRIP_HEIGHT)

    widths = (max(round(panel.shape[1] * height / panel.shape[0]), 1) for panel in panels)
    return np.hstack([resized(panel, width, height) for panel, width in zip(panels, widths, strict=True)])
