"""Which pixels of a picture are a person: a small network's guess, brought to the picture's own edges."""

from __future__ import annotations

from functools import cache
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.faces.runtime import Network, load_network
from openportrait.records import Floats, Image

Layer = NDArray[np.float32]

SIDE = 256
"""px of the network's input and output."""
_OUTPUT = "activation_10"
"""Name of the network's output."""
_RADIUS, _ROUGHNESS = 4, 1e-4
"""Window in px of the guess, and variance below which a window has no edge (He et al. 2013)."""
_CLEAR, _SOLID = 0.06, 0.78
"""Likelihoods that become wholly transparent and wholly opaque."""
_NOBODY, _MARGIN = 0.05, 9
"""What is unlikely all around, this many px of the guess away, is no part of a person."""

_LEAST_OF_FACE = 0.85
"""Mean likelihood of a person over the face: below it the network did not see this one."""
_LEAST_FOOT = 0.15
"""Share of the lower edge that shoulders take at least."""
_LARGEST = 0.93
"""Share of the picture that a person takes at most: with more there is no background."""
_MOST_DOUBT = 9.0
"""Pixels of doubt for each pixel of the person's outline, at most."""
_DOUBTFUL = (0.2, 0.8)
"""Likelihoods between which a pixel is in doubt."""

_running = Lock()


@cache
def _network() -> Network:
    return load_network("selfie_segmentation.tflite", (_OUTPUT,))


def guess(image: Image) -> Layer:
    """(256, 256) 0..1 how likely each part of a picture (H, W, 3) is a person; the picture is squeezed to a square."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    with _running:
        found = _network()((small[None] / np.float32(255)).astype(np.float32))[_OUTPUT]
    return found.reshape(SIDE, SIDE)


def matte(image: Image) -> Image:
    """(H, W) alpha of a picture (H, W, 3): 255 where it shows people, 0 where none."""
    return refined(image, guess(image))


def refined(image: Image, likely: Layer) -> Image:
    """(H, W) alpha, 255 a person: a guess for the picture (H, W, 3) drawn to its edges by a colour guided filter."""
    height, width = image.shape[:2]
    scaled = cv2.resize(image, likely.shape[::-1], interpolation=cv2.INTER_AREA) / np.float32(255)
    planes = [cv2.resize(plane, (width, height)) for plane in _guided(scaled.astype(np.float32), likely)]
    alpha = planes[3]
    for channel in range(3):
        alpha += planes[channel] * (image[..., channel] * np.float32(1 / 255))
    somebody = cv2.dilate(likely, np.ones((2 * _MARGIN + 1,) * 2)) > _NOBODY
    near = cv2.resize(somebody.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    opaque = (alpha - np.float32(_CLEAR)) * np.float32(255 / (_SOLID - _CLEAR)) * near
    return np.asarray(np.clip(opaque + 0.5, 0, 255), np.uint8)


def _guided(image: Layer, likely: Layer) -> list[Layer]:
    """Four (h, w) planes: factors of red, green and blue, and a constant, that make the guess from the picture."""
    size = (2 * _RADIUS + 1,) * 2

    def mean(plane: Layer) -> Layer:
        return np.asarray(cv2.blur(plane, size), np.float32)

    colours = [np.asarray(colour, np.float32) for colour in cv2.split(image)]
    middle, level = [mean(colour) for colour in colours], mean(likely)
    shared = [mean(colour * likely) - m * level for colour, m in zip(colours, middle, strict=True)]
    spread = {
        (i, j): mean(colours[i] * colours[j]) - middle[i] * middle[j] + np.float32(_ROUGHNESS * (i == j))
        for i in range(3)
        for j in range(i, 3)
    }
    factors = _solved(spread, shared)
    constant = level - sum(factor * m for factor, m in zip(factors, middle, strict=True))
    return [mean(plane) for plane in (*factors, constant)]


def _solved(spread: dict[tuple[int, int], Layer], shared: list[Layer]) -> list[Layer]:
    """The symmetric 3 × 3 system of each pixel, by its adjugate."""
    rr, rg, rb = spread[0, 0], spread[0, 1], spread[0, 2]
    gg, gb, bb = spread[1, 1], spread[1, 2], spread[2, 2]
    a, b, c = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    d, e, f = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / np.maximum(rr * a + rg * b + rb * c, np.float32(1e-15))
    x, y, z = shared
    return [(a * x + b * y + c * z) * scale, (b * x + d * y + e * z) * scale, (c * x + e * y + f * z) * scale]


def is_sound(likely: Layer, face: Floats) -> bool:
    """Whether a guess for a portrait can be trusted; `face` (N, 2): an outline, px of the guess.

    It takes in the face, reaches the lower edge as shoulders do, leaves a background, and has an edge.
    """
    inside = np.zeros(likely.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.round(face).astype(np.int32), 1)
    if not inside.any() or float(likely[inside > 0].mean()) < _LEAST_OF_FACE:
        return False
    person = with_face(likely > 0.5, face)
    outline = sum(
        cv2.arcLength(line, True)
        for line in cv2.findContours(person.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    )
    doubt = float(((likely > _DOUBTFUL[0]) & (likely < _DOUBTFUL[1])).sum()) / max(outline, 1.0)
    return float(person[-1].mean()) >= _LEAST_FOOT and float(person.mean()) <= _LARGEST and doubt <= _MOST_DOUBT


def with_face(person: NDArray[np.bool_], face: Floats) -> NDArray[np.bool_]:
    """(h, w) the connected part of a mask that holds the middle of a face (N, 2) px; all of it where none does."""
    _, numbers = cv2.connectedComponents(person.astype(np.uint8), connectivity=4)
    x, y = np.clip(np.round(face.mean(0)), 0, np.array(person.shape[::-1]) - 1).astype(int)
    return np.asarray(numbers == numbers[y, x]) if numbers[y, x] else person
