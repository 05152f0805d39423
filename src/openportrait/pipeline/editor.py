"""Editing a portrait with sliders (SPEC §10)."""

from __future__ import annotations

from openportrait.engines.base import Canvas, Shot
from openportrait.errors import OptionError
from openportrait.motion import edited_keypoints
from openportrait.options import Options
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
