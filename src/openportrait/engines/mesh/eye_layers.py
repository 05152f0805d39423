"""One eye of a source taken apart: the white without its iris, and the whole iris."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.curves import SUBPIXEL_BITS, smoothstep, subpixels
from openportrait.engines.mesh.infill import Layer, Mask, filled
from openportrait.engines.mesh.lid_skin import build_lid_skin
from openportrait.engines.mesh.made_eye import iris_place, made_iris, made_white, white_colour
from openportrait.engines.mesh.overlay import StandIn
from openportrait.engines.mesh.topology import EYES_LOWER, EYES_UPPER, IRISES
from openportrait.records import Floats, Image

_MARGIN = 0.35
_LAYER_WIDTH = 120.0
"""Width of an eye in its layers, at least, px."""
_INSET = 0.045
_IRIS_MARGIN, _IRIS_REACH = 1.12, 1.5
_IRIS_CORE = 0.6
_FEWEST = 20
_LIGHT_REACH, _LIGHT_RANGE = 0.15, (0.6, 1.05)
_INSIDE, _OUTSIDE = 0.85, 1.15
_LEAST_CONTRAST = 8.0
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
    # In a turned head the farther eye is narrowed, but no lower.
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
    # What is dark right at the circle is lashes, or iris that the circle missed.
    bright = zoomed.min(2)
    known = beside & (distance > radius * _IRIS_REACH)
    if beside.any():
        known |= beside & (bright > 0.75 * np.percentile(bright[beside], 70))
    made = filled(zoomed, known)
    if known.any():
        # What is made up lies in the light of the skin around it.
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
        # What is light at its rim is the lid, or white that the circle includes.
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
