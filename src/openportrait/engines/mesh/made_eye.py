"""An eye that a source does not show, as its lids are shut: made up in the source's light and colours."""

from __future__ import annotations

import cv2
import numpy as np

from openportrait.engines.mesh.colours import LUMA, light_colour, lip_colour, skin_colour
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.infill import Layer
from openportrait.records import Floats, Image

RADIUS = 0.205
"""Of an average iris, in widths of the eye, as is the next."""
_RISE = 0.05
"""How far above the middle of the corners an iris that looks ahead lies."""
_WHITE_BRIGHTNESS, _SKIN_IN_WHITE = 0.72, 0.35
"""Of the white over the skin's, as the lids shade it, and how much of the skin's hue they throw on it."""
_CORNER_SHADE = 0.3
_PUPIL, _RIM = (0.38, 0.46), (0.78, 1.0)
"""In radii: the pupil's soft edge, and where the iris darkens outwards."""
_IRIS_LIGHTER, _PUPIL_DARKER, _RIM_DARKER = 1.2, 0.35, 0.55
_DARKEST_OF_WHITE = 0.32
"""The darkest colour near is that of pale lashes or of skin, where it is brighter than this part of the white."""
_GLINT, _GLINT_PLACE = 0.17, (-0.3, -0.38)
"""Radius of the light's reflection and where it lies, in radii of the iris."""
_GLINT_SHARE = 0.75


def white_colour(image: Image, face: Floats) -> Floats:
    """(3,) the brightest white of an eye in the light of a crop (S, S, 3) with landmarks (478, 3) px."""
    skin = skin_colour(image, face)
    light = light_colour(skin, lip_colour(image, face))
    bright = float(skin @ LUMA)
    return np.asarray(_WHITE_BRIGHTNESS * (light * bright + _SKIN_IN_WHITE * (skin - light * bright)))


def iris_place(outline: Floats) -> tuple[Floats, float]:
    """Centre (2,) and radius of the iris, from the eye's outline (16, 2): corner, upper lid, corner, lower lid."""
    outer, inner = outline[0], outline[8]
    along = inner - outer
    up = np.array([along[1], -along[0]]) * np.sign(along[0] or 1.0)
    return (outer + inner) / 2 + _RISE * up, RADIUS * float(np.linalg.norm(along))


def made_white(shape: tuple[int, ...], outline: Floats, white: Floats) -> Layer:
    """(h, w, 3) the eyeball without iris: `white` (3,), darker to the corners."""
    middle, half = (outline[0] + outline[8]) / 2, float(np.linalg.norm(outline[8] - outline[0])) / 2
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = np.hypot(x - middle[0], y - middle[1]) / max(half, 1.0)
    shade = 1 - _CORNER_SHADE * smoothstep(away, 0.35, 1.1)
    return np.asarray(shade[..., None] * white, np.float32)


def made_iris(shape: tuple[int, ...], centre: Floats, radius: float, darkest: Floats, white: Floats) -> Layer:
    """(h, w, 4) an iris in the tone of the `darkest` colour (3,) near, colour times share, and the share 0..1."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = np.hypot(x - centre[0], y - centre[1]) / radius
    below = np.clip((y - centre[1]) / radius, -1, 1)
    tone = _IRIS_LIGHTER * (1 + 0.15 * below)
    tone = tone + (_RIM_DARKER - tone) * smoothstep(away, *_RIM)
    tone = _PUPIL_DARKER + (tone - _PUPIL_DARKER) * smoothstep(away, *_PUPIL)
    pale = float(darkest @ LUMA) / max(_DARKEST_OF_WHITE * float(white @ LUMA), 1.0)
    colours = tone[..., None] * (darkest / max(pale, 1.0))
    right, down = _GLINT_PLACE
    beside = np.hypot(x - centre[0] - right * radius, y - centre[1] - down * radius) / (_GLINT * radius)
    glint = (_GLINT_SHARE * (1 - smoothstep(beside, 0.6, 1.3)))[..., None]
    colours = cv2.GaussianBlur(colours + (white - colours) * glint, (0, 0), max(0.05 * radius, 0.3))
    share = (1 - smoothstep(away, 0.9, 1.1)).astype(np.float32)
    return np.dstack([colours.astype(np.float32) * share[..., None], share])
