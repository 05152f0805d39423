"""The engine that moves a portrait's own pixels by its own face mesh: no weights, no device, no download."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from openportrait.engines.base import Appearance, Canvas, LandmarkReader, Memory, MotionReader, Shot
from openportrait.engines.mesh.mouth.teeth import better
from openportrait.engines.mesh.render import build_appearance, render_shot, teeth_of
from openportrait.engines.mesh.shape.controls import edited, eye_offsets, lip_offsets, stitched
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import motion_of
from openportrait.faces import Refine
from openportrait.options import EngineOptions
from openportrait.paste import paste_back
from openportrait.records import CropRule, FaceCrop, FaceEdit, Floats, Image, Motion, Ratios

_ONE_LAYER = (
    "the person cannot be told from the background surely; what is close to the head moves with it "
    "(a picture with hair and shoulders before a calmer background, or one cut out with alpha, does not have that)"
)


class MeshEngine:
    """`openportrait.engines.base.Engine` on the 478-point mesh (layout `mesh-478`)."""

    name = "mesh"
    batch_size = 1
    renders_apart = True
    refine: Refine | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, options: EngineOptions) -> None:
        """Only `max_crop` is looked at."""
        self.layout = mesh_layout()
        self.reader: MotionReader = LandmarkReader(motion_of)
        self.crop_rule = CropRule(size=options.max_crop, rotate=False, native=True)

    def motion(self, crops: Sequence[FaceCrop]) -> list[Motion]:
        """One motion a crop, from its landmarks alone."""
        return [motion_of(crop.face, crop.size) for crop in crops]

    def remember(self, crop: FaceCrop, so_far: Memory | None) -> Memory | None:
        """The teeth of the frame that shows most of them (`OwnTeeth`)."""
        return better(so_far, teeth_of(crop))

    def appearance(self, crop: FaceCrop, earlier: Appearance | None = None, memory: Memory | None = None) -> Appearance:
        """A `MeshAppearance`."""
        return build_appearance(crop, earlier, memory)

    def remarks(self, appearance: Appearance) -> tuple[str, ...]:
        """Whether the person and the background are one layer."""
        return (_ONE_LAYER,) if appearance.layers.plate is None else ()

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """The head's movement softly limited to what the picture can show."""
        return stitched(x_s, x_d)

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        """Lids moved; gaze and brows stay."""
        return eye_offsets(x_s, ratios, target)

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        """Jaw and lips moved; a target of 0 shuts the mouth."""
        return lip_offsets(x_s, ratio, target)

    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        """Smooth movements of the canonical face, cm."""
        return edited(edit, source)

    def render(self, shots: Sequence[Shot]) -> list[Image]:
        """Pictures of the crop's own side, with alpha where the source was cut out."""
        return [render_shot(shot) for shot in shots]

    def paint(self, canvases: Sequence[Canvas]) -> list[Image]:
        """Each picture set into its frame, alpha too; native crops to the pixel."""
        return [self._painted(canvas) for canvas in canvases]

    def _painted(self, canvas: Canvas) -> Image:
        picture, alpha = canvas.frame, canvas.alpha
        for crop, place in zip(self.render(canvas.shots), canvas.places, strict=True):
            if alpha is not None and crop.shape[2] == 4:
                picture = paste_back(np.dstack([picture, alpha]), crop, place)
                picture, alpha = picture[..., :3], picture[..., 3]
            else:
                picture = paste_back(picture, crop[..., :3], place)
        return picture if alpha is None else np.dstack([picture, alpha])
