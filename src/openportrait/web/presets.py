"""Expressions that are ready at hand, the app's and the visitor's own, as pictures of the portrait."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from openportrait.pipeline.editor import Editor
from openportrait.records import FaceEdit, Image
from openportrait.web.jobs import data_url, reduced

SIZE = 112
"""Side of a picture, px."""
AROUND = 0.6
"""From the middle of the face to the picture's edge, in sizes of the face."""
MOST_KEPT = 24
"""Expressions that a visitor keeps; the oldest goes."""


@dataclass(frozen=True)
class Preset:
    """An expression with its name."""

    name: str
    edit: FaceEdit


READY = (
    Preset("Smile", FaceEdit(smile=1.0)),
    Preset("Laugh", FaceEdit(smile=1.1, lip_open=55, eyebrow=6)),
    Preset("Surprise", FaceEdit(lip_open=75, eyebrow=22, pursing=-6)),
    Preset("Sad", FaceEdit(smile=-0.3, eyebrow=-12, pitch_degrees=8, gaze_y=-12)),
    Preset("Frown", FaceEdit(eyebrow=-26, pursing=6, smile=-0.15)),
    Preset("Wink", FaceEdit(wink=26, smile=0.6)),
    Preset("Look left", FaceEdit(gaze_x=20, yaw_degrees=-8)),
    Preset("Look right", FaceEdit(gaze_x=-20, yaw_degrees=8)),
    Preset("Eyes shut", FaceEdit(eye_ratio=0.0)),
)
"""Chosen by eye on portraits of several kinds; left and right are those of the picture."""


def kept(presets: tuple[Preset, ...], edit: FaceEdit) -> tuple[Preset, ...]:
    """A visitor's own expressions, and one more."""
    number = 1 + max((int(preset.name.rpartition(" ")[2]) for preset in presets), default=0)
    return (*presets, Preset(f"Mine {number}", edit))[-MOST_KEPT:]


def pictures(editor: Editor, presets: tuple[Preset, ...], drawn: MutableMapping[FaceEdit, str]) -> list[dict[str, str]]:
    """The presets as the page's script takes them: names and pictures of the portrait's face.

    `drawn`: those of this portrait that were made before, to which the new ones are added.
    """
    for preset in presets:
        if preset.edit not in drawn:
            drawn[preset.edit] = data_url(reduced(_face_of(editor, editor.crop(preset.edit)), SIZE))
    return [{"name": preset.name, "src": drawn[preset.edit]} for preset in presets]


def _face_of(editor: Editor, image: Image) -> Image:
    """The face and a little around it, as far as the crop goes."""
    left, top, right, bottom = editor.face_in_crop.box
    reach = AROUND * max(right - left, bottom - top)
    (x, y), (height, width) = ((left + right) / 2, (top + bottom) / 2), image.shape[:2]
    rows, columns = (
        slice(int(max(middle - reach, 0)), int(np.ceil(min(middle + reach, end))))
        for middle, end in ((y, height), (x, width))
    )
    return image[rows, columns] if image[rows, columns].size else image


def expression(presets: tuple[Preset, ...], place: Any) -> FaceEdit | None:
    """The expression at a place of the strip; None for a place where there is none."""
    listed = (*READY, *presets)
    return listed[place].edit if isinstance(place, int) and 0 <= place < len(listed) else None
