"""Colours of parts of a face."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.topology import LIPS_LOWER, LIPS_UPPER, SKIN_COUNT
from openportrait.records import Floats, Image

LUMA = np.array([0.299, 0.587, 0.114])
_AVERAGE_SKIN = np.array([1.22, 0.96, 0.84])
"""Of skin in white light, each channel over the brightness; a mean of many faces."""
_IVORY = np.array([1.09, 1.0, 0.91])
"""Teeth in white light."""
_WARMTH = np.array([0.47, -0.07, -0.88])
"""Logarithms by which warmer light differs, as from noon to candles (CIE D65 to A): red up, blue down; of length 1."""
_WARM_BELIEVED, _COLD_BELIEVED = 0.55, 0.2
"""Shares of what skin differs from the average that are the light's: towards red and yellow, and towards others."""
_OWN_GREEN = 0.4
"""How much of what is green or magenta in skin is its own, or its varnish's: light is seldom."""
_TOOTH_BRIGHTNESS = 1.06
"""The brightest teeth over the skin of the cheeks."""
_REDDER = 1.5
_COLOURLESS = (0.02, 0.14)
"""Largest difference of channels over the brightness, from a picture without colours to one with them."""
_CHEEKS = np.array([[50, 205, 187, 147, 123, 117, 101, 36], [280, 425, 411, 376, 352, 346, 330, 266]])


def sampled(image: Image, points: Floats, reach: float) -> Floats:
    """(N, 3) mean colour of nine pixels, `reach` px apart, around each of (N, 2 or 3) px."""
    distance = max(1, round(reach))
    offsets = np.stack(np.meshgrid([-distance, 0, distance], [-distance, 0, distance]), 2).reshape(-1, 2)
    around = np.round(points[:, None, :2]).astype(int) + offsets
    x, y = (np.clip(around[..., i], 0, image.shape[1 - i] - 1) for i in (0, 1))
    return np.asarray(image[y, x].mean(1))


def skin_colour(image: Image, face: Floats) -> Floats:
    """(3,) median colour of the lighter cheek, which the light of the scene reaches."""
    reach = 0.01 * float(np.ptp(face[:SKIN_COUNT, 0]))
    return np.asarray(np.max([np.median(sampled(image, face[cheek], reach), 0) for cheek in _CHEEKS], 0))


def lip_colour(image: Image, face: Floats) -> Floats:
    """(3,) median colour of the lips."""
    middles = [(face[ring[1][1:-1]] + face[ring[2][1:-1]]) / 2 for ring in (LIPS_UPPER, LIPS_LOWER)]
    return np.asarray(np.median(sampled(image, np.vstack(middles), 1), 0))


def light_colour(skin: Floats, lip: Floats) -> Floats:
    """(3,) factors of the light on each channel, their brightness 1, by a face's `skin` and `lip` (3,).

    Warm light makes skin more yellow than any is, so it is believed; skin paler than others is taken for pale.
    """
    cast = np.log((skin + 1) / (float(skin @ LUMA) + 1) / _AVERAGE_SKIN)
    colder = cast * (-1.0, 1.0, 1.0) > 0
    cast += _OWN_GREEN * (float(cast @ _WARMTH) * _WARMTH - cast)
    found = np.exp(np.where(colder, _COLD_BELIEVED, _WARM_BELIEVED) * colourfulness(skin, lip) * cast)
    return np.asarray(found / float(found @ LUMA))


def tooth_colour(skin: Floats, lip: Floats) -> Floats:
    """(3,) the brightest teeth beside `skin` and `lip` (3,): as bright as skin, of the light's colour."""
    tint = light_colour(skin, lip) * _IVORY ** colourfulness(skin, lip)
    return np.asarray(tint * (_TOOTH_BRIGHTNESS * float(skin @ LUMA) / float(tint @ LUMA)))


def flesh_hue(lip: Floats) -> Floats:
    """(3,) tongue and gums, each channel over the brightness: of the lips' hue, but redder."""
    hue = (lip + 1) ** _REDDER
    return np.asarray(hue / float(hue @ LUMA))


def colourfulness(skin: Floats, lip: Floats) -> float:
    """0 where a face has no colours, as in a black and white picture, 1 from about a faded photograph's on."""
    grey_skin, grey_lip = (colour / max(float(colour @ LUMA), 1.0) for colour in (skin, lip))
    most = max(float(np.ptp(grey_skin)), float(np.abs(grey_skin - grey_lip).max()))
    return float(smoothstep(most, *_COLOURLESS))
