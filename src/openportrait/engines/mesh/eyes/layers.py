"""One eye of a source in layers: the white without its iris, the whole iris, and the skin of the shut lid.

What shut lids hide in the source is made up in its light and colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import LUMA, light_colour, lip_colour, skin_colour
from openportrait.engines.mesh.curves import SUBPIXEL_BITS, smoothstep, subpixels
from openportrait.engines.mesh.drawing.stand_in import StandIn, around_it, build_stand_in
from openportrait.engines.mesh.layers.background import Layer, Mask, filled
from openportrait.engines.mesh.shape.points import EYES_LOWER, EYES_UPPER, IRISES
from openportrait.records import Floats, Image

RADIUS = 0.205
"""Of an average iris, in widths of the eye, as is the next."""
_RISE = 0.05
"""How far above the middle of the corners an iris that looks ahead lies."""
_WHITE_BRIGHTNESS, _SKIN_IN_WHITE = 0.72, 0.35
"""Of the white over the skin's, as the lids shade it, and how much of the skin's hue they throw on it."""
_CORNER_SHADE = 0.3
"""Part of the light that the white of an eye lacks in its corners."""
_PUPIL, _RIM = (0.38, 0.46), (0.78, 1.0)
"""In radii: the pupil's soft edge, and where the iris darkens outwards."""
_IRIS_LIGHTER, _PUPIL_DARKER, _RIM_DARKER = 1.2, 0.35, 0.55
"""Brightness over the iris' own colour: of its middle, of the pupil and of its outer rim."""
_DARKEST_OF_WHITE = 0.32
"""The darkest colour near is that of pale lashes or of skin, where it is brighter than this part of the white."""
_GLINT, _GLINT_PLACE = 0.17, (-0.3, -0.38)
"""Radius of the light's reflection and where it lies, in radii of the iris."""
_GLINT_SHARE = 0.75
"""How far the reflection covers the iris."""


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


# The skin of a shut eye


_ABOVE, _BELOW = 0.22, 0.09
"""How far lashes, a tight outline and the crease reach beyond the lids, in widths of the eye, as do the next."""
_LID = (0.05, 0.17)
"""Where the lid of an open eye shows, above its edge."""
_SPREAD, _FADE = 0.16, 0.06
"""Standard deviations over which the colours around are averaged, and a drawn lid is softened."""
_DARKEST, _DARKEST_NEAR = 0.5, 0.9
"""Lashes and brows are darker than this part of the skin, creases and outlines than this part of that close by."""
_DARKEST_LID = 0.85
"""Lashes and lines on a lid are darker than this part of its lighter skin."""
_TINT_RANGE = (0.6, 1.6)
"""Least and most that each channel of a drawn lid is changed to match the skin around it."""
_HUE_SHARE, _LIGHT_SHARE = 0.7, 0.35
"""Powers of hue and brightness of the open lid, which often lies in the shadow of the brow, that the shut one keeps."""


def build_lid_skin(image: Image, face: Floats, side: int, width: float) -> StandIn:
    """From a crop (S, S, 3) and its landmarks (478, 3) px; `width` px of the eye if it were seen from the front."""
    upper, lower = face[EYES_UPPER[side], :2], face[EYES_LOWER[side], :2]
    outline = np.vstack([upper, lower[-2:0:-1]])
    skin = build_stand_in(image, outline, _ABOVE * width, _BELOW * width, _DARKEST, _DARKEST_NEAR)
    return _coloured_as_lid(image, skin, upper, lower, width)


def _coloured_as_lid(image: Image, skin: StandIn, upper: Floats, lower: Floats, width: float) -> StandIn:
    """The same with the hue of the open lid, natural or painted, from the crease down to the edge."""
    left, top = skin.origin
    height, across = skin.pixels.shape[:2]
    own = image[top : top + height, left : left + across].astype(np.float32)
    made = skin.pixels[..., :3].astype(np.float32)
    down = lower.mean(0) - upper.mean(0)
    down *= width / max(float(np.linalg.norm(down)), 1e-6)
    fold, edge = upper - _LID[1] * down, upper - _LID[0] * down
    lid = _between(fold[1:-1], edge[1:-1], skin) > 0
    if not lid.any():
        return skin
    grey = own @ LUMA.astype(np.float32)
    lid &= grey >= _DARKEST_LID * np.percentile(grey[lid], 80)
    ratio = np.clip(around_it((own + 4) / (made + 4), lid, _SPREAD * width), *_TINT_RANGE)
    light = (ratio @ LUMA.astype(np.float32))[..., None]
    ratio = (ratio / light) ** _HUE_SHARE * light**_LIGHT_SHARE
    shut = cv2.GaussianBlur(_between(fold, lower, skin), (0, 0), max(0.6, _FADE * width))
    share = shut.astype(np.float32)[..., None] / 255
    tinted = np.clip(made * (1 + share * (ratio - 1)) + 0.5, 0, 255).astype(np.uint8)
    return replace(skin, pixels=np.dstack([tinted, skin.pixels[..., 3]]))


