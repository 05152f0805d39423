"""Colours of parts of a face, and those of a driver's mouth in the light of a source.

What is tooth and what is flesh is judged against the driver's own skin, which stands in the same light and went
through the same camera: teeth are less red than skin, flesh is redder. Nothing is judged by a whole picture's
brightest or darkest pixel, so that no noise of a single frame changes the colours of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.shape.points import CHEEKS, LIPS_LOWER, LIPS_UPPER, SKIN_COUNT
from openportrait.records import FaceCrop, Floats, Image

LUMA = np.array([0.299, 0.587, 0.114])
"""Brightness of RGB, by ITU-R BT.601."""
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
"""Power of each channel of the lips that makes the hue of tongue and gums."""
_COLOURLESS = (0.02, 0.14)
"""Largest difference of channels over the brightness, from a picture without colours to one with them."""


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
    return np.asarray(np.max([np.median(sampled(image, face[cheek], reach), 0) for cheek in CHEEKS], 0))


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


# A driver's mouth in the light of a source


_LUMA = LUMA.astype(np.float32)
"""The same in float32, for pictures."""
_RED = (0.0, 0.14)
"""Red over green, both relative to the skin's, minus 1: from teeth to flesh."""
_BRIGHT = (0.3, 0.6)
"""Of the skin's brightness: from the dark of the mouth to teeth."""
_LIFT = 0.75
"""Power that teeth's brightness over the skin's is raised to: a driver's teeth in shade become lighter."""
_TOOTH_LIMIT = 1.075
"""What teeth's brightness only comes near to, over that of the brightest: as bright as skin they are to lose little."""
_FLESH_BRIGHTEST, _FLESH_OF_SKIN = 0.95, 0.8
"""The brightest flesh: over the source's lips, and in the driver over its skin."""
FLESH_REDDEST = 0.9
"""The red of the brightest flesh over that of the lips: nothing inside a mouth glows."""
_LIP_HUE = 0.65
"""How much of the hue of the source's lips its mouth's flesh takes on."""


@dataclass(frozen=True, eq=False)
class Light:
    """What brings a driver's colours into the light of a source."""

    driver_skin: Floats
    """(3,) colour of the driver's skin."""
    flesh: Floats
    """(3,) factors from the driver's flesh to the source's."""
    lip: Floats
    """(3,) hue of flesh by the source's lips, each channel over the brightness."""
    tooth: Floats
    """(3,) what teeth come near to in the source's light."""
    flesh_brightest: float
    """Brightness of the brightest flesh in the source's light."""
    colourful: float
    """0 a source without colours, 1 one with those of a face."""

    def __call__(
        self, colours: NDArray[np.uint8], may_be_tooth: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(..., 3) RGB in the other light, and (...) how surely it is tooth, 0..1.

        `may_be_tooth` (...): 0 where there are none, by their place, 1 elsewhere.
        """
        own = colours.astype(np.float32)
        bright = own @ (_LUMA / np.float32(self.driver_skin @ LUMA))
        flesh = np.asarray(own * self.flesh, np.float32)
        grey = flesh @ _LUMA
        flesh += np.float32(_LIP_HUE) * (grey[..., None] * self.lip.astype(np.float32) - flesh)
        flesh += np.float32(1 - self.colourful) * (grey[..., None] - flesh)
        flesh *= _less(grey * np.float32(1 / self.flesh_brightest))[..., None]
        share = whiteness(colours, self.driver_skin) * _ramp(bright, *_BRIGHT) * may_be_tooth
        lifted = np.power(np.maximum(bright, 1e-3), np.float32(_LIFT))
        tooth = (lifted * _less(lifted))[..., None] * self.tooth.astype(np.float32)
        return np.asarray(flesh + share[..., None] * (tooth - flesh), np.float32), share


def whiteness(colours: NDArray[np.uint8], skin: Floats) -> NDArray[np.float32]:
    """(...) how little of the red of flesh RGB (..., 3) has beside `skin` (3,): 1 teeth, 0 lips, gums and tongue."""
    red, green = (colours[..., i].astype(np.float32) * np.float32(1 / max(skin[i], 1.0)) for i in (0, 1))
    return 1 - _ramp(red / np.maximum(green, 0.02) - 1, *_RED)


def light_between(skin: Floats, lip: Floats, driver: FaceCrop) -> Light:
    """From the colours (3,) of the source's `skin` and `lip`."""
    face = driver.face.landmarks
    driver_skin = np.maximum(skin_colour(driver.image, face), 8.0)
    driver_lip = np.maximum(lip_colour(driver.image, face), 8.0)
    light = light_colour(skin, lip) / light_colour(driver_skin, driver_lip)
    hue = flesh_hue(lip)
    brightest = max(min(_FLESH_BRIGHTEST * float(lip @ LUMA), FLESH_REDDEST * float(lip[0] / hue[0])), 4.0)
    return Light(
        driver_skin=driver_skin,
        flesh=light * (brightest / (_FLESH_OF_SKIN * float(driver_skin @ LUMA))),
        lip=hue,
        tooth=_TOOTH_LIMIT * tooth_colour(skin, lip),
        flesh_brightest=brightest,
        colourful=colourfulness(skin, lip),
    )


def _less(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Factor that keeps small values and lets none come above 1."""
    squared = value * value
    return np.asarray((1 + squared * squared) ** np.float32(-1 / 4), np.float32)


def _ramp(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """0 at `low`, 1 at `high`, straight between: a mouth has many pixels."""
    return np.asarray(np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1), np.float32)
