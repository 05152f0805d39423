"""A driver's mouth in the light of a source: brightness by the skin, flesh by the lips, teeth as teeth are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import LUMA, lip_colour, skin_colour, tooth_colour
from openportrait.records import FaceCrop, Floats

_LUMA = LUMA.astype(np.float32)
_BRIGHTNESS_RANGE = (0.55, 1.35)
_SKIN_TINT, _LIP_TINT, _TINT_RANGE = 0.35, 0.2, (0.78, 1.1)
_LEAST_CHROMA = 0.04
_FLESH_TINT = 0.6
_FLESH_LEAST, _FLESH_MOST = np.array([1.0, 0.7, 0.65]), np.array([1.3, 1.0, 1.0])
"""Flesh becomes warmer, never greener or greyer than the driver's."""
_RED = (0.1, 0.25)
"""Red over green and blue, in brightness, from teeth to flesh."""
_PALE = (0.3, 0.5)
"""Largest distance of a channel from grey, over brightness, from what may be teeth to what is none."""
_BRIGHT = (0.35, 0.75)
"""Brightness of teeth over that of the source's, from the dark of the mouth to teeth."""
_TOOTH_TINT, _BRIGHTEST = 0.8, 1.1


@dataclass(frozen=True, eq=False)
class Light:
    """What brings a driver's colours into the light of a source."""

    gain: Floats
    """(3,) factor on each channel."""
    chroma: float
    """Factor on what then differs from grey, 0..1."""
    flesh: Floats
    """(3,) further factor on each channel of lips, gums and tongue."""
    tooth: Floats
    """(3,) what teeth look like in the source's light."""

    def __call__(self, colours: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(..., 3) RGB in the other light."""
        own = colours.astype(np.float32)
        red = _ramp(_redness(own), *_RED)
        lit = own * self.gain.astype(np.float32)
        lit *= 1 + red[..., None] * (self.flesh - 1).astype(np.float32)
        grey = lit @ _LUMA
        apart = (lit - grey[..., None]) * np.float32(self.chroma)
        brightness = float(self.tooth @ LUMA)
        relative = grey * np.float32(1 / brightness)
        pale = np.abs(apart).max(-1) / np.maximum(grey, 1)
        share = np.float32(_TOOTH_TINT) * _ramp(relative, *_BRIGHT) * (1 - red) * (1 - _ramp(pale, *_PALE))
        lit = apart + grey[..., None]
        wanted = np.minimum(relative, np.float32(_BRIGHTEST))[..., None] * self.tooth.astype(np.float32)
        return np.asarray(lit + share[..., None] * (wanted - lit), np.float32)


def light_between(skin: Floats, lip: Floats, driver: FaceCrop) -> Light:
    """Judged by the skin; the colour of the lips may keep what the skin's would take away.

    `skin` and `lip` (3,) are the source's colours.
    """
    driver_skin = np.maximum(skin_colour(driver.image, driver.face.landmarks), 1.0)
    driver_lip = lip_colour(driver.image, driver.face.landmarks)
    brightness = float(skin @ LUMA / (driver_skin @ LUMA))
    tint = np.clip(_balance(skin, driver_skin) ** _SKIN_TINT * _balance(lip, driver_lip) ** _LIP_TINT, *_TINT_RANGE)
    flesh = np.clip(_balance(lip, driver_lip * tint) ** _FLESH_TINT, _FLESH_LEAST, _FLESH_MOST)
    chroma = max(
        _chroma(skin) / max(_chroma(driver_skin * tint), _LEAST_CHROMA),
        _chroma(lip) / max(_chroma(driver_lip * tint), _LEAST_CHROMA),
    )
    gain = tint * np.clip(brightness, *_BRIGHTNESS_RANGE)
    return Light(gain, float(np.clip(chroma, 0.0, 1.0)), flesh, tooth_colour(skin))


def _redness(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    beyond = colours[..., 0] - np.float32(0.5) * (colours[..., 1] + colours[..., 2])
    return np.asarray(beyond / np.maximum(colours @ _LUMA, 1), np.float32)


def _ramp(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """0 at `low`, 1 at `high`, straight between: a mouth has many pixels."""
    return np.asarray(np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1), np.float32)


def _balance(colour: Floats, other: Floats) -> Floats:
    """(3,) ratio of two colours of the same brightness."""
    return np.asarray((colour + 1) / (colour @ LUMA + 1) / ((other + 1) / (other @ LUMA + 1)))


def _chroma(colour: Floats) -> float:
    """Distance from grey over brightness."""
    grey = max(float(colour @ LUMA), 1.0)
    return float(np.linalg.norm(colour - grey)) / grey