def _between(line: Floats, other: Floats, skin: StandIn) -> Image:
    """(h, w) 255 between two lines (N, 2) px of the crop, 0 elsewhere."""
    mask = np.zeros(skin.pixels.shape[:2], np.uint8)
    place = subpixels(np.vstack([line, other[::-1]]) - skin.origin)
    cv2.fillPoly(mask, [place], 255, cv2.LINE_8, SUBPIXEL_BITS)
    return mask


# The eye taken apart


_MARGIN = 0.35
"""Of the layers around the outline, in widths of the eye."""
_LAYER_WIDTH = 120.0
"""Width of an eye in its layers, at least, px."""
_INSET = 0.045
"""How far inside its outline an eye is surely seen, in its widths."""
_IRIS_MARGIN, _IRIS_REACH = 1.12, 1.5
"""In radii of the iris: its soft edge ends at the first; beyond the second the white is free of it."""
_IRIS_CORE = 0.6
"""In radii: within them all pixels are the iris', farther out only the dark ones."""
_FEWEST = 20
"""Pixels, at least, from which a colour is taken."""
_LIGHT_REACH, _LIGHT_RANGE = 0.15, (0.6, 1.05)
"""Standard deviation over which light on the white is averaged, widths of the eye; its range over its mean."""
_INSIDE, _OUTSIDE = 0.85, 1.15
"""Radii of the circle that are compared, over its own."""
_LEAST_CONTRAST = 8.0
"""Grey levels by which the white is brighter than the iris, below which the landmarks are believed."""
_DOUBT = 10.0
"""Grey levels of contrast that outweigh an unlikely place."""
_SHUT = (0.16, 0.22)
"""Openness of eyes of which nothing is seen, and of those that are open: fitted outlines of shut lids stand apart."""


@dataclass(frozen=True, eq=False)
class EyeLayers:
    """One eye of a source, without lids."""

    white: Layer
    """(h, w, 3) the eyeball with its iris removed and filled."""
    iris: Layer
    """(h, w, 4) the iris completed to a disc, colour times share, and the share 0..1."""
    origin: Floats
    """(2,) px of the crop where the layers begin, x and y."""
    zoom: float
    """Layer pixels for one pixel of the crop."""
    anchors: Floats
    """(5, 3) px: points of the eye that follow the head, with depth."""
    width: float
    """px from corner to corner."""
    openness: float
    """Gap of the lids over the width."""
    shut: float
    """1 where the source's eye is shut, so that white and iris are made up, 0 where it is open."""
    lash: Floats
    """(3,) colour of the lashes."""
    lid: StandIn
    """Skin instead of the eye and its lashes."""


def lid_gap(points: Floats, side: int) -> float:
    """Mean distance of the lids around the middle of eye 0 or 1, of (478, 2 or 3) points of the picture."""
    difference = points[EYES_UPPER[side, 3:6], :2] - points[EYES_LOWER[side, 3:6], :2]
    return float(np.linalg.norm(difference, axis=1).mean())


def eye_width(points: Floats, side: int) -> float:
    """Distance of the corners."""
    return float(np.linalg.norm(points[EYES_UPPER[side, 0], :2] - points[EYES_UPPER[side, -1], :2])) + 1e-6


def eye_outline(points: Floats, side: int) -> Floats:
    """(16, 2) corner, upper lid, corner, lower lid."""
    return np.asarray(points[np.r_[EYES_UPPER[side], EYES_LOWER[side, -2:0:-1]], :2])


