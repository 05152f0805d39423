"""The open mouth: the driver's own inner-mouth pixels, or a drawn one where there is no driver; and its corners.

Corners of a mouth that is pursed lose the ends of the dark line that the wider mouth left there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from openportrait.engines.mesh.colours import (
    FLESH_REDDEST,
    LUMA,
    flesh_hue,
    light_between,
    lip_colour,
    skin_colour,
    tooth_colour,
)
from openportrait.engines.mesh.curves import rounded, smoothstep
from openportrait.engines.mesh.drawing.stand_in import StandIn, bounds, build_stand_in, draw_line, show_stand_in
from openportrait.engines.mesh.drawing.warp import Warp
from openportrait.engines.mesh.layers.background import Layer
from openportrait.engines.mesh.mouth.borrowed import borrowed
from openportrait.engines.mesh.mouth.parts import DrawnMouth, Part, area, draw_mouth, flat_cm, lip_middles, over
from openportrait.engines.mesh.mouth.teeth import OwnTeeth, find_teeth
from openportrait.engines.mesh.shape.movements import fields
from openportrait.engines.mesh.shape.points import CHIN, INNER_LOWER, INNER_UPPER, MOUTH_CORNERS, Similarity, pose
from openportrait.records import FaceCrop, Floats, Image

_RIM = 0.05
"""How far an open mouth's inside reaches beyond its landmarks, in its widths."""
_LIPS_DARKEST = 0.5
"""The corners' shadows are darker."""
_OPEN, _CLOSING = (0.03, 0.07), (0.5, 0.85)
"""A source's lips from shut to open, in widths of the mouth; parts of the way to shut over which lips are drawn."""
_SEAM_LIGHT, _SEAM_WIDTH, _SEAM_STRENGTH = 0.6, 0.03, 0.85
"""Brightness over the lips', width in widths of the mouth, and opacity of the line where shut lips meet."""
_SEAM_DEPTH = 1.2
"""The seam of lips is redder than they are."""
_APART = (0.6, 3.0)
"""How much farther apart than in the source lips are that show an inside, px of a 512 crop."""
_OPEN_SOURCE = 0.08
"""Of its width: a mouth that is more open shows an inside of its own."""
_WIDER, _OTHER = (1.15, 1.6), (0.04, 0.25)
"""Openings over the source's at which another inside shows; differences at which its own teeth are drawn apart."""
_NEARLY_SHUT = (0.12, 0.35)
"""Openings over the source's from which a mouth that closes shows its own teeth."""
_SHADE, _SHADE_CM = 0.25, 0.25
"""How much darker the mouth is right at the lips, and how far in."""
_NEAR, _FAR, _DEEP_CM = (0.5, 1.0), (0.22, 1.4), 1.0
"""Light and power of redness of the mouth's flesh at the lips and in its depth, and what depth."""
_EDGE_CM = 0.06
"""Softness of the edge of what is inside the mouth."""
_LITTLE_WIDER = (0.6, 0.95)
"""The driver's opening over that of the picture, from where its flesh tells nothing to where it fills what is left."""
_TONGUE_CM = (0.5, 1.5)
"""Openings that show nothing of the tongue, and all."""
_TONGUE_LIGHT = 0.85
"""Brightness of the flesh over the lips'."""


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
    unit: float
    """px for a cm of the head."""
    shut: StandIn
    """Lips instead of what an open mouth shows."""
    teeth: OwnTeeth | None
    """The upper teeth that the source shows, in this or in another frame."""

    @cached_property
    def drawn(self) -> DrawnMouth:
        """What is shown where nobody shows anything."""
        hue = flesh_hue(self.lip)
        flesh = hue * min(_TONGUE_LIGHT * float(self.lip @ LUMA), FLESH_REDDEST * float(self.lip[0] / hue[0]))
        return draw_mouth(tooth_colour(self.skin, self.lip), flesh, self.unit)


def inner_gap(points: Floats) -> float:
    """Mean distance between upper and lower inner lip, without the corners."""
    return float(np.linalg.norm(points[INNER_UPPER[2:9], :2] - points[INNER_LOWER[2:9], :2], axis=1).mean())


