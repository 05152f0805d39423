"""Eyes in two layers: the white without its iris, and the whole iris, shown through the moved lids.

Both layers move with the head; the iris also with the gaze. They are blended in only as far as lids
or gaze differ from the source's, so that an eye at rest keeps its own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.surround import smoothstep
from openportrait.engines.mesh.topology import EYES_LOWER, EYES_UPPER, IRISES
from openportrait.records import Floats, Image

Layer = NDArray[np.float32]
Mask = NDArray[np.bool_]

_MARGIN = 0.35
_INSET = 0.045
_IRIS_MARGIN = 1.12
_MIDDLE = slice(3, 6)
_SHADOW, _SHADOW_REACH = 0.38, 0.16
_LASH_WIDTH, _LASH_STRENGTH = 0.055, 0.85
_FRACTION_BITS = 4


@dataclass(frozen=True, eq=False)
class EyeLayers:
    """One eye of a source, without lids."""

    white: Layer
    """(h, w, 3) the eyeball with its iris removed and filled."""
    iris: Layer
    """(h, w, 4) the iris completed to a disc, colour times share, and the share 0..1."""
    origin: Floats
    """(2,) px of the crop's pixel corner where the layers begin, x and y."""
    zoom: int
    """Layer pixels for one pixel of the crop."""
    anchors: Floats
    """(5, 3) px: points of the eye that follow the head, with depth."""
    width: float
    """px from corner to corner."""
    openness: float
    """Gap of the lids over the width."""
    lash: Floats
    """(3,) colour of the lashes."""


def openness(points: Floats, side: int) -> float:
    """Gap between the lids over the width of eye 0 or 1, of (478, 2 or 3) points in the picture."""
    return _gap(points, side) / _width(points, side)


def _gap(points: Floats, side: int) -> float:
    difference = points[EYES_UPPER[side, _MIDDLE], :2] - points[EYES_LOWER[side, _MIDDLE], :2]
    return float(np.linalg.norm(difference, axis=1).mean())


def _width(points: Floats, side: int) -> float:
    return float(np.linalg.norm(points[EYES_UPPER[side, 0], :2] - points[EYES_UPPER[side, -1], :2])) + 1e-6


def _outline(points: Floats, side: int) -> Floats:
    """(16, 2) corner, upper lid, corner, lower lid."""
    return np.vstack([points[EYES_UPPER[side], :2], points[EYES_LOWER[side, -2:0:-1], :2]])


def _polygon(outline: Floats, shape: tuple[int, int], *, smooth: bool) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    corners = np.round(outline * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA if smooth else cv2.LINE_8, _FRACTION_BITS)
    return mask


def build_eye(image: Image, face: Floats, side: int) -> EyeLayers:
    """The layers of eye 0 or 1, from a crop (S, S, 3) and its landmarks (478, 3) px."""
    outline, width = _outline(face, side), _width(face, side)
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(outline.min(0) - _MARGIN * width), 0, size - 4).astype(int)
    high = np.clip(np.ceil(outline.max(0) + _MARGIN * width), low + 4, size).astype(int)
    zoom = 4 if width < 60 else 2
    part = image[low[1] : high[1], low[0] : high[0]]
    zoomed = cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC).astype(np.float32)

    def place(points: Floats) -> Floats:
        return (points[..., :2] - low + 0.5) * zoom - 0.5

    unit = width * zoom
    eyeball = _eyeball(place(outline), zoomed.shape[:2], unit)
    centre = place(face[IRISES[side, 0]])
    radius = float(np.linalg.norm(place(face[IRISES[side, 1:]]) - centre, axis=1).mean())
    upper, lower = EYES_UPPER[side], EYES_LOWER[side]
    return EyeLayers(
        white=_white(zoomed, eyeball, centre, radius, unit),
        iris=_iris(zoomed, eyeball, centre, radius, unit),
        origin=low.astype(np.float64),
        zoom=zoom,
        anchors=face[[upper[0], upper[-1], upper[4], lower[4], IRISES[side, 0]]],
        width=width,
        openness=openness(face, side),
        lash=_lash_colour(zoomed, place(face[upper]), unit),
    )