def build_eye(image: Image, face: Floats, side: int) -> EyeLayers:
    """The layers of eye 0 or 1, from a crop (S, S, 3) and its landmarks (478, 3) px."""
    outline, width = eye_outline(face, side), eye_width(face, side)
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(outline.min(0) - _MARGIN * width), 0, size - 4).astype(int)
    high = np.clip(np.ceil(outline.max(0) + _MARGIN * width), low + 4, size).astype(int)
    zoom = max(1.0, _LAYER_WIDTH / width)
    part = image[low[1] : high[1], low[0] : high[0]]
    zoomed = cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC).astype(np.float32)

    def place(points: Floats) -> Floats:
        return np.asarray((points[..., :2] - low + 0.5) * zoom - 0.5)

    unit = width * zoom
    eyeball = _eyeball(place(outline), zoomed.shape[:2], unit)
    guess = place(face[IRISES[side]])
    radius = float(np.linalg.norm(guess[1:] - guess[0], axis=1).mean())
    centre, radius = find_iris(zoomed, eyeball, guess[0], radius, unit)
    upper, lower = EYES_UPPER[side], EYES_LOWER[side]
    openness, lash = lid_gap(face, side) / width, _lash_colour(zoomed, place(face[upper]), unit)
    white, iris = _white(zoomed, eyeball, centre, radius, unit), _iris(zoomed, eyeball, centre, radius)
    shut = float(1 - smoothstep(openness, *_SHUT))
    if shut > 0:
        shape, brightest = zoomed.shape[:2], white_colour(image, face)
        white = white + np.float32(shut) * (made_white(shape, place(outline), brightest) - white)
        made = made_iris(shape, *iris_place(place(outline)), lash, brightest)
        iris = iris + np.float32(shut) * (made - iris)
    # In a turned head the farther eye looks narrower, but just as high.
    wider = max(eye_width(face, 0), eye_width(face, 1))
    return EyeLayers(
        white=white,
        iris=iris,
        origin=low.astype(np.float64),
        zoom=zoom,
        anchors=face[[upper[0], upper[-1], upper[4], lower[4], IRISES[side, 0]]],
        width=width,
        openness=openness,
        shut=shut,
        lash=lash,
        lid=build_lid_skin(image, face, side, wider),
    )


def _eyeball(outline: Floats, shape: tuple[int, ...], unit: float) -> Mask:
    """Pixels that are surely eye: inside the lids by some margin, more under the upper lid with its shadow."""
    inset = max(1, round(_INSET * unit))
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [subpixels(outline)], 255, cv2.LINE_8, SUBPIXEL_BITS)
    mask = np.asarray(cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * inset + 1,) * 2)), np.uint8)
    seen: Mask = mask > 0
    seen[inset:] &= mask[:-inset] > 0
    return seen


def find_iris(zoomed: Layer, eyeball: Mask, guess: Floats, radius: float, unit: float) -> tuple[Floats, float]:
    """Centre and radius px of the circle close to the landmarks' across which the picture brightens most.

    After Daugman (1993), on the arcs that the lids leave free; `unit` is the width of the eye.
    """
    grey = cv2.GaussianBlur(zoomed, (0, 0), 0.02 * unit).min(2)
    angles = np.deg2rad(np.r_[-48:49:8, 132:229:8, 60:121:15])
    rays = np.stack([np.cos(angles), np.sin(angles)], 1)
    steps = np.arange(-0.08, 0.081, 0.02)
    shifts = np.stack(np.meshgrid(steps, steps), 2).reshape(-1, 1, 1, 2)
    factors = np.arange(0.85, 1.41, 0.05)
    ring = (factors * radius)[None, :, None, None] * rays

    def look(picture: NDArray[np.generic], part: float) -> Floats:
        places = np.round(guess + shifts * unit + ring * part).astype(int)
        x = np.clip(places[..., 0], 0, picture.shape[1] - 1)
        y = np.clip(places[..., 1], 0, picture.shape[0] - 1)
        return np.asarray(picture[y, x], np.float64)

    free = look(eyeball, _INSIDE) * look(eyeball, _OUTSIDE)
    seen = free.sum(2)
    contrast = ((look(grey, _OUTSIDE) - look(grey, _INSIDE)) * free).sum(2) / np.maximum(seen, 1)
    unlikely = 0.5 * (np.linalg.norm(shifts[:, 0, 0], axis=1)[:, None] / 0.08) ** 2 + (np.log(factors) / 0.2) ** 2
    score = np.where(seen >= len(rays) / 4, contrast - _DOUBT * unlikely, -np.inf)
    if score.max() < _LEAST_CONTRAST:
        return guess, radius
    place, size = np.unravel_index(int(score.argmax()), score.shape)
    return guess + shifts[place, 0, 0] * unit, float(factors[size] * radius)