def build_mouth(image: Image, face: Floats, teeth: OwnTeeth | None) -> MouthLook:
    """From a crop (S, S, 3), its landmarks (478, 3) px, and the `teeth` that other frames show."""
    width = float(np.linalg.norm(face[INNER_UPPER[0]] - face[INNER_UPPER[-1]]))
    outline = face[np.r_[INNER_UPPER, INNER_LOWER[-2:0:-1]], :2]
    skin = skin_colour(image, face)
    return MouthLook(
        lip=lip_colour(image, face),
        skin=skin,
        gap=inner_gap(face),
        width=width,
        unit=pose(face).scale,
        teeth=teeth or find_teeth(image, face, skin),
        shut=build_stand_in(image, outline, _RIM * width, _RIM * width, _LIPS_DARKEST),
    )


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

    `moved` (478, 3) px: where the landmarks are now; `at_rest` (478, 3) px: where the head's motion alone
    takes them. Nothing happens while the lips are as far apart as in the source.
    """
    strength = _strength(look, inner_gap(moved), picture.shape[0] / 512)
    outline = np.vstack([rounded(moved[INNER_UPPER, :2]), rounded(moved[INNER_LOWER[::-1], :2])[1:-1]])
    rows, columns = bounds(outline, 3, picture.shape[0])
    part = picture[rows, columns]
    if strength < 0.01 or min(part.shape[:2]) < 2:
        return
    low = np.array([columns.start, rows.start, 0.0])
    mask = area(outline - low[:2], (part.shape[0], part.shape[1]))
    opening = _Opening(moved - low, at_rest - low, mask)
    inside = _inside(look, opening, driver)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.8, _EDGE_CM * opening.unit))
    share = soft[..., None] * np.float32(strength)
    part[:] = np.clip(part + (inside - part) * share + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class _Opening:
    """The opening of a mouth in the part of the picture that is drawn."""

    moved: Floats
    """(478, 3) px of the part: where the landmarks are now."""
    at_rest: Floats
    """(478, 3) px of the part: where the head's motion alone takes them."""
    mask: Layer
    """(h, w) 1 inside."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.mask.shape[0], self.mask.shape[1]

    @cached_property
    def head(self) -> Similarity:
        """From cm of the head to px of the part."""
        return pose(self.at_rest)

    @property
    def unit(self) -> float:
        """px for a cm of the head."""
        return self.head.scale

    @property
    def apart_cm(self) -> float:
        """cm between the middles of the lips."""
        return float(np.linalg.norm(np.subtract(*lip_middles(self.moved)))) / self.unit

    @cached_property
    def depth_cm(self) -> Layer:
        """(h, w) cm from the nearest lip."""
        inside = (self.mask > 0.5).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 3), np.float32) * np.float32(1 / self.unit)

    def show(self, part: Part, at: Floats) -> Layer:
        """(h, w, 4) of a part whose anchor lies `at` (2,) px."""
        return part.shown(flat_cm(self.head), at, self.shape)


def _strength(look: MouthLook, gap: float, pixel: float) -> float:
    """How much of what is drawn shows over the source's own, by the `gap` of the lips px; `pixel`: of a 512 crop."""
    apart = float(smoothstep((gap - look.gap) / pixel, *_APART))
    if look.gap <= _OPEN_SOURCE * look.width:
        return apart
    if look.teeth is not None:
        return float(smoothstep(abs(gap / look.gap - 1), *_OTHER) * smoothstep(gap / look.gap, *_NEARLY_SHUT))
    return apart * float(smoothstep(gap / look.gap, *_WIDER))


def _inside(look: MouthLook, opening: _Opening, driver: FaceCrop | None) -> Layer:
    """(h, w, 3) the mouth's inside: the source's own teeth, then the driver's mouth, or else a drawn one."""
    shade = _SHADE * np.clip(1 - opening.depth_cm / _SHADE_CM, 0, 1)
    own = _own_teeth(look, opening)
    dark = _flesh_in_the_dark(look, opening)
    if driver is not None:
        inside = _with_drivers(dark, look, opening, driver)
    else:
        # Beside its own teeth a source that smiles wider shows others.
        inside = _with_drawn(dark, look, opening, 1 - own[..., 3:].max(0, keepdims=True))
    return np.asarray(over(inside, own) * (1 - shade)[..., None], np.float32)


def _own_teeth(look: MouthLook, opening: _Opening) -> Layer:
    """(h, w, 4) the source's own teeth on its skull, in the light of this frame; empty where it shows none."""
    if look.teeth is None:
        return np.zeros((*opening.shape, 4), np.float32)
    light = np.append((look.skin + 1) / (look.teeth.skin + 1), 1).astype(np.float32)
    place = look.teeth.place.copy()
    lip = opening.head.undo(np.append(lip_middles(opening.moved)[0], opening.head.apply(place)[2]))
    # Where the lip would bare more than any lip does, head and lip are not told apart well enough.
    place[1] = min(place[1], lip[1] + look.teeth.bare_cm)
    return opening.show(look.teeth.part, opening.head.apply(place)[:2]) * light


def _flesh_in_the_dark(look: MouthLook, opening: _Opening) -> Layer:
    """(h, w, 3) cheeks and throat: the colour of the lips, darker and redder with depth."""
    deep = np.clip(opening.depth_cm / _DEEP_CM, 0, 1)[..., None]
    hue, bright = flesh_hue(look.lip), float(look.lip @ LUMA)
    near, far = (part * bright * hue**red for part, red in (_NEAR, _FAR))
    return np.asarray(near + (far - near) * deep, np.float32)


