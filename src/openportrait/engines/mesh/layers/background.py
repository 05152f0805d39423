"""Makes up unknown pixels: smoothly from known ones around them, or with pieces of the same picture.

What is behind a person is continued with pieces, so that lines and patterns go on."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from openportrait.records import Image

Layer = NDArray[np.float32]
Mask = NDArray[np.bool_]

_ENOUGH = 0.25
"""Share of known pixels from which a reduced pixel is trusted wholly."""


def filled(image: Layer, known: Mask) -> Layer:
    """(h, w, 3) with what is not `known` (h, w) taken from ever larger surroundings (push and pull).

    Known pixels stay as they are. Where nothing is known the picture is returned unchanged.
    """
    if known.all() or not known.any():
        return image
    weight = known.astype(np.float32)
    pulled = _pulled(np.dstack([image * weight[..., None], weight]))
    return np.where(known[..., None], image, pulled[..., :3]).astype(np.float32)


def _pulled(weighted: Layer) -> Layer:
    """(h, w, 4) colours and weight 1 everywhere, from colours times weight and weight."""
    height, width = weighted.shape[:2]
    weight = weighted[..., 3:]
    own = weighted / np.maximum(weight, 1e-6)
    if min(height, width) <= 2:
        total = weighted.sum((0, 1))
        return np.broadcast_to(total / max(total[3], 1e-6), weighted.shape).astype(np.float32)
    half = cv2.resize(weighted, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(_pulled(half.astype(np.float32)), (width, height), interpolation=cv2.INTER_CUBIC)
    trust = np.clip(weight / _ENOUGH, 0, 1)
    return np.asarray(own * trust + coarse * (1 - trust), np.float32)


# The background continued with pieces of itself


_SIDE = 88
"""px of the reduced picture."""
_FINER = 2
"""px of the picture in which a patch is placed exactly, for each px in which it is looked for."""
_HALF = 3
"""px of a patch beside its middle."""
_WINDOW = (2 * _HALF + 1) ** 2
"""px of a patch."""
_AT_ONCE = 4
"""Patches placed before the edge is looked at anew."""
_FINE_HALF = 2
"""The same as `_HALF` for the finer picture."""
_TRACE = 0.03
"""Share of person in a reduced pixel from which it is no background."""
_FEWEST = 60
"""Patches of background below which there is nothing to continue."""
_FLAT = 0.02
"""Slope that a place without lines counts with, of the steepest possible."""
_FAR = 6e-5
"""Unlikeness of a patch whose middle is the picture's side away, of the largest possible: the nearer one wins."""
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""To the four neighbours of a patch: row, column."""

Places = NDArray[np.intp]
Pixels = TypeVar("Pixels", Image, Layer)


def continued(image: Image, hole: Mask, wanted: Mask) -> Image:
    """(S, S, 3): the picture with its `hole` (S, S) filled: with pieces of the rest where `wanted`, else smoothly."""
    size = image.shape[0]
    side = min(_SIDE, size // _FINER)
    picture, known = _reduced(image, hole, side)
    pieces = _Pieces(picture, known, ~known & (_scaled(wanted.astype(np.float32), side) > 0))
    result = _set_in(image, hole, picture)
    if pieces.fill():
        finer, known = _reduced(image, hole, _FINER * side)
        target = ~known & (_scaled(wanted.astype(np.float32), _FINER * side) > 0)
        finer = np.where(known[..., None], finer, _scaled(pieces.picture, _FINER * side))
        _copy(result, image, hole & wanted, _corrected(finer, known, target, _doubled(pieces.moves)))
    return result


def smoothly(image: Image, hole: Mask) -> Image:
    """(S, S, 3): the picture with its `hole` (S, S) filled from its surroundings without any detail."""
    return _set_in(image, hole, _reduced(image, hole, min(_SIDE, image.shape[0]))[0])


def _set_in(image: Image, hole: Mask, picture: Layer) -> Image:
    """The picture (S, S, 3) with a hole that shows a smaller one."""
    result = image.copy()
    made = _scaled(np.clip(picture, 0, 255).astype(np.uint8), len(image))
    cv2.copyTo(made, hole.astype(np.uint8), result)
    return result


def _scaled(picture: Pixels, side: int) -> Pixels:
    smaller = side < picture.shape[0]
    scaled = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return scaled.astype(picture.dtype, copy=False)


def _reduced(image: Image, hole: Mask, side: int) -> tuple[Layer, Mask]:
    """The picture at `side` px with its hole filled smoothly, and what is known of it: no trace of the hole."""
    background = (~hole).astype(np.float32)
    share = _scaled(background, side)
    colours = _scaled(image * background[..., None], side) / np.maximum(share, np.float32(1e-6))[..., None]
    known = share > 1 - _TRACE
    return filled(colours.astype(np.float32), known), known


def _patches(picture: Layer, half: int) -> Layer:
    """(n, n, (2·half + 1)²·C) what surrounds each pixel; the edge is repeated beyond the picture."""
    padded = np.pad(np.atleast_3d(picture), ((half, half), (half, half), (0, 0)), mode="edge")
    windows = sliding_window_view(padded, (2 * half + 1,) * 2, axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(windows).reshape(*picture.shape[:2], -1)


def _whole(known: Mask, half: int) -> Mask:
    """Middles of patches that are known altogether and inside the picture."""
    kernel = np.ones((2 * half + 1,) * 2, np.uint8)
    inside = cv2.erode(known.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inside > 0)


class _Pieces:
    """A reduced picture while its target is filled."""

    def __init__(self, picture: Layer, known: Mask, target: Mask) -> None:
        self.picture = picture
        self._grey = picture.mean(2)
        self.moves: Places = np.zeros((*known.shape, 2), np.intp)
        """(n, n, 2) rows and columns from a filled pixel to where it was copied from; 0 elsewhere."""
        self._target = target.copy()
        self._known = known.copy()
        self._trust = known.astype(np.float32)
        self._sources = np.argwhere(_whole(known, _HALF))
        self._rows, self._columns = np.ascontiguousarray(self._sources.T)
        self._offered = _patches(picture, _HALF)[self._sources[:, 0], self._sources[:, 1]].T.copy()
        self._squares = (self._offered.reshape(_WINDOW, 3, len(self._sources)) ** 2).sum(1)

    def fill(self) -> bool:
        """Fill the target. False where nothing is to be filled, or nothing is there to fill it with."""
        if len(self._sources) < _FEWEST or not self._target.any():
            return False
        while True:
            places = self._next()
            if not places:
                return True
            for middle, trust in places:
                self._put(middle, trust)

    def _next(self) -> list[tuple[Places, float]]:
        """Places at the edge of what is known where lines run in and much is known around, the best first.

        Each with its trust; so far apart that their patches do not meet.
        """
        known = self._known.astype(np.uint8)
        edge = (cv2.dilate(known, np.ones((3, 3), np.uint8)) > 0) & self._target
        front = np.argwhere(edge)
        if not len(front):
            return []
        sure = cv2.blur(self._trust, (2 * _HALF + 1,) * 2, borderType=cv2.BORDER_CONSTANT)[edge]
        inner = cv2.erode(known, np.ones((3, 3), np.uint8)) > 0
        slope = _slopes(self._grey) * (inner[..., None] / np.float32(4 * 255))
        normal = _slopes(np.asarray(cv2.GaussianBlur(self._known.astype(np.float32), (0, 0), 1.5), np.float32))[edge]
        normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6)
        around = _flat(front[:, None] + _window(_HALF), len(known))
        steep = (slope[..., 0] ** 2 + slope[..., 1] ** 2).ravel()[around].argmax(1)
        line = slope.reshape(-1, 2)[around[np.arange(len(front)), steep]]
        running_in = np.abs(line[:, 0] * normal[:, 1] - line[:, 1] * normal[:, 0])
        worth = sure * (running_in + _FLAT)
        chosen: list[tuple[Places, float]] = []
        while len(chosen) < _AT_ONCE and worth.max() > 0:
            best = int(worth.argmax())
            chosen.append((front[best], float(sure[best])))
            worth[np.abs(front - front[best]).max(1) <= 4 * _HALF] = 0
        return chosen

    def _put(self, middle: Places, trust: float) -> None:
        """Copy the most similar patch over what is missing around `middle`."""
        side = len(self._known)
        around = middle + _window(_HALF)
        inside = ((around >= 0) & (around < side)).all(1)
        rows, columns = np.clip(around, 0, side - 1).T
        known = (self._known[rows, columns] & inside).astype(np.float32)
        sought = (self.picture[rows, columns] * known[:, None]).ravel()
        unlike = known @ self._squares - 2 * (sought @ self._offered)
        down, across = self._rows - middle[0], self._columns - middle[1]
        away = (down * down + across * across) * np.float32(_FAR * 3 * 255**2 * known.sum() / side**2)
        source = self._sources[int((unlike + away).argmin())]
        missing = around[inside & self._target[rows, columns]]
        taken = missing + (source - middle)
        rows, columns = missing.T
        self.picture[rows, columns] = self.picture[taken[:, 0], taken[:, 1]]
        self._grey[rows, columns] = self._grey[taken[:, 0], taken[:, 1]]
        self.moves[rows, columns] = source - middle
        self._trust[rows, columns] = trust
        self._known[rows, columns] = True
        self._target[rows, columns] = False


def _flat(places: Places, side: int) -> Places:
    """(...,) numbers of pixels from their rows and columns (..., 2), those beyond the picture at its edge."""
    inside = np.clip(places, 0, side - 1)
    return inside[..., 0] * side + inside[..., 1]


def _slopes(plane: Layer) -> Layer:
    """(n, n, 2) to the right and down."""
    return np.stack([np.asarray(cv2.Sobel(plane, cv2.CV_32F, *way), np.float32) for way in ((1, 0), (0, 1))], 2)


@cache
def _window(half: int) -> Places:
    """((2·half + 1)², 2) the places of a patch about its middle."""
    ways = np.arange(-half, half + 1)
    return np.stack(np.meshgrid(ways, ways, indexing="ij"), 2).reshape(-1, 2)


def _doubled(moves: Places) -> Places:
    return np.repeat(np.repeat(moves, _FINER, 0), _FINER, 1) * _FINER


def _corrected(picture: Layer, known: Mask, target: Mask, moves: Places) -> Places:
    """The moves, improved by one pixel more or less or by the moves of neighbours."""
    side, whole, centres = len(known), _whole(known, _FINE_HALF), np.argwhere(target)
    patches = _patches(picture, _FINE_HALF).reshape(side * side, -1)
    rows, columns = centres.T
    sought, first = patches[rows * side + columns], moves[rows, columns]
    best, least = first.copy(), np.full(len(centres), np.inf, np.float32)
    near = [np.clip(centres + step, 0, side - 1) for step in np.array(_STEPS) * _FINER]
    offers = [first, *(first + step for step in _STEPS), *(moves[at[:, 0], at[:, 1]] for at in near)]
    for number, offer in enumerate(offers):
        at = centres + offer
        allowed = ((at >= 0) & (at < side)).all(1)
        if number:
            allowed &= (offer != first).any(1)
        at = np.clip(at, 0, side - 1)
        allowed &= whole[at[:, 0], at[:, 1]]
        [tried] = np.nonzero(allowed)
        unlike = ((patches[at[tried, 0] * side + at[tried, 1]] - sought[tried]) ** 2).sum(1)
        better = unlike < least[tried]
        chosen = tried[better]
        least[chosen], best[chosen] = unlike[better], offer[chosen]
    corrected = moves.copy()
    corrected[rows, columns] = best
    return corrected


def _copy(result: Image, image: Image, target: Mask, moves: Places) -> None:
    """Write into the target of `result` (S, S, 3) the pieces of the full picture, softly passing into one another."""
    size, side = len(image), len(moves)
    nodes = (np.arange(size) + 0.5) * (side / size) - 0.5
    first = np.floor(nodes).astype(np.intp)
    part = (nodes - first).astype(np.float32)
    ways = np.rint(moves * (size / side)).astype(np.intp) @ (size, 1)
    filled_in = moves.any(2).astype(np.float32).ravel()
    rows, columns = np.nonzero(target)
    places, colours = rows * size + columns, image.reshape(-1, 3)
    total = np.zeros((len(places), 3), np.float32)
    weights = np.full(len(places), 1e-6, np.float32)
    for row in (0, 1):
        for column in (0, 1):
            down, across = (np.clip(first + step, 0, side - 1) for step in (row, column))
            node = down[rows] * side + across[columns]
            share = np.abs(1 - row - part)[rows] * np.abs(1 - column - part)[columns] * filled_in[node]
            total += colours[np.clip(places + ways.ravel()[node], 0, size * size - 1)] * share[:, None]
            weights += share
    reached = weights > 0.1
    made = total[reached] / weights[reached, None]
    result.reshape(-1, 3)[places[reached]] = np.clip(made + np.float32(0.5), 0, 255).astype(np.uint8)
