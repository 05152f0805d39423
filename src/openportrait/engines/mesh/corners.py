"""Corners of a mouth that is pursed: without the ends of the dark line that the wider mouth left there."""

from __future__ import annotations

import numpy as np

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.overlay import StandIn, bounds, build_stand_in, show_stand_in
from openportrait.engines.mesh.warp import Warp
from openportrait.records import Floats, Image

_CORNERS = np.array([61, 291])
_INWARDS, _OUTWARDS, _HIGH, _AROUND = 0.05, 0.12, 0.03, 0.03
"""Where the end of the line is looked for, in widths of the mouth from its corner, and how far it is softened."""
_DARKEST, _DARKEST_NEAR = 0.5, 0.93
"""Skin is brighter than these parts of what is around and close by."""
_NARROWED = (0.05, 0.17)
"""By what part a mouth is narrower when its corners begin to lose their lines, and when they have lost them."""

Corners = tuple[StandIn, StandIn]


def build_corners(image: Image, face: Floats) -> Corners:
    """From a crop (S, S, 3) and its landmarks (478, 3) px: left and right."""
    left, right = face[_CORNERS, :2]
    return _end(image, left, left - right), _end(image, right, right - left)


def _end(image: Image, corner: Floats, outwards: Floats) -> StandIn:
    down = np.array([-outwards[1], outwards[0]]) * _HIGH
    middle = corner + outwards * ((_OUTWARDS - _INWARDS) / 2)
    outline = np.array([corner - _INWARDS * outwards, middle - down, corner + _OUTWARDS * outwards, middle + down])
    reach = _AROUND * float(np.linalg.norm(outwards))
    return build_stand_in(image, outline, reach, reach, _DARKEST, _DARKEST_NEAR)


def narrowed(x_s: Floats, change: Floats) -> float:
    """0 where a mouth is as wide as in the source, 1 pursed; `change` (478, 3) is the expression's."""
    across = x_s[_CORNERS[1]] - x_s[_CORNERS[0]]
    closer = (change[_CORNERS[0]] - change[_CORNERS[1]]) @ across / max(float(across @ across), 1e-9)
    return float(smoothstep(float(closer), *_NARROWED))


def soften_corners(picture: Image, found: Warp, corners: Corners, moved: Floats, share: float) -> None:
    """Draw skin over the ends of the line, by `share`, into `picture` (S, S, 3), in place; `moved` (478, 3) px."""
    if share <= 0:
        return
    places = moved[_CORNERS, :2]
    width = float(np.linalg.norm(places[1] - places[0]))
    for stand_in, place in zip(corners, places, strict=True):
        part = bounds(place[None], 0.4 * width, picture.shape[0])
        show_stand_in(picture, found, stand_in, part, share)
