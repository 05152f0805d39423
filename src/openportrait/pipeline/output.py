"""Names the results and chooses their folder; makes the strip that compares them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openportrait.faces import Size
from openportrait.media import is_sequence
from openportrait.media.files import is_folder
from openportrait.records import Face, Image
from openportrait.scaling import resized

DEFAULT_FOLDER = Path("animations")
STRIP_HEIGHT = 720
"""Most pixels of height that a side-by-side strip has."""
CLOSE_UP_SCALE = 2.0
"""Side of a close-up in sides of the box around its face: it shows the whole head, as a driving's crop does."""
CLOSE_UP_GAIN = 2.0
"""A close-up replaces the whole picture where it shows the face at least this many times as large: with less gain,
the surroundings are worth more."""


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


@dataclass(frozen=True)
class CloseUp:
    """The square of a picture that a strip shows instead of the whole."""

    left: int
    """px of the picture"""
    top: int
    side: int

    def of(self, image: Image) -> Image:
        """(side, side, 3)"""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def close_up(faces: Iterable[Face | None], picture: Size) -> CloseUp | None:
    """The square that holds a small face in all pictures (width, height) of a clip, so that it never jumps.

    None where the face is large, or moves so far that a square around all its places shows it hardly larger.
    """
    boxes = np.array([face.box for face in faces if face is not None])
    if not boxes.size:
        return None
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    side = round(float((high - low).max()) * CLOSE_UP_SCALE)
    if side * CLOSE_UP_GAIN > picture[1] or side > picture[0]:
        return None
    left, top = (
        min(max(round(float(middle) - side / 2), 0), whole - side)
        for middle, whole in zip((low + high) / 2, picture, strict=True)
    )
    return CloseUp(left, top, side)


def side_by_side(panels: Sequence[Image], height: int) -> Image:
    """The pictures in a row, scaled to this height, at most 720 px."""
    height = min(height, STRIP_HEIGHT)
    widths = (max(round(panel.shape[1] * height / panel.shape[0]), 1) for panel in panels)
    return np.hstack([resized(panel, width, height) for panel, width in zip(panels, widths, strict=True)])
