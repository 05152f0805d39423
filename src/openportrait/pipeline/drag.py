"""Moving a face by dragging it: which part lies under the pointer, and what a drag does to the sliders."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

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
_ANCHORS: dict[Part, tuple[int, ...]] = {
    "eyes": (468, 473),
    "mouth": (13, 14, 61, 291),
    "head": (1, 10, 50, 105, 152, 234, 280, 334, 454),
}
"""Landmarks near which a drag takes hold of a part: irises; lips; nose, forehead, cheeks, brows, chin and ears."""


def part_at(face: Face, x: float, y: float) -> Part:
    """The part of a face at a point of the picture, px: that of the nearest anchor."""

    def distance(part: Part) -> float:
        places = face.landmarks[list(_ANCHORS[part]), :2]
        return float(np.hypot(*(places - (x, y)).T).min())

    return min(_ANCHORS, key=distance)


def dragged(edit: FaceEdit, part: Part, right: float, down: float) -> FaceEdit:
    """The edit after a drag; `right` and `down` in sizes of the face. Sliders stop at their ends."""
    limits = {spec.name: spec.range for spec in specs(FaceEdit)}
    changes: dict[str, float] = {}
    for (name, gain), distance in zip(_GAINS[part], (right, down), strict=True):
        limit = limits[name]
        assert limit is not None
        changes[name] = min(max(getattr(edit, name) + gain * distance, limit.low), limit.high)
    return replace(edit, **changes)