def _distance(shape: tuple[int, ...], centre: Floats) -> Floats:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]))


def _white(zoomed: Layer, eyeball: Mask, centre: Floats, radius: float, unit: float) -> Layer:
    distance = _distance(zoomed.shape[:2], centre)
    beside = eyeball & (distance > radius * _IRIS_MARGIN)
    if beside.sum() <= _FEWEST:
        beside = eyeball
    # Dark pixels right at the circle are lashes, or iris that the circle missed.
    bright = zoomed.min(2)
    known = beside & (distance > radius * _IRIS_REACH)
    if beside.any():
        known |= beside & (bright > 0.75 * np.percentile(bright[beside], 70))
    made = filled(zoomed, known)
    if known.any():
        # Pixels that are made up take the light of the skin around them.
        outside = (distance > radius * _IRIS_MARGIN).astype(np.float32)
        luma = np.dstack([zoomed @ LUMA.astype(np.float32) * outside, outside])
        total = cv2.GaussianBlur(luma, (0, 0), _LIGHT_REACH * unit)
        light = total[..., 0] / np.maximum(total[..., 1], 1e-3)
        relative = np.clip(light / max(float(light[known].mean()), 1.0), *_LIGHT_RANGE)
        made = np.where(known[..., None], made, made * relative[..., None]).astype(np.float32)
    return _softened(made, known, 0.02 * unit)


def _softened(made: Layer, known: Mask, sigma: float) -> Layer:
    """Blurred by `sigma` px where it is not known."""
    return np.where(known[..., None], made, cv2.GaussianBlur(made, (0, 0), sigma)).astype(np.float32)


def _iris(zoomed: Layer, eyeball: Mask, centre: Floats, radius: float) -> Layer:
    """The iris where it is seen; the rest mirrored from the seen part, then filled."""
    shape = zoomed.shape[:2]
    distance = _distance(shape, centre)
    disc = distance < radius * _IRIS_MARGIN
    known, whole = eyeball & disc, zoomed.copy()
    core = known & (distance < radius * _IRIS_CORE)
    if core.any():
        # Light pixels at the rim are the lid, or white inside the circle.
        bright = zoomed.min(2)
        dark, light = np.median(bright[core]), np.percentile(bright[eyeball], 90)
        known &= (distance < radius * _IRIS_CORE) | (bright < (dark + light) / 2)
    seen = known.astype(np.uint8)
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    for flip_x, flip_y in ((True, False), (False, True), (True, True)):
        mirror_x, mirror_y = np.meshgrid(
            np.float32(2 * centre[0]) - x if flip_x else x, np.float32(2 * centre[1]) - y if flip_y else y
        )
        usable = disc & ~known & (cv2.remap(seen, mirror_x, mirror_y, cv2.INTER_NEAREST) > 0)
        whole[usable] = cv2.remap(zoomed, mirror_x, mirror_y, cv2.INTER_LINEAR)[usable]
        known = known | usable
    if known.sum() > _FEWEST:
        whole = _softened(filled(whole, known), seen > 0, 0.06 * radius)
    share = (1 - smoothstep(distance, radius * 0.92, radius * 1.08)).astype(np.float32)
    return np.dstack([whole * share[..., None], share])


def _lash_colour(zoomed: Layer, upper: Floats, unit: float) -> Floats:
    """Mean of the darkest third along the upper lid."""
    line = np.zeros(zoomed.shape[:2], np.uint8)
    cv2.polylines(line, [subpixels(upper)], False, 255, max(2, int(0.06 * unit)), cv2.LINE_8, SUBPIXEL_BITS)
    colours = zoomed[line > 0]
    if not len(colours):
        return np.zeros(3)
    darkest = np.argsort(colours.sum(1))[: max(4, len(colours) // 3)]
    return np.asarray(colours[darkest].mean(0), np.float64)
