"""Colours of a driver's mouth in the light of a source.

What is tooth and what is flesh is judged against the driver's own skin, which stands in the same light and went
through the same camera: teeth are less red than skin, flesh is redder. Nothing is judged by a whole picture's
brightest or darkest pixel, so that no noise of a single frame changes the colours of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import (
    LUMA,
    colourfulness,
    flesh_hue,
    light_colour,
    lip_colour,
    skin_colour,
    tooth_colour,
)
from openportrait.records import FaceCrop, Floats

_LUMA = LUMA.astype(np.float32)
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
