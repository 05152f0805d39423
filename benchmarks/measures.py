"""What `quality.py` measures: distances of landmarks, likeness of pictures, and how a mouth looks.

The judge is the landmark network that also drives the mesh engine: what it does not see, these numbers do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import LUMA, skin_colour
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER, pose
from openportrait.faces import FaceFinder
from openportrait.records import Face, Floats, Image

SKIN = slice(0, 468)
OUTER_CORNERS = (33, 263)
OPEN = 0.12
"""Of the mouth's width: lips this far apart show an inside that is worth judging."""
_GLOW_RED, _GLOW_RATIO = 170, 1.5
_EYES_APART, _BOX = 100, (96, 64)
"""px of the picture in which mouths are compared: distance of the eyes, size of the box."""
_MOUTH_BELOW = 1.02
"""Middle of the mouth below that of the eyes, in distances of the eyes' outer corners."""
_STRIP_CM, _STRIP_STEPS = (3.0, 0.5), (96, 16)
"""Width and height of the strip of upper teeth, and its samples."""
_SCALES = np.geomspace(0.5, 2.0, 57)
_SHIFTS = range(-12, 13, 2)
_LEAST_CONTRAST = 0.02
"""Of the strip's brightness: less shows no single teeth to compare."""


class Eye:
    """Looks for one face in a picture, from where it was last."""

    def __init__(self, finder: FaceFinder, start: Face) -> None:
        self._finder = finder
        self._face = start

    def __call__(self, image: Image) -> Face:
        self._face = self._finder.follow(image, self._face) or self._face
        return self._face


def eyes_apart(face: Face) -> float:
    """px between the outer corners of the eyes."""
    return float(np.linalg.norm(np.subtract(*face.landmarks[list(OUTER_CORNERS), :2])))


def jitter(track: Floats) -> float:
    """Mean second difference of landmarks (frames, points, 2), px."""
    return float(np.linalg.norm(np.diff(track, 2, axis=0), axis=-1).mean())


def distance(track: Floats, wanted: Floats) -> float:
    """Mean distance of landmarks (frames, points, 2), px."""
    return float(np.linalg.norm(track - wanted, axis=-1).mean())


def aligned(track: Floats, wanted: Floats) -> Floats:
    """`track` (frames, points, 2) with each frame's shift, size and roll against `wanted` taken away."""
    a = track @ np.array([1, 1j])
    b = wanted @ np.array([1, 1j])
    a_middle, b_middle = a.mean(1, keepdims=True), b.mean(1, keepdims=True)
    a, b = a - a_middle, b - b_middle
    turn = (np.conj(a) * b).sum(1, keepdims=True) / (np.abs(a) ** 2).sum(1, keepdims=True)
    fitted = a * turn + b_middle
    return np.stack([fitted.real, fitted.imag], -1)


def outside_mouth(faces: Sequence[Face], part: tuple[slice, slice], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w) of a part of a picture of `shape`: True where none of the faces has its inner mouth or the lips' edge."""
    mask = np.zeros(shape, np.uint8)
    for face in faces:
        outline = face.landmarks[np.r_[INNER_UPPER, INNER_LOWER[-2:0:-1]], :2]
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
    reach = max(1, round(0.03 * eyes_apart(faces[0])))
    mask = np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
    return np.asarray(mask[part] == 0)


def psnr(a: Image, b: Image, where: NDArray[np.bool_]) -> float:
    """dB over all channels of the pixels `where` (h, w)."""
    return float(10 * np.log10(255**2 / max(float(np.mean((a[where].astype(float) - b[where]) ** 2)), 1e-9)))


def ssim(a: Image, b: Image, where: NDArray[np.bool_]) -> float:
    """Structural similarity of the luma, Gaussian window of 11 px (Wang et al. 2004), mean over the pixels `where`."""
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (a, b))

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)

    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    shared = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_x * mean_y + c1) * (2 * shared + c2)
    return float((similar / ((mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2)))[where].mean())


