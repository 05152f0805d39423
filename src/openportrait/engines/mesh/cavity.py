"""A mouth drawn without a driver's pixels: dark inside, a tongue on the jaw, teeth on the skull."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER, LIPS_UPPER
from openportrait.records import Floats

_MIDDLE = 5


def drawn_mouth(
    skin: Floats, lip: Floats, moved: Floats, at_rest: Floats, shape: tuple[int, int], pixel: float
) -> NDArray[np.float32]:
    """(h, w, 3) colours of the mouth's inside in a part of the picture.

    `moved` and `at_rest` (478, 2) px of the part: the landmarks now, and where the head's motion alone
    takes them. `pixel`: size of a pixel of a 512 crop.
    """
    left, right = moved[INNER_UPPER[0]], moved[INNER_UPPER[-1]]
    centre, width = (left + right) / 2, float(np.linalg.norm(right - left)) + 1e-6
    along = (right - left) / width
    down = np.array([-along[1], along[0]])
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    side = ((x - centre[0]) * along[0] + (y - centre[1]) * along[1]) / (width / 2)
    height = (x - centre[0]) * down[0] + (y - centre[1]) * down[1]
    upper = float((moved[INNER_UPPER[_MIDDLE]] - centre) @ down)
    lower = float((moved[INNER_LOWER[_MIDDLE]] - centre) @ down)
    opening = max(lower - upper, 1.0)
    skull = float((at_rest[[INNER_UPPER[_MIDDLE], LIPS_UPPER[0, _MIDDLE]]].mean(0) - centre) @ down)

    colours = np.empty((*shape, 3))
    colours[:] = lip * 0.16 + 2
    tongue = 0.75 * np.exp(-((side / 0.62) ** 4)) * smoothstep(height, lower - 0.42 * opening, lower - 0.12 * opening)
    colours = _over(colours, np.clip(lip * 0.62, 0, 255), tongue)
    tooth = np.clip(0.62 * skin.max() * 1.02 + 0.38 * skin * 1.12, 0, 245)
    edge = min(max(skull + 0.13 * width, upper + 0.10 * width), upper + 0.55 * opening)
    between = 1 - 0.13 * np.exp(-((((side * 3.6 + 0.5) % 1 - 0.5) / 0.055) ** 2)) * smoothstep(height, upper, edge)
    light = (1 - 0.45 * np.abs(side) ** 1.6) * (
        0.66 + 0.34 * smoothstep(height, upper - 0.01 * width, upper + 0.07 * width)
    )
    row = smoothstep(edge - 0.11 * width * side**2 - height, -0.8 * pixel, 1.2 * pixel)
    row *= 1 - smoothstep(np.abs(side), 0.60, 0.92)
    colours = _over(colours, tooth * (between * light)[..., None], row)
    low_edge = lower - 0.055 * width + 0.10 * width * side**2
    low_row = smoothstep(height, low_edge - 0.8 * pixel, low_edge + pixel) * (1 - smoothstep(np.abs(side), 0.45, 0.75))
    low_row *= 0.75 * smoothstep((opening / width), 0.25, 0.42)
    colours = _over(colours, tooth * (0.72 * between)[..., None], low_row)
    return cv2.GaussianBlur(colours.astype(np.float32), (0, 0), 0.7 * pixel).astype(np.float32, copy=False)


def _over(under: Floats, colour: Floats, share: Floats) -> Floats:
    return under * (1 - share[..., None]) + colour * share[..., None]
