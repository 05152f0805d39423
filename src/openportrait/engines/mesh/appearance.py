"""What is remembered of one source face: its pixels, its mesh, and the parts that hide and show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openportrait.engines.mesh.colours import skin_colour
from openportrait.engines.mesh.corners import Corners, build_corners
from openportrait.engines.mesh.eye_edges import snapped
from openportrait.engines.mesh.eye_layers import EyeLayers, build_eye
from openportrait.engines.mesh.fitting import fitted
from openportrait.engines.mesh.folds import Folds, build_folds
from openportrait.engines.mesh.layers import Layers, in_layers
from openportrait.engines.mesh.mirror import OtherSide, find_other_side
from openportrait.engines.mesh.motion import crop_pixels, crop_units, pose
from openportrait.engines.mesh.mouth import MouthLook, build_mouth
from openportrait.engines.mesh.surround import Surround, build_surround
from openportrait.engines.mesh.teeth import OwnTeeth, find_teeth
from openportrait.records import FaceCrop, Floats, Image


@dataclass(frozen=True, eq=False)
class MeshAppearance:
    """One source face, ready to be drawn to other keypoints."""

    pixels: Image
    """(S, S, 4) RGB and the person's alpha: four channels are looked up faster than three."""
    layers: Layers
    """The same in person and background."""
    face: Floats
    """(478, 3) px; landmarks fitted to the picture, depth from the head's origin."""
    origin: Floats
    """(3,) the head's, crop units; its depth is 0."""
    surround: Surround
    eyes: tuple[EyeLayers, EyeLayers]
    mouth: MouthLook
    other_side: OtherSide
    folds: Folds
    corners: Corners

    @property
    def size(self) -> int:
        """S, px."""
        return int(self.pixels.shape[0])


def build_appearance(
    crop: FaceCrop, earlier: MeshAppearance | None = None, teeth: OwnTeeth | None = None
) -> MeshAppearance:
    """Everything that drawing needs of a source face; once an image, once a frame of a video.

    `earlier`: that of the frame before, whose background is remembered; `teeth`: the clearest that any frame shows.
    """
    face, origin = _face(crop)
    layers = in_layers(crop, face, earlier.layers if earlier is not None else None)
    return MeshAppearance(
        pixels=np.dstack([crop.image, layers.alpha]),
        layers=layers,
        face=face,
        origin=origin * (1.0, 1.0, 0.0),
        surround=build_surround(face, layers.alpha),
        eyes=(build_eye(crop.image, face, 0), build_eye(crop.image, face, 1)),
        mouth=build_mouth(crop.image, face, teeth),
        other_side=find_other_side(crop.image, face),
        folds=build_folds(crop.image, face),
        corners=build_corners(crop.image, face),
    )


def teeth_of(crop: FaceCrop) -> OwnTeeth | None:
    """The upper teeth that a crop shows."""
    face, _ = _face(crop)
    return find_teeth(crop.image, face, skin_colour(crop.image, face))


def _face(crop: FaceCrop) -> tuple[Floats, Floats]:
    """(478, 3) px, as in `MeshAppearance`, and the head's origin (3,) in crop units."""
    units = crop_units(crop.face.landmarks, crop.size)
    origin = pose(units).translation
    units[:, 2] -= origin[2]
    return snapped(crop.image, fitted(crop_pixels(units, crop.size))), origin
