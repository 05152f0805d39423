"""The open mouth: the driver's own inner-mouth pixels, or a drawn one where there is no driver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.cavity import drawn_mouth
from openportrait.engines.mesh.colours import lip_colour, skin_colour
from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.eye_layers import subpixels
from openportrait.engines.mesh.eyes import rounded
from openportrait.engines.mesh.light import Light, light_between
from openportrait.engines.mesh.overlay import StandIn, bounds, build_stand_in, draw_line, show_stand_in
from openportrait.engines.mesh.raster import Grid, cover, displacements, evaluate, places
from openportrait.engines.mesh.teeth import OwnTeeth, find_teeth
from openportrait.engines.mesh.topology import INNER_LOWER, INNER_UPPER, triangles
from openportrait.engines.mesh.warp import Warp
from openportrait.records import FaceCrop, Floats, Image

_RIM = 0.05
"""How far an open mouth's inside reaches beyond its landmarks, in its widths."""
_LIPS_DARKEST = 0.5
"""The corners' shadows are darker."""
_OPEN, _CLOSING = (0.03, 0.07), (0.5, 0.85)
_SEAM_LIGHT, _SEAM_WIDTH, _SEAM_STRENGTH = 0.6, 0.03, 0.85
_SEAM_DEPTH = 1.2
"""The seam of lips is redder than they are."""
_WIDER, _WIDER_OWN = (1.15, 1.6), (1.0, 1.15)
"""How much wider open than in the source a mouth is that shows another inside, or its own teeth apart from the jaw."""
_TEETH_ALONE = 0.3
"""Of its width: a mouth that is less open shows hardly more than teeth."""
_SHADE_BORROWED, _SHADE_DRAWN = 0.2, 0.38
"""How much darker the mouth is right at the lips."""


@dataclass(frozen=True, eq=False)
class MouthLook:
    """What a source tells about its mouth."""

    lip: Floats
    """(3,) colour of the lips."""
    skin: Floats
    """(3,) colour of the cheeks, of the lighter one."""
    gap: float
    """px between the lips."""
    width: float
    """px between the corners."""
    shut: StandIn
    """Lips instead of what an open mouth shows."""
    teeth: OwnTeeth | None
    """The upper teeth that the source shows."""


def inner_gap(points: Floats) -> float:
    """Mean distance between upper and lower inner lip, without the corners."""
    return float(np.linalg.norm(points[INNER_UPPER[2:9], :2] - points[INNER_LOWER[2:9], :2], axis=1).mean())


def build_mouth(image: Image, face: Floats) -> MouthLook:
    """From a crop (S, S, 3) and its landmarks (478, 3) px."""
    width = float(np.linalg.norm(face[INNER_UPPER[0]] - face[INNER_UPPER[-1]]))
    outline = face[np.r_[INNER_UPPER, INNER_LOWER[-2:0:-1]], :2]
    skin = skin_colour(image, face)
    return MouthLook(
        lip=lip_colour(image, face),
        skin=skin,
        gap=inner_gap(face),
        width=width,
        teeth=find_teeth(image, face, skin),
        shut=build_stand_in(image, outline, _RIM * width, _RIM * width, _LIPS_DARKEST),
    )


@cache
def mouth_triangles() -> NDArray[np.int32]:
    """(M, 3) triangles that lie between the inner lips."""
    inner = np.union1d(INNER_UPPER, INNER_LOWER)
    return triangles()[np.isin(triangles(), inner).all(1)]


