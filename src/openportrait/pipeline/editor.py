"""Editing a portrait with sliders (SPEC §10), and by dragging its face: which part lies under the pointer, and what a
drag does to the sliders."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from openportrait.engines.base import Canvas, Shot
from openportrait.errors import OptionError
from openportrait.motion import edited_keypoints
from openportrait.options import Options, specs
from openportrait.pipeline.background import Background
from openportrait.pipeline.editing import own_edit
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.render import Picture, Pose, pastes_back
from openportrait.pipeline.source import AnySource, Sitter, is_still, open_source, path_of
from openportrait.pipeline.tools import Tools
from openportrait.records import Face, FaceEdit, Image, Ratios


class Editor:
    """One face of a still portrait, measured once, edited as often as wanted."""

    def __init__(self, source: AnySource, options: Options, tools: Tools | None = None) -> None:
        """Raises MediaError, NoFaceError, OptionError or what the engine raises."""
        if not is_still(source, options):
            raise OptionError(f"{path_of(source)} is a clip; the editor takes a picture (retarget takes clips)")
        self.options = options
        tools = tools or Tools.load(options.engine)
        self.engine = tools.engine
        self.source = open_source(source, tools, options, Watch())
        self._background = Background(options.output)
        self._scene = next(self.source.scenes())
        self._face = self.source.faces[0]

    @property
    def ratios(self) -> Ratios:
        """How open the source's eyes and lips are: where the sliders start."""
        return self._face.ratios[0]

    @property
    def own(self) -> FaceEdit:
        """The sliders that give the source as it is."""
        return own_edit(self.ratios)

    @property
    def picture(self) -> Image:
        """(H, W, 3) the source."""
        return self._scene.frame.image

    @property
    def face(self) -> Face:
        """The edited face as it is in the source, px of `picture`."""
        return self.face_in_crop.moved(self._sitter.crop.image_from_crop)

    @property
    def face_in_crop(self) -> Face:
        """The same, px of `crop`."""
        return self._sitter.crop.face

    def pose(self, edit: FaceEdit) -> Pose:
        """The keypoints of an edit."""
        stitching = self.options.motion.stitching
        return Pose(*edited_keypoints(self.engine, self._face.motions[0], self.ratios, edit, stitching=stitching))

    def crop(self, edit: FaceEdit) -> Image:
        """(S, S, 3) the edited face crop."""
        return self.engine.render([self._shot(edit)])[0]

    def __call__(self, edit: FaceEdit, index: int = 0) -> Picture:
        """The edited picture: the whole frame, or the face crop where nothing is pasted back."""
        frame, whole = self._scene.frame, pastes_back(self.options)
        canvas = Canvas(frame.image, [self._shot(edit)], [self._sitter.crop.image_from_crop], frame.alpha)
        painted = self.engine.paint([canvas])[0] if whole else self.crop(edit)
        return Picture.finished(index, painted, frame, self._background, whole=whole, driving=None)

    @property
    def _sitter(self) -> Sitter:
        sitter = self._scene.sitters[0]
        assert sitter is not None, "the face of a still is never lost"
        return sitter

    def _shot(self, edit: FaceEdit) -> Shot:
        pose = self.pose(edit)
        return Shot(self._sitter.appearance, pose.x_s, pose.x_d)


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
