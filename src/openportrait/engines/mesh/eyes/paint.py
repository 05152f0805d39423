"""Eyes shown through the moved lids.

The eyeball moves with the head, the iris also with the gaze. They are blended in only as far as lids
or gaze differ from the source's, so that an eye at rest keeps its own pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import SUBPIXEL_BITS, rounded, smoothstep, subpixels
from openportrait.engines.mesh.drawing.stand_in import bounds, draw_line, lay_stand_in
from openportrait.engines.mesh.drawing.warp import Warp
from openportrait.engines.mesh.eyes.layers import EyeLayers, eye_outline, eye_width, lid_gap
from openportrait.engines.mesh.layers.background import Layer
from openportrait.engines.mesh.shape.points import EYES_LOWER, EYES_UPPER, LID_SHELL
from openportrait.records import Floats, Image

_SHADOW, _SHADOW_REACH = 0.25, 0.16
"""Part of the light that the upper lid takes away, and how far down, in widths of the eye."""
_CORNERS = (0.72, 1.0)
"""Where the eye fades into the source's own corners, from its middle."""
_OPENING = (0.025, 0.06)
"""Openness more than the source's from which on a shut eye shows what is behind its lids, and shows it wholly."""
_CORNERS_OF_SHUT = 0.9
"""The same where the source shows lashes alone."""
_CLOSING = (0.25, 0.65)
"""Parts of the way to shut over which the lids' own skin takes over."""
_OPENING_WIDER = (0.05, 0.35)
"""Openness over the source's, minus 1, over which the eyeball hides the source's own lashes, so that they are drawn."""
_LASH_WIDTH, _LASH_STRENGTH, _SEAM_STRENGTH = 0.065, 0.6, 0.85
"""In widths of the eye; how opaque lashes are over an open eye and along a shut one."""
_LASHES_THICKEST = 0.4
"""Part of the way from the outer corner to the inner one."""


def paint_eye(
    picture: Image, found: Warp, eye: EyeLayers, moved: Floats, anchors: Floats, gaze: Floats, side: int
) -> None:
    """Draw eye 0 or 1 into `picture` (S, S, 3), which was drawn by the warp `found`, in place.

    `moved` (478, 3) px: where the landmarks are now. `anchors` (5, 2) px: where the head's motion alone
    takes the eye's anchors. `gaze` (2,) px: by how much the iris moves beyond that.
    """
    gap = lid_gap(moved, side)
    wider = gap / eye_width(moved, side) / eye.openness - 1
    closed, opened = float(smoothstep(-wider, *_CLOSING)), float(smoothstep(wider, *_OPENING_WIDER))
    if closed > 0:
        _lid_skin(picture, eye, moved, anchors, side, closed)
    _show_eyeball(picture, eye, moved, anchors, gaze, side)
    if closed > 0:
        shut = float(1 - smoothstep(gap / eye.width, 0.015, 0.12))
        upper, lower = moved[EYES_UPPER[side], :2], moved[EYES_LOWER[side], :2]
        line = rounded(_evened(upper + (0.5 * shut) * (lower - upper), shut))
        share = closed * (_LASH_STRENGTH + (_SEAM_STRENGTH - _LASH_STRENGTH) * shut)
        draw_line(picture, line, eye.lash, _LASH_WIDTH * eye.width, share, _LASHES_THICKEST)
    if opened > 0:
        line = rounded(moved[EYES_UPPER[side], :2])
        draw_line(picture, line, eye.lash, _LASH_WIDTH * eye.width, opened * _LASH_STRENGTH, _LASHES_THICKEST)


def _evened(line: Floats, share: float) -> Floats:
    """(N, 2) px of a lid's edge, by `share` brought to one even arc: as it lies on the eyeball when it is shut."""
    along, middle = line[-1] - line[0], line.mean(0)
    along = along / (float(np.linalg.norm(along)) + 1e-6)
    down = np.array([-along[1], along[0]])
    place, depth = (line - middle) @ along, (line - middle) @ down
    arc = np.polyval(np.polyfit(place, depth, 2), place)
    return np.asarray(line + (share * (arc - depth))[:, None] * down)


