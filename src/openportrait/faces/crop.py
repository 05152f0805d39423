"""The square crop of a face, and the way back (SPEC §1).

SPEC crops turn and scale the picture to a fixed size, black outside it. Native crops take whole
pixels of the picture as they are, and repeat its edge outside, so that what is pasted back unchanged
is the picture itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.faces.landmarks import (
    BROWS,
    EYE_LEFT_CORNERS,
    EYE_LEFT_LIDS,
    EYE_RIGHT_CORNERS,
    EYE_RIGHT_LIDS,
    JAW,
    LIP_CORNERS,
)
from openportrait.records import CropRule, Face, FaceCrop, Floats, Image
from openportrait.scaling import resized

_MESH_EYES = (EYE_LEFT_CORNERS + EYE_LEFT_LIDS, EYE_RIGHT_CORNERS + EYE_RIGHT_LIDS)
"""Points whose middles are the centres of the eyes, left then right."""
_MESH_OUTLINE = (*BROWS, *JAW)
"""Points of the mesh that span what the 203-point set covers."""

_ANCHORS: dict[int, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    203: ((0, 6, 12, 18), (24, 30, 36, 42), (48, 66)),
    106: ((33, 35, 40, 39), (87, 89, 94, 93), (52, 61)),
    68: ((36, 39), (42, 45), (48, 54)),
    5: ((0,), (1,), (3, 4)),
    9: ((2, 3), (0, 1), (5, 6)),
    478: (*_MESH_EYES, LIP_CORNERS),
}
"""Count of landmarks → points whose mean is the left eye, the right eye, the mouth."""


@dataclass(frozen=True, eq=False)
class Box:
    """The square around a face."""

    centre: Floats
    """(2,) px of the picture."""
    side: float
    """px"""
    angle_radians: float = 0.0
    """By which the face is turned clockwise in the picture."""


def face_box(points: Floats, *, scale: float, shift_x: float, shift_y: float) -> Box:
    """The box of SPEC §1 around (N, 2) landmarks, N one of 478, 203, 106, 68, 9, 5.

    Of the 478 points the box spans what the 203-point set covers: brows, and the outline from ear to
    ear over the chin, without the forehead. Shifts are in sides of the box, along the face's own axes.
    """
    eye_left, eye_right, lips = (points[list(group)].mean(0) for group in _ANCHORS[len(points)])
    axis_y = lips - (eye_left + eye_right) / 2
    length = float(np.linalg.norm(axis_y))
    axis_y = axis_y / length if length > 1e-3 else np.array([0.0, 1.0])
    axis_x = np.array([axis_y[1], -axis_y[0]])
    angle = float(np.arccos(np.clip(axis_x[0], -1, 1)))
    axes = np.stack([axis_x, axis_y])
    outline = points[list(_MESH_OUTLINE)] if len(points) == 478 else points
    mean = outline.mean(0)
    turned = (outline - mean) @ axes.T
    low, high = turned.min(0), turned.max(0)
    side = float((high - low).max()) * scale
    centre = mean + ((low + high) / 2 + side * np.array([shift_x, shift_y])) @ axes
    return Box(centre, side, -angle if axis_x[1] < 0 else angle)


def outline_points(face: Face) -> Floats:
    """(N, 2) px: the points that boxes are made from, the refined ones where there are any."""
    return face.landmarks[:, :2] if face.refined is None else face.refined


def crop_from_image(box: Box, size: int, *, rotate: bool) -> Floats:
    """(3, 3): px of the picture to px of a crop of `size`; the box's centre goes to size / 2."""
    angle = box.angle_radians if rotate else 0.0
    factor = size / box.side
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = size / 2 - turn @ box.centre
    return matrix


def crop_face(image: Image, face: Face, *, scale: float, shift_x: float, shift_y: float, rule: CropRule) -> FaceCrop:
    """The source crop of a face as an engine wants it."""
    box = face_box(outline_points(face), scale=scale, shift_x=shift_x, shift_y=shift_y)
    if rule.native and not rule.rotate:
        return _native_crop(image, face, box, rule.size)
    return _warped_crop(image, face, crop_from_image(box, rule.size, rotate=rule.rotate), rule.size)


def clip_box(faces: Iterable[Face], *, scale: float, shift_x: float, shift_y: float) -> Box:
    """One upright box for a whole clip: the mean of the boxes of its frames (SPEC §1, driving)."""
    boxes = [face_box(outline_points(face), scale=scale, shift_x=shift_x, shift_y=shift_y) for face in faces]
    return Box(np.mean([box.centre for box in boxes], 0), float(np.mean([box.side for box in boxes])))


def crop_box(image: Image, face: Face, box: Box, size: int) -> FaceCrop:
    """The upright crop of a box, whatever the face in it does."""
    return _warped_crop(image, face, crop_from_image(box, size, rotate=False), size)


def whole_crop(image: Image, face: Face, size: int) -> FaceCrop:
    """A picture that is a face crop already, resized to `size` × `size` (a square one keeps its shape)."""
    height, width = image.shape[:2]
    return FaceCrop(*_resized(image, face, np.eye(3), (width, height), size))


def _warped_crop(image: Image, face: Face, matrix: Floats, size: int) -> FaceCrop:
    crop = cv2.warpAffine(image, matrix[:2], (size, size), flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    factor = float(np.sqrt(np.linalg.det(matrix[:2, :2])))
    return FaceCrop(crop, face.moved(matrix, factor), _inverse(matrix))


def _native_crop(image: Image, face: Face, box: Box, limit: int) -> FaceCrop:
    """Whole pixels around the box, sides a multiple of 4; reduced where larger than `limit`."""
    side = max(4, round(box.side / 4) * 4)
    left, top = (round(value - side / 2 + 0.5) for value in box.centre)
    height, width = image.shape[:2]
    outside = max(0, -left, -top, left + side - width, top + side - height)
    if outside:
        image = cv2.copyMakeBorder(image, outside, outside, outside, outside, cv2.BORDER_REPLICATE).astype(np.uint8)
    part = image[top + outside : top + outside + side, left + outside : left + outside + side].copy()
    moved = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
    return FaceCrop(*_resized(part, face, moved, (side, side), min(side, limit)))


def _resized(
    image: Image, face: Face, picture_to_part: Floats, part: tuple[int, int], size: int
) -> tuple[Image, Face, Floats]:
    """Picture, face and way back after a resize of `part` (width, height) px to `size` × `size`."""
    factors = np.array([size / part[0], size / part[1]])
    matrix = np.diag([factors[0], factors[1], 1.0])
    matrix[:2, 2] = 0.5 * factors - 0.5
    matrix = matrix @ picture_to_part
    return resized(image, size, size), face.moved(matrix, float(np.sqrt(factors.prod()))), _inverse(matrix)


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), np.float64)