def openness(face: Face) -> float:
    """Height of the mouth's opening over its width."""
    upper, lower = face.landmarks[INNER_UPPER, :2], face.landmarks[INNER_LOWER, :2]
    return float(np.linalg.norm(upper[5] - lower[5]) / max(float(np.linalg.norm(upper[0] - upper[-1])), 1e-6))


def inside(image: Image, face: Face) -> NDArray[np.uint8]:
    """(N, 3) the pixels between the lips, a pixel or two from their edge; none where they are shut."""
    outline = face.landmarks[np.r_[INNER_UPPER, INNER_LOWER[-2:0:-1]], :2]
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    reach = max(1, round(0.015 * eyes_apart(face)))
    mask = np.asarray(cv2.erode(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
    return image[mask > 0]


def glow(colours: NDArray[np.uint8]) -> float:
    """Share of (N, 3) that is bright and redder than teeth, gums or tongue are."""
    red, green = colours[:, 0].astype(float), colours[:, 1].astype(float)
    return float(((red > _GLOW_RATIO * green) & (red > _GLOW_RED)).mean())


def brightest(image: Image, face: Face, colours: NDArray[np.uint8]) -> float:
    """97th percentile of the brightness of (N, 3) over that of the cheeks."""
    return float(np.percentile(colours @ LUMA, 97) / max(float(skin_colour(image, face.landmarks) @ LUMA), 1.0))


def mouth_box(image: Image, face: Face) -> Floats:
    """(64, 96) brightness over that of the cheeks, of the mouth in a picture whose eyes lie still, 100 px apart."""
    left, right = face.landmarks[list(OUTER_CORNERS), :2]
    along = (right - left) / _EYES_APART
    down = np.array([-along[1], along[0]])
    middle = (left + right) / 2 + down * (_MOUTH_BELOW * _EYES_APART)
    x, y = np.meshgrid(np.arange(_BOX[0]) - _BOX[0] / 2 + 0.5, np.arange(_BOX[1]) - _BOX[1] / 2 + 0.5)
    places = (middle + x[..., None] * along + y[..., None] * down).astype(np.float32)
    taken = cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken @ LUMA / max(float(skin_colour(image, face.landmarks) @ LUMA), 1.0))


def teeth_strip(image: Image, face: Face) -> Floats | None:
    """(96,) fine changes of brightness along 3 cm of the head below the upper lip; None where no teeth show."""
    head = pose(face.landmarks)
    across, down = (head.scale * row for row in head.rotation[:2, :2])
    middle = face.landmarks[INNER_UPPER[5], :2]
    x = (np.arange(_STRIP_STEPS[0]) + 0.5) / _STRIP_STEPS[0] * _STRIP_CM[0] - _STRIP_CM[0] / 2
    y = (np.arange(_STRIP_STEPS[1]) + 0.5) / _STRIP_STEPS[1] * _STRIP_CM[1]
    places = (middle + x[None, :, None] * across + y[:, None, None] * down).astype(np.float32)
    taken = cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row = (taken @ LUMA).mean(0)
    fine = row - cv2.GaussianBlur(row[None].astype(np.float64), (0, 0), 8)[0]
    return np.asarray(fine) if fine.std() > _LEAST_CONTRAST * max(float(row.mean()), 1.0) else None


def tooth_scale(shown: Sequence[Floats], wanted: Sequence[Floats]) -> tuple[float, float]:
    """Width of the teeth in strips `shown` over that in strips `wanted`, frame by frame, and how alike they then are.

    The likeness is a correlation, −1..1: without a clear one the width says nothing.
    """
    place = np.arange(_STRIP_STEPS[0]) - (_STRIP_STEPS[0] - 1) / 2
    likeness = np.zeros(len(_SCALES))
    for a, b in zip(shown, wanted, strict=True):
        for number, scale in enumerate(_SCALES):
            tried = [np.interp(place / scale + shift, place, b) for shift in _SHIFTS]
            likeness[number] += max(float(np.corrcoef(a, row)[0, 1]) for row in tried)
    best = int(likeness.argmax())
    return float(_SCALES[best]), float(likeness[best] / max(len(shown), 1))