def _lid_skin(picture: Image, eye: EyeLayers, moved: Floats, anchors: Floats, side: int, closed: float) -> None:
    """Skin around the opening, where a closing lid would drag its crease and lashes along, stretched."""
    outline = eye_outline(moved, side)
    part = bounds(np.vstack([outline, moved[LID_SHELL[side], :2]]), 0.3 * eye.width, picture.shape[0])
    opening = np.zeros((part[0].stop - part[0].start, part[1].stop - part[1].start), np.uint8)
    if not opening.size:
        return
    place = subpixels(outline - (part[1].start, part[0].start))
    cv2.fillPoly(opening, [place], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    soft = np.asarray(cv2.GaussianBlur(opening, (0, 0), 0.7), np.float32)
    corners = moved[EYES_UPPER[side, [0, -1]], :2]
    carried = anchors + (corners - anchors[:2]).mean(0)
    lay_stand_in(picture, eye.lid, part, back_to(eye.anchors[:, :2], carried), closed * (1 - soft / np.float32(255)))


def _show_eyeball(picture: Image, eye: EyeLayers, moved: Floats, anchors: Floats, gaze: Floats, side: int) -> None:
    gap = lid_gap(moved, side)
    pixel = picture.shape[0] / 512
    change = np.linalg.norm(gaze) / (0.05 * eye.width) + abs(gap / eye_width(moved, side) / eye.openness - 1) / 0.18
    strength = float(smoothstep(float(change), 0.05, 0.8)) * float(np.clip((gap / pixel - 1.2) / 2, 0, 1))
    strength *= 1 - eye.shut * float(1 - smoothstep(gap / eye.width - eye.openness, *_OPENING))
    if strength <= 0:
        return
    outline = eye_outline(moved, side)
    low = np.clip(np.floor(outline.min(0) - 2), 0, picture.shape[0]).astype(int)
    high = np.clip(np.ceil(outline.max(0) + 3), 0, picture.shape[0]).astype(int)
    if (high <= low).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    shape = (part.shape[0], part.shape[1])
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [subpixels(outline - low)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.7, 0.8 * pixel)), np.uint8)
    across = np.abs(np.linspace(-1, 1, shape[1]))
    corners = _CORNERS[0] + eye.shut * (_CORNERS_OF_SHUT - _CORNERS[0])
    share = (mask * (strength / 255 * (1 - smoothstep(across, corners, _CORNERS[1])))).astype(np.float32)[..., None]
    ball = _eyeball_pixels(eye, anchors, gaze, low, shape) * _shadow(moved, side, low, shape, eye.width)
    part[:] = np.clip(part * (1 - share) + ball * share + 0.5, 0, 255).astype(np.uint8)


def _eyeball_pixels(
    eye: EyeLayers, anchors: Floats, gaze: Floats, low: NDArray[np.int_], shape: tuple[int, int]
) -> Layer:
    """White and iris as they lie now in a part of the picture."""
    back = back_to((eye.anchors[:, :2] - eye.origin + 0.5) * eye.zoom - 0.5, anchors - low)
    back_iris = back.copy()
    back_iris[:, 2] -= back[:, :2] @ gaze
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    white = cv2.warpAffine(eye.white, back, shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    iris = cv2.warpAffine(eye.iris, back_iris, shape[::-1], flags=flags)
    return np.asarray(white * (1 - iris[..., 3:]) + iris[..., :3], np.float32)


def back_to(there: Floats, here: Floats) -> Floats:
    """(2, 3) affine map that takes points `here` (N, 2) closest to those `there`."""
    homogeneous = np.column_stack([here, np.ones(len(here))])
    return np.asarray(np.linalg.lstsq(homogeneous, there, rcond=None)[0].T)


def _shadow(moved: Floats, side: int, low: NDArray[np.int_], shape: tuple[int, int], width: float) -> Layer:
    """(h, w, 1) share of the light that the lids let through; least right below the upper lid."""
    lid = moved[EYES_UPPER[side], :2]
    lid = lid[np.argsort(lid[:, 0])]
    edge = np.interp(np.arange(low[0], low[0] + shape[1]), lid[:, 0], lid[:, 1])
    below = (np.arange(low[1], low[1] + shape[0])[:, None] - edge) / max(_SHADOW_REACH * width, 1)
    return np.asarray(1 - _SHADOW * np.clip(1 - below, 0, 1) ** 1.5, np.float32)[..., None]
