"""The skin of a shut eye: grown together from what is around the open one, in the colour of its lid."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.curves import SUBPIXEL_BITS, subpixels
from openportrait.engines.mesh.overlay import StandIn, around_it, build_stand_in
from openportrait.engines.mesh.topology import EYES_LOWER, EYES_UPPER
from openportrait.records import Floats, Image

_ABOVE, _BELOW = 0.22, 0.09
"""How far lashes, a tight outline and the crease reach beyond the lids, in widths of the eye, as do the next."""
_LID = (0.05, 0.17)
"""Where the lid of an open eye shows, above its edge."""
_SPREAD, _FADE = 0.16, 0.06
_DARKEST, _DARKEST_NEAR = 0.5, 0.9
"""Lashes and brows are darker than this part of the skin, creases and outlines than this part of that close by."""
_DARKEST_LID = 0.85
"""Lashes and lines on a lid are darker than this part of its lighter skin."""
_TINT_RANGE = (0.6, 1.6)
_HUE_SHARE, _LIGHT_SHARE = 0.7, 0.35
"""Powers of hue and brightness of the open lid, which often lies in the shadow of the brow, that the shut one keeps."""


def build_lid_skin(image: Image, face: Floats, side: int, width: float) -> StandIn:
    """From a crop (S, S, 3) and its landmarks (478, 3) px; `width` px of the eye if it were seen from the front."""
    upper, lower = face[EYES_UPPER[side], :2], face[EYES_LOWER[side], :2]
    outline = np.vstack([upper, lower[-2:0:-1]])
    skin = build_stand_in(image, outline, _ABOVE * width, _BELOW * width, _DARKEST, _DARKEST_NEAR)
    return _coloured_as_lid(image, skin, upper, lower, width)


def _coloured_as_lid(image: Image, skin: StandIn, upper: Floats, lower: Floats, width: float) -> StandIn:
    """The same with the hue of the open lid, natural or painted, from the crease down to the edge."""
    left, top = skin.origin
    height, across = skin.pixels.shape[:2]
    own = image[top : top + height, left : left + across].astype(np.float32)
    made = skin.pixels[..., :3].astype(np.float32)
    down = lower.mean(0) - upper.mean(0)
    down *= width / max(float(np.linalg.norm(down)), 1e-6)
    fold, edge = upper - _LID[1] * down, upper - _LID[0] * down
    lid = _between(fold[1:-1], edge[1:-1], skin) > 0
    if not lid.any():
        return skin
    grey = own @ LUMA.astype(np.float32)
    lid &= grey >= _DARKEST_LID * np.percentile(grey[lid], 80)
    ratio = np.clip(around_it((own + 4) / (made + 4), lid, _SPREAD * width), *_TINT_RANGE)
    light = (ratio @ LUMA.astype(np.float32))[..., None]
    ratio = (ratio / light) ** _HUE_SHARE * light**_LIGHT_SHARE
    shut = cv2.GaussianBlur(_between(fold, lower, skin), (0, 0), max(0.6, _FADE * width))
    share = shut.astype(np.float32)[..., None] / 255
    tinted = np.clip(made * (1 + share * (ratio - 1)) + 0.5, 0, 255).astype(np.uint8)
    return replace(skin, pixels=np.dstack([tinted, skin.pixels[..., 3]]))


def _between(line: Floats, other: Floats, skin: StandIn) -> Image:
    """(h, w) 255 between two lines (N, 2) px of the crop, 0 elsewhere."""
    mask = np.zeros(skin.pixels.shape[:2], np.uint8)
    place = subpixels(np.vstack([line, other[::-1]]) - skin.origin)
    cv2.fillPoly(mask, [place], 255, cv2.LINE_8, SUBPIXEL_BITS)
    return mask
