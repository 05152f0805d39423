"""What is remembered of one source face, and one picture of it.

A picture: move the mesh, warp the pixels, then show the hidden side, folds, eyes and mouth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from openportrait.engines.base import Shot
from openportrait.engines.mesh.colours import skin_colour
from openportrait.engines.mesh.drawing.folds import Folds, amounts, build_folds, show_folds
from openportrait.engines.mesh.drawing.mirror import OtherSide, find_other_side, show_other_side
from openportrait.engines.mesh.drawing.warp import Mesh, draw, warp
from openportrait.engines.mesh.eyes.edges import snapped
from openportrait.engines.mesh.eyes.layers import EyeLayers, build_eye
from openportrait.engines.mesh.eyes.paint import paint_eye
from openportrait.engines.mesh.layers.person import Layers, in_layers
from openportrait.engines.mesh.mouth.paint import (
    Corners,
    MouthLook,
    build_corners,
    build_mouth,
    narrowed,
    paint_mouth,
    shut_mouth,
    soften_corners,
)
from openportrait.engines.mesh.mouth.teeth import OwnTeeth, find_teeth
from openportrait.engines.mesh.shape.points import (
    EYES_LOWER,
    EYES_UPPER,
    FACE_OVAL,
    IRISES,
    LIPS_UPPER,
    SKIN_COUNT,
    Indices,
    Similarity,
    crop_pixels,
    crop_units,
    fitted,
    pose,
    rigid_between,
    triangles,
)
from openportrait.engines.mesh.shape.surround import Surround, build_surround, ring_triangles
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


# One picture


_NEAR_RINGS = 3
"""Rings within which pixels move in fine cells, as in the face."""
_TOUCHING = 1e-6
"""Crop units; points less far apart touch."""


@cache
def whole_mesh() -> Mesh:
    """The face, then the rings around it."""
    face = triangles()
    near = SKIN_COUNT + _NEAR_RINGS * len(FACE_OVAL)
    return Mesh(np.vstack([face, ring_triangles()]), face=len(face), near=near)


def render_shot(shot: Shot) -> Image:
    """The source of a shot with its face at x_d: (S, S, 3), or (S, S, 4) of a source that was cut out.

    The border of the crop is the source's to the pixel; so is everything that x_d leaves at x_s.
    """
    look: MeshAppearance = shot.appearance
    size = look.size
    shift = (shot.x_d - shot.x_s) * (size / 2)
    if not shift.any():
        return look.pixels[..., : 4 if look.layers.cut_out else 3].copy()
    rings = look.surround.vertices
    head = rigid_between(shot.x_s, shot.x_d)
    change = head.undo(shot.x_d) - shot.x_s
    moved = look.face + shift
    _carry_fit(moved, look, shot)
    within = look.surround.held_within((look.face + change * (size / 2))[:, :2])
    moved[:SKIN_COUNT, :2] += head.scale * (within @ head.rotation[:2, :2])
    back = look.surround.back_inside(_carried(head, rings, size)[:, :2], size)
    moved[:, :2] += back
    head = replace(head, translation=head.translation + np.append(back * (2 / size), 0.0))

    held_back = look.other_side.held_back(head)
    moved[:SKIN_COUNT, :2] -= held_back
    rim, held_back = look.surround.outline(moved[:, :2]), look.surround.rim(held_back)
    beyond = rim - _carried(head, look.surround.rim(look.face), size)[:, :2] + held_back
    share = look.other_side.share(head.rotation)
    shift_of_origin = (head.apply(look.origin) - look.origin)[:2] * (size / 2)
    carried = _carried(head, rings, size)[:, :2] - np.tile(held_back, (len(rings) // len(rim), 1))
    moved_rings = look.surround.moved(carried, shift_of_origin, moved[FACE_OVAL, :2], rim, beyond, share[FACE_OVAL])
    rest = np.vstack([look.face[:SKIN_COUNT], rings])
    vertices = np.vstack([moved[:SKIN_COUNT], moved_rings])

    found = warp(vertices, rest, whole_mesh(), size)
    picture, alpha = draw(look.layers, look.pixels, found)
    show_other_side(picture, alpha, look.layers, found, look.other_side, look.other_side.moved(moved, head), share)
    show_folds(picture, found, look.folds, moved, amounts(look.folds, change))
    soften_corners(picture, found, look.corners, moved, narrowed(shot.x_s, change))
    for side, eye in enumerate(look.eyes):
        iris = IRISES[side]
        gaze = (moved[iris, :2] - _carried(head, look.face[iris], size)[:, :2]).mean(0)
        paint_eye(picture, found, eye, moved, _carried(head, eye.anchors, size)[:, :2], gaze, side)
    shut_mouth(picture, found, look.mouth, moved)
    paint_mouth(picture, look.mouth, moved, _carried(head, look.face, size), shot.driver)
    return np.dstack([picture, alpha]) if look.layers.cut_out else picture


def _carried(head: Similarity, pixels: Floats, size: int) -> Floats:
    return crop_pixels(head.apply(crop_units(pixels, size)), size)


def _carry_fit(moved: Floats, look: MeshAppearance, shot: Shot) -> None:
    """What the landmarks were fitted by, in `look.face` and not in x_s, shrinks as an eye closes or a mouth narrows."""
    fit = (look.face - crop_pixels(shot.x_s, look.size))[:, :2]
    for upper, lower in zip(EYES_UPPER[:, 1:-1], EYES_LOWER[:, 1:-1], strict=True):
        lost = _lost(shot, upper, lower)[:, None]
        for lid in (upper, lower):
            moved[lid, :2] -= lost * fit[lid]
    corners = LIPS_UPPER[:, [0, -1]]
    moved[corners, :2] -= _lost(shot, corners[-1, :1], corners[-1, 1:])[0] * fit[corners]


def _lost(shot: Shot, ends: Indices, others: Indices) -> Floats:
    """(N,) by what part points `ends` (N,) came closer to `others` (N,); 0 where they moved apart."""
    before, now = (np.linalg.norm((x[ends] - x[others])[:, :2], axis=1) for x in (shot.x_s, shot.x_d))
    return np.asarray(1 - np.clip((now + _TOUCHING) / (before + _TOUCHING), 0.0, 1.0))