def shut_mouth(picture: Image, found: Warp, look: MouthLook, moved: Floats) -> None:
    """Draw lips that closed over an open mouth into `picture` (S, S, 3), which the warp `found` drew, in place."""
    was_open = float(smoothstep(look.gap / look.width, *_OPEN))
    share = was_open * float(smoothstep(1 - inner_gap(moved) / max(look.gap, 1e-6), *_CLOSING))
    if share <= 0:
        return
    part = bounds(moved[np.r_[INNER_UPPER, INNER_LOWER], :2], 4 * _RIM * look.width + 2, picture.shape[0])
    show_stand_in(picture, found, look.shut, part, share)
    seam = rounded((moved[INNER_UPPER, :2] + moved[INNER_LOWER, :2]) / 2)
    colour = _SEAM_LIGHT * look.lip * (look.lip / max(look.lip.max(), 1.0)) ** _SEAM_DEPTH
    draw_line(picture, seam, colour, _SEAM_WIDTH * look.width, _SEAM_STRENGTH * share)


def paint_mouth(picture: Image, look: MouthLook, moved: Floats, at_rest: Floats, driver: FaceCrop | None) -> None:
    """Draw what an opened mouth shows into `picture` (S, S, 3), in place.

    `moved` (478, 3) px: where the landmarks are now; `at_rest` (478, 2) px: where the head's motion alone
    takes them. Nothing happens while the lips are no wider open than in the source.
    """
    pixel = picture.shape[0] / 512
    gap = inner_gap(moved)
    own = driver is None and look.teeth is not None
    strength = float(smoothstep(((gap - look.gap) / pixel), 0.6, 3.0))
    if look.gap > 0.08 * look.width:
        strength *= float(
            smoothstep(gap / look.gap, *(_WIDER_OWN if own and look.gap < _TEETH_ALONE * look.width else _WIDER))
        )
    outline = np.vstack([rounded(moved[INNER_UPPER, :2]), rounded(moved[INNER_LOWER[::-1], :2])[1:-1]])
    low = np.clip(np.floor(outline.min(0) - 3), 0, picture.shape[0]).astype(int)
    high = np.clip(np.ceil(outline.max(0) + 4), 0, picture.shape[0]).astype(int)
    if strength < 0.01 or (high <= low).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    shape = (part.shape[0], part.shape[1])
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [subpixels(outline - low)], 255, cv2.LINE_AA, 4)
    if driver is None:
        inside = drawn_mouth(look.skin, look.lip, look.teeth, moved[:, :2] - low, at_rest - low, shape, pixel)
    else:
        inside = _borrowed(driver, moved, low, shape, light_between(look.skin, look.lip, driver))
    shade_at_lips = _SHADE_BORROWED if driver or own else _SHADE_DRAWN
    depth = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    shade = 1 - shade_at_lips * np.clip(1 - depth / max(2 * pixel, 0.12 * gap + 1.5 * pixel), 0, 1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.8, 0.9 * pixel)), np.float32)
    share = soft[..., None] * np.float32(strength / 255)
    part[:] = np.clip(part * (1 - share) + inside * shade[..., None] * share + 0.5, 0, 255).astype(np.uint8)


def _borrowed(
    driver: FaceCrop, moved: Floats, low: NDArray[np.int_], shape: tuple[int, int], light: Light
) -> NDArray[np.float32]:
    """The driver's mouth carried over, triangle by triangle, in the source's light."""
    grid = Grid(shape, origin=(int(low[0]), int(low[1])))
    covered = _spread_labels(cover(moved, mouth_triangles(), grid), 2 + shape[1] // 64)
    functions = displacements(moved, driver.face.landmarks, mouth_triangles())
    x, y = places(evaluate(functions, covered, grid), grid)
    taken = cv2.remap(driver.image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return light(np.asarray(taken, np.uint8))


def _spread_labels(covered: NDArray[np.int32], times: int) -> NDArray[np.int32]:
    """Uncovered cells take the number of a triangle beside them, so that a soft edge has pixels to show."""
    labels = (covered + 1).astype(np.float32)
    for _ in range(times):
        labels = np.where(labels > 0, labels, cv2.dilate(labels, np.ones((3, 3), np.uint8)))
    return np.maximum(labels.astype(np.int32) - 1, 0)
