"""A mouth drawn without a driver's pixels: dark inside, a tongue on the jaw, teeth on the skull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import tooth_colour
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.teeth import OwnTeeth
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER, LIPS_UPPER
from openportrait.records import Floats

_MIDDLE = 5
_TEETH_ACROSS = 3.4
"""Teeth in half the width of the mouth."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """A mouth, measured along the line of its corners; heights in px downwards from there."""

    side: Floats
    """(h, w) of each pixel: −1 at the left corner, 1 at the right."""
    height: Floats
    """(h, w) of each pixel."""
    width: float
    """px between the corners."""
    upper: float
    """Height of the middle of the upper lip's edge."""
    lower: float
    skull: float
    """Where the head alone would have taken the upper lip."""
    smile: float
    """0 as wide as at rest, 1 drawn apart."""

    @property
    def opening(self) -> float:
        return max(self.lower - self.upper, 1.0)


def drawn_mouth(
    skin: Floats,
    lip: Floats,
    own: OwnTeeth | None,
    moved: Floats,
    at_rest: Floats,
    shape: tuple[int, int],
    pixel: float,
) -> NDArray[np.float32]:
    """(h, w, 3) colours of the mouth's inside in a part of the picture.

    `skin` and `lip` (3,) are the source's colours, `own` the upper teeth that it shows itself. `moved` and
    `at_rest` (478, 2) px of the part: the landmarks now, and where the head's motion alone takes them.
    `pixel`: size of a pixel of a 512 crop.
    """
    frame = _measure(moved, at_rest, shape)
    depth = smoothstep(frame.height, frame.upper, frame.lower)
    colours = (lip * 0.14 + 3) * (0.7 + 0.6 * depth)[..., None]
    colours = _over(colours, np.clip(lip * 0.72 + skin * 0.08, 0, 255), *_tongue(frame))
    tooth = tooth_colour(skin)
    colours = _over(colours, tooth, *_lower_teeth(frame, pixel))
    if own is None:
        colours = _over(colours, tooth, *_upper_teeth(frame, pixel))
    soft = np.asarray(cv2.GaussianBlur(colours.astype(np.float32), (0, 0), 0.6 * pixel), np.float32)
    if own is None:
        return soft
    teeth = own.shown(at_rest, shape)
    return np.asarray(soft * (1 - teeth[..., 3:]) + teeth[..., :3], np.float32)


def _measure(moved: Floats, at_rest: Floats, shape: tuple[int, int]) -> _Frame:
    left, right = moved[INNER_UPPER[0]], moved[INNER_UPPER[-1]]
    centre, width = (left + right) / 2, float(np.linalg.norm(right - left)) + 1e-6
    width_at_rest = float(np.linalg.norm(at_rest[INNER_UPPER[-1]] - at_rest[INNER_UPPER[0]])) + 1e-6
    along = (right - left) / width
    down = np.array([-along[1], along[0]])
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return _Frame(
        side=((x - centre[0]) * along[0] + (y - centre[1]) * along[1]) / (width / 2),
        height=(x - centre[0]) * down[0] + (y - centre[1]) * down[1],
        width=width,
        upper=float((moved[INNER_UPPER[_MIDDLE]] - centre) @ down),
        lower=float((moved[INNER_LOWER[_MIDDLE]] - centre) @ down),
        skull=float((at_rest[[INNER_UPPER[_MIDDLE], LIPS_UPPER[0, _MIDDLE]]].mean(0) - centre) @ down),
        smile=float(smoothstep(width / width_at_rest, 1.02, 1.2)),
    )


def _tongue(frame: _Frame) -> tuple[Floats, Floats]:
    """Light and share of a tongue that lies on the jaw, higher in its middle, with a shallow furrow."""
    top = frame.lower - (0.62 - 0.22 * frame.side**2) * frame.opening
    share = 0.9 * np.exp(-((frame.side / 0.66) ** 4)) * smoothstep(frame.height, top, top + 0.18 * frame.opening)
    furrow = 1 - 0.14 * np.exp(-((frame.side / 0.09) ** 2))
    light = furrow * (0.55 + 0.45 * smoothstep(frame.height, top, top + 0.4 * frame.opening))
    return light, share


def _crowns(frame: _Frame) -> tuple[Floats, Floats]:
    """Shade between teeth, and how rounded their edge is there, both 0 in the middle of a tooth."""
    from_middle = 2 * np.abs((np.arcsin(np.clip(frame.side, -1, 1)) * _TEETH_ACROSS) % 1 - 0.5)
    return smoothstep(from_middle, 0.8, 1.0), from_middle**4


def _upper_teeth(frame: _Frame, pixel: float) -> tuple[Floats, Floats]:
    """Light and share of the upper row, which stands still on the skull while lips move."""
    between, rounded = _crowns(frame)
    edge = max(frame.skull + 0.14 * frame.width, frame.upper + 0.10 * frame.width)
    edge = min(edge, frame.upper + (0.55 + 0.2 * frame.smile) * frame.opening)
    light = (1 - 0.5 * np.abs(frame.side) ** 1.8) * (1 - 0.22 * between)
    light = light * (0.68 + 0.32 * smoothstep(frame.height, frame.upper - 0.01 * frame.width, edge))
    curved = edge - 0.10 * frame.width * frame.side**2 - 0.014 * frame.width * rounded
    share = smoothstep(curved - frame.height, -0.8 * pixel, 1.2 * pixel)
    return light, share * (1 - smoothstep(np.abs(frame.side), 0.62 + 0.15 * frame.smile, 0.95))


def _lower_teeth(frame: _Frame, pixel: float) -> tuple[Floats, Floats]:
    """Light and share of the lower row, which shows in a smile and in a wide open mouth."""
    between, rounded = _crowns(frame)
    wide = float(smoothstep(frame.opening / frame.width, 0.25, 0.42))
    top = frame.lower - (0.05 + 0.06 * frame.smile) * frame.width
    curved = top + 0.10 * frame.width * frame.side**2 + 0.01 * frame.width * rounded
    light = 0.7 * (1 - 0.45 * np.abs(frame.side) ** 1.8) * (1 - 0.22 * between)
    share = smoothstep(frame.height - curved, -0.8 * pixel, pixel) * (1 - smoothstep(np.abs(frame.side), 0.5, 0.8))
    return light, share * max(0.8 * wide, 0.9 * frame.smile)


def _over(under: Floats, colour: Floats, light: Floats, share: Floats) -> Floats:
    return under * (1 - share[..., None]) + colour * (light * share)[..., None]