def _with_drivers(under: Layer, look: MouthLook, opening: _Opening, driver: FaceCrop) -> Layer:
    """The driver's two halves, each hung on its lip: lips move in the picture as they do in the driver's.

    Of a source that shows upper teeth only the lower one: others beside them would not belong to them.
    """
    light, has_teeth = light_between(look.skin, look.lip, driver), look.teeth is not None
    halves = borrowed(driver, light, opening.unit, under_teeth=has_teeth)
    if halves is None:
        return under
    alike = float(smoothstep(halves.opening_cm / max(opening.apart_cm, 1e-3), *_LITTLE_WIDER))
    inside = over(under, halves.between.astype(np.float32)[None, None], alike)
    at_upper, at_lower = lip_middles(opening.moved)
    upper, lower = (
        opening.show(halves.upper, at_upper) * np.float32(not has_teeth),
        opening.show(halves.lower, at_lower),
    )
    # Where they meet each fades out: together they cover all.
    lower *= np.minimum(1, (1 - upper[..., 3:]) / np.maximum(lower[..., 3:], 1e-3))
    return np.asarray(inside * (1 - upper[..., 3:] - lower[..., 3:]) + upper[..., :3] + lower[..., :3], np.float32)


def _with_drawn(under: Layer, look: MouthLook, opening: _Opening, beside: Layer) -> Layer:
    """A drawn mouth: upper teeth on the skull, the rest on the jaw, which goes where the chin goes.

    `beside` (1, w, 1): where its upper teeth may show.
    """
    made, jaw = look.drawn, fields().jaw
    at_upper, at_lower = lip_middles(opening.at_rest)
    at_lower = at_lower + (opening.moved - opening.at_rest)[CHIN, :2] * (jaw[INNER_LOWER[5], 1] / jaw[CHIN, 1])
    seen = float(smoothstep(opening.apart_cm, *_TONGUE_CM))
    inside = over(under, opening.show(made.tongue, at_lower), seen)
    inside = over(inside, opening.show(made.lower, at_lower))
    return over(inside, opening.show(made.upper, at_upper) * beside)


# Corners of a mouth that is pursed


_INWARDS, _OUTWARDS, _HIGH, _AROUND = 0.05, 0.12, 0.03, 0.03
"""Where the end of the line is looked for, in widths of the mouth from its corner, and how far it is softened."""
_DARKEST, _DARKEST_NEAR = 0.5, 0.93
"""Skin is brighter than these parts of what is around and close by."""
_NARROWED = (0.05, 0.17)
"""By what part a mouth is narrower when its corners begin to lose their lines, and when they have lost them."""

Corners = tuple[StandIn, StandIn]


def build_corners(image: Image, face: Floats) -> Corners:
    """From a crop (S, S, 3) and its landmarks (478, 3) px: left and right."""
    left, right = face[MOUTH_CORNERS, :2]
    return _end(image, left, left - right), _end(image, right, right - left)


def _end(image: Image, corner: Floats, outwards: Floats) -> StandIn:
    down = np.array([-outwards[1], outwards[0]]) * _HIGH
    middle = corner + outwards * ((_OUTWARDS - _INWARDS) / 2)
    outline = np.array([corner - _INWARDS * outwards, middle - down, corner + _OUTWARDS * outwards, middle + down])
    reach = _AROUND * float(np.linalg.norm(outwards))
    return build_stand_in(image, outline, reach, reach, _DARKEST, _DARKEST_NEAR)


def narrowed(x_s: Floats, change: Floats) -> float:
    """0 where a mouth is as wide as in the source, 1 pursed; `change` (478, 3) is the expression's."""
    across = x_s[MOUTH_CORNERS[1]] - x_s[MOUTH_CORNERS[0]]
    closer = (change[MOUTH_CORNERS[0]] - change[MOUTH_CORNERS[1]]) @ across / max(float(across @ across), 1e-9)
    return float(smoothstep(float(closer), *_NARROWED))


def soften_corners(picture: Image, found: Warp, corners: Corners, moved: Floats, share: float) -> None:
    """Draw skin over the ends of the line, by `share`, into `picture` (S, S, 3), in place; `moved` (478, 3) px."""
    if share <= 0:
        return
    places = moved[MOUTH_CORNERS, :2]
    width = float(np.linalg.norm(places[1] - places[0]))
    for stand_in, place in zip(corners, places, strict=True):
        part = bounds(place[None], 0.4 * width, picture.shape[0])
        show_stand_in(picture, found, stand_in, part, share)
