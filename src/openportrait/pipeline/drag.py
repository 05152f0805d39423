"""Moving a face by dragging it: which part lies under the pointer, and what a drag does to the sliders."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from openportrait.faces.indices import EYE_LEFT_CORNERS, EYE_RIGHT_CORNERS, LIP_CORNERS
from openportrait.options import FaceEdit, specs
from openportrait.records import Face

Part = Literal["head", "eyes", "mouth"]

_GAINS: dict[Part, tuple[tuple[str, float], tuple[str, float]]] = {
    "head": (("yaw_degrees", -90.0), ("pitch_degrees", 90.0)),
    "eyes": (("gaze_x", 300.0), ("gaze_y", -600.0)),
    "mouth": (("pouting", 1.5), ("lip_open", 800.0)),
}
"""Part → the slider and its change for a drag of one face size to the right, and for one down.

The face goes with the pointer, about half as far.
"""
_EYE_REACH, _MOUTH_REACH = 0.75, 0.5
"""How far from its middle a part is taken hold of, in its width."""


def part_at(face: Face, x: float, y: float) -> Part:
    """The part of a face at a point of the picture, px; beside eyes and mouth it is the head."""
    parts: list[tuple[Part, tuple[int, int], float]] = [
        ("eyes", EYE_LEFT_CORNERS, _EYE_REACH),
        ("eyes", EYE_RIGHT_CORNERS, _EYE_REACH),
        ("mouth", LIP_CORNERS, _MOUTH_REACH),
    ]
    for part, corners, reach in parts:
        (left, top), (right, bottom) = face.landmarks[list(corners), :2]
        width = ((right - left) ** 2 + (bottom - top) ** 2) ** 0.5
        if (x - (left + right) / 2) ** 2 + (y - (top + bottom) / 2) ** 2 < (reach * width) ** 2:
            return part
    return "head"


def dragged(edit: FaceEdit, part: Part, right: float, down: float) -> FaceEdit:
    """The edit after a drag; `right` and `down` in sizes of the face. Sliders stop at their ends."""
    limits = {spec.name: spec.range for spec in specs(FaceEdit)}
    changes: dict[str, float] = {}
    for (name, gain), distance in zip(_GAINS[part], (right, down), strict=True):
        limit = limits[name]
        assert limit is not None
        changes[name] = min(max(getattr(edit, name) + gain * distance, limit.low), limit.high)
    return replace(edit, **changes)