def _eyeball(outline: Floats, shape: tuple[int, int], unit: float) -> Mask:
    """Pixels that are surely eye: inside the lids by some margin, more under the upper lid with its shadow."""
    inset = max(1, round(_INSET * unit))
    mask = _polygon(outline, shape, smooth=False)
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * inset + 1, 2 * inset + 1)))
    lowered = cv2.warpAffine(mask, np.array([[1.0, 0, 0], [0, 1, inset]]), (shape[1], shape[0]))
    return np.asarray((mask > 0) & (lowered > 0))


def _distance(shape: tuple[int, int], centre: Floats) -> Floats:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]))


def _fill(image: Layer, known: Mask, spread: float) -> Layer:
    """Unknown pixels from the known ones around, nearest first, softened."""
    if not known.any():
        return image
    filled, done = image.copy(), known.copy()
    weight = known.astype(np.float32)
    masked = image * weight[..., None]
    for sigma in spread * np.array([1.0, 2.0, 4.0, 8.0]):
        total = cv2.GaussianBlur(weight, (0, 0), sigma)
        reached = ~done & (total > 0.02)
        if reached.any():
            filled[reached] = (cv2.GaussianBlur(masked, (0, 0), sigma) / np.maximum(total, 1e-6)[..., None])[reached]
            done |= reached
    filled[~done] = image[known].mean(0)
    return np.where(known[..., None], image, cv2.GaussianBlur(filled, (0, 0), spread * 0.5)).astype(np.float32)


def _white(zoomed: Layer, eyeball: Mask, centre: Floats, radius: float, unit: float) -> Layer:
    seen = eyeball & (_distance(zoomed.shape[:2], centre) > radius * _IRIS_MARGIN)
    return _fill(zoomed, seen if seen.sum() > 20 else eyeball, 0.05 * unit)


def _iris(zoomed: Layer, eyeball: Mask, centre: Floats, radius: float, unit: float) -> Layer:
    """The iris where it is seen; the rest mirrored from the seen part, then filled."""
    shape = zoomed.shape[:2]
    distance = _distance(shape, centre)
    disc = distance < radius * _IRIS_MARGIN
    known, whole = eyeball & disc, zoomed.copy()
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    seen = known.astype(np.uint8)
    for flip_x, flip_y in ((True, False), (False, True), (True, True)):
        mirror_x = (2 * centre[0] - x if flip_x else x).astype(np.float32)
        mirror_y = (2 * centre[1] - y if flip_y else y).astype(np.float32)
        usable = disc & ~known & (cv2.remap(seen, mirror_x, mirror_y, cv2.INTER_NEAREST) > 0)
        whole[usable] = cv2.remap(zoomed, mirror_x, mirror_y, cv2.INTER_LINEAR)[usable]
        known = known | usable
    if known.sum() > 20:
        whole = _fill(whole, known, 0.03 * unit)
    share = (1 - smoothstep(distance, radius * 0.92, radius * 1.08)).astype(np.float32)
    return np.dstack([whole * share[..., None], share])


