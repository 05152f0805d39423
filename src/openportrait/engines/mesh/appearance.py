"""What is remembered of one source face: its pixels, its mesh, and the parts that hide and show."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.eye_layers import EyeLayers, build_eye
from openportrait.engines.mesh.fitting import fitted
from openportrait.engines.mesh.mirror import OtherSide, find_other_side
from openportrait.engines.mesh.motion import crop_pixels, crop_units, pose
from openportrait.engines.mesh.mouth import MouthLook, build_mouth
from openportrait.engines.mesh.surround import Surround, build_surround
from openportrait.records import FaceCrop, Floats, Image


@dataclass(frozen=True, eq=False)
class MeshAppearance:
    """One source face, ready to be drawn to other keypoints."""

    pixels: Image
    """(S, S, 4) RGB and an unused fourth channel: four channels are looked up faster than three."""
    face: Floats
    """(478, 3) px; landmarks fitted to the picture, depth from the head's origin."""
    surround: Surround
    eyes: tuple[EyeLayers, EyeLayers]
    mouth: MouthLook
    other_side: OtherSide

    @property
    def size(self) -> int:
        """S, px."""
        return int(self.pixels.shape[0])


def build_appearance(crop: FaceCrop) -> MeshAppearance:
    """Everything that drawing needs of a source face; once an image, once a frame of a video."""
    units = crop_units(crop.face.landmarks, crop.size)
    units[:, 2] -= pose(units).translation[2]
    face = fitted(crop_pixels(units, crop.size))
    return MeshAppearance(
        pixels=cv2.cvtColor(crop.image, cv2.COLOR_RGB2RGBA).astype(np.uint8, copy=False),
        face=face,
        surround=build_surround(face, crop.size),
        eyes=(build_eye(crop.image, face, 0), build_eye(crop.image, face, 1)),
        mouth=build_mouth(crop.image, face),
        other_side=find_other_side(crop.image, face),
    )