def _lash_colour(zoomed: Layer, upper: Floats, unit: float) -> Floats:
    """Mean of the darkest third along the upper lid."""
    line = np.zeros(zoomed.shape[:2], np.uint8)
    corners = np.round(upper * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.polylines(line, [corners], False, 255, max(2, int(0.06 * unit)), cv2.LINE_8, _FRACTION_BITS)
    colours = zoomed[line > 0]
    if not len(colours):
        return np.zeros(3)
    darkest = np.argsort(colours.sum(1))[: max(4, len(colours) // 3)]
    return colours[darkest].mean(0).astype(np.float64)


def paint_eye(picture: Image, eye: EyeLayers, moved: Floats, anchors: Floats, gaze: Floats, side: int) -> None:
    """Draw eye 0 or 1 into `picture` (S, S, 3), in place.

    `moved` (478, 3) px: where the landmarks are now. `anchors` (5, 2) px: where the head's motion alone
    takes the eye's anchors. `gaze` (2,) px: by how much the iris moves beyond that.
    """
    gap = _gap(moved, side)
    _draw_lashes(picture, eye, moved, side, gap)
    pixel = picture.shape[0] / 512
    change = np.linalg.norm(gaze) / (0.05 * eye.width) + abs(gap / _width(moved, side) / eye.openness - 1) / 0.18
    strength = float(smoothstep(change, 0.05, 0.8)) * float(np.clip((gap / pixel - 1.2) / 2, 0, 1))
    if strength <= 0:
        return
    outline = _outline(moved, side)
    low = np.clip(np.floor(outline.min(0) - 2), 0, picture.shape[0]).astype(int)
    high = np.clip(np.ceil(outline.max(0) + 3), 0, picture.shape[0]).astype(int)
    if (high <= low).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    shape = (part.shape[0], part.shape[1])
    mask = cv2.GaussianBlur(_polygon(outline - low, shape, smooth=True), (0, 0), 0.8 * pixel)
    share = (mask * (strength / 255)).astype(np.float32)[..., None]
    ball = _eyeball_pixels(eye, anchors, gaze, low, shape) * _lid_shadow(moved, side, low, shape, eye.width)
    part[:] = np.clip(part * (1 - share) + ball * share + 0.5, 0, 255).astype(np.uint8)


def _eyeball_pixels(
    eye: EyeLayers, anchors: Floats, gaze: Floats, low: NDArray[np.int_], shape: tuple[int, int]
) -> Layer:
    """White and iris as they lie now in a part of the picture."""
    homogeneous = np.column_stack([anchors, np.ones(len(anchors))])
    back = np.linalg.lstsq(homogeneous, eye.anchors[:, :2], rcond=None)[0]
    y, x = np.mgrid[low[1] : low[1] + shape[0], low[0] : low[0] + shape[1]]
    places = (np.stack([x, y, np.ones_like(x)], 2) @ back - eye.origin + 0.5) * eye.zoom - 0.5
    gaze_there = gaze @ back[:2] * eye.zoom
    white = cv2.remap(eye.white, places.astype(np.float32), None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    iris = cv2.remap(eye.iris, (places - gaze_there).astype(np.float32), None, cv2.INTER_LINEAR)
    return np.asarray(white * (1 - iris[..., 3:]) + iris[..., :3], np.float32)


def _lid_shadow(moved: Floats, side: int, low: NDArray[np.int_], shape: tuple[int, int], width: float) -> Layer:
    """(h, w, 1) what the upper lid leaves of the light, darkest right below it."""
    lid = moved[EYES_UPPER[side], :2]
    lid = lid[np.argsort(lid[:, 0])]
    edge = np.interp(np.arange(low[0], low[0] + shape[1]), lid[:, 0], lid[:, 1])
    below = (np.arange(low[1], low[1] + shape[0])[:, None] - edge) / max(_SHADOW_REACH * width, 1)
    return (1 - _SHADOW * np.clip(1 - below, 0, 1) ** 1.5).astype(np.float32)[..., None]


def _draw_lashes(picture: Image, eye: EyeLayers, moved: Floats, side: int, gap: float) -> None:
    """A dark line along the seam of lids that have closed."""
    closed = (1 - smoothstep(np.float64(gap / eye.width), 0.015, 0.075)) * smoothstep(
        np.float64(1 - gap / (eye.openness * eye.width)), 0.5, 0.8
    )
    if closed < 0.02:
        return
    seam = rounded((moved[EYES_UPPER[side], :2] + moved[EYES_LOWER[side], :2]) / 2)
    low = np.clip(np.floor(seam.min(0) - 6), 0, picture.shape[0]).astype(int)
    high = np.clip(np.ceil(seam.max(0) + 7), 0, picture.shape[0]).astype(int)
    if (high <= low).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    line = np.zeros(part.shape[:2], np.uint8)
    corners = np.round((seam - low) * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.polylines(line, [corners], False, 255, max(1, round(_LASH_WIDTH * eye.width)), cv2.LINE_AA, _FRACTION_BITS)
    share = cv2.GaussianBlur(line, (0, 0), 0.02 * eye.width + 0.3)[..., None] * (closed * _LASH_STRENGTH / 255)
    part[:] = (part * (1 - share) + eye.lash * share + 0.5).astype(np.uint8)


def rounded(line: Floats, times: int = 2) -> Floats:
    """An open line of (N, 2) points with its corners cut (Chaikin 1974), its ends kept."""
    for _ in range(times):
        cut = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], 1).reshape(-1, 2)
        line = np.vstack([line[:1], cut[1:-1], line[-1:]])
    return line
