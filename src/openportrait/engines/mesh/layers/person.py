"""A portrait in two layers: the person, who moves, over a still plate of what is behind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait.engines.mesh.curves import smoothstep
from openportrait.engines.mesh.layers.background import Layer, Mask, continued, smoothly
from openportrait.faces.matte import SIDE, guess, is_sound, refined, with_face
from openportrait.records import FaceCrop, Floats, Image

_RIM = 1 / 72
"""Of the crop's side beyond the matte: there the picture still holds something of the person."""
_TRACE = (30.0, 80.0)
"""Grey levels by which a trace of the person differs from the background, and by which a thing does."""
_UNCOVERED = 0.2
"""Of the crop's side that a head may go: only so deep the plate can come to be seen."""
_FAINT = 8
"""Of 255: what is clearer is background."""
_COVERED = (0.05, 0.3)
"""Alpha below which what is seen is the background's, and above which nothing is known of it."""
_SEEN, _MADE_UP = 255, 128
"""Marks of a remembered plate: shown by an earlier frame, or filled in."""
_HALF, _LEAST_CLEAR = 128, 0.02
"""Of 255, and of the crop: where less is transparent, a picture's alpha tells nothing of the person."""
_EVERY = 4
"""px between those that are compared."""
_LEAST_SHARED = 0.02
"""Of the crop that two frames must both show of the background before they are compared."""
_STILL = 6.0
"""Grey levels by which the background of two frames differs at most while the camera stands still."""


@dataclass(frozen=True, eq=False)
class Layers:
    """person + (1 − alpha)·plate is the picture, to the bit.

    Of a picture that is `cut_out` already the colours are those of its file, wherever alpha is not 0.
    """

    person: Image
    """(S, S, 4) colours times alpha, and alpha: 255 where nothing of the plate shows."""
    plate: Image | None
    """(S, S, 3) what is behind; None where all of the picture is one layer."""
    place: Floats
    """(3, 3) from pixels of the layers to pixels of the whole picture."""
    cut_out: bool = False
    """Whether the alpha is the picture's own and goes out with it; the person's colours are not times alpha."""

    @property
    def alpha(self) -> Image:
        """(S, S)."""
        return self.person[..., 3]

    @cached_property
    def reach(self) -> NDArray[np.intp]:
        """(2, S) for each row the first column that shows the person and the one behind the last: S, 0 where none."""
        seen = self.alpha > 0
        first = np.where(seen.any(1), seen.argmax(1), seen.shape[1])
        behind = np.where(seen.any(1), seen.shape[1] - seen[:, ::-1].argmax(1), 0)
        return np.stack([first, behind])


def in_layers(crop: FaceCrop, face: Floats, earlier: Layers | None = None) -> Layers:
    """A portrait with landmarks `face` (478, 3) px; in one layer where the person cannot be told apart surely.

    `earlier`: the layers of the clip's frame before. While its camera stands still, what was seen behind the head
    is remembered.
    """
    image, size = crop.image, crop.size
    if crop.alpha is not None and (crop.alpha < _HALF).mean() > _LEAST_CLEAR:
        return _cut_out(crop, crop.alpha)
    outline = np.asarray(cv2.convexHull(face[:468, :2].astype(np.float32))[:, 0], np.float64)
    likely = guess(image)
    if not is_sound(likely, (outline + 0.5) * (SIDE / size) - 0.5):
        return Layers(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8), None, crop.image_from_crop)
    alpha = _with_whole_face(refined(image, likely), outline)
    beside = cv2.distanceTransform((alpha <= _FAINT).astype(np.uint8), cv2.DIST_L2, 3) / (_RIM * size)
    hole = beside < 1
    if earlier is None:
        depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
        behind = continued(image, hole, hole & (depth < _UNCOVERED * size))
    else:
        behind = _remembered(crop, hole, earlier)
    return _separated(crop, alpha, behind, np.asarray(beside, np.float64))


def _cut_out(crop: FaceCrop, alpha: Image) -> Layers:
    """The layers of a picture with alpha; colours go on beyond its edges, so that none of what is hidden bleeds in."""
    clear = alpha == 0
    person, plate = smoothly(crop.image, clear), smoothly(crop.image, ~clear)
    return Layers(np.dstack([person, alpha]), plate, crop.image_from_crop, cut_out=True)


def _remembered(crop: FaceCrop, hole: Mask, earlier: Layers) -> Image:
    """The picture with its hole filled from an earlier plate; smoothly where that shows nothing or the camera moved."""
    if earlier.plate is None:
        return smoothly(crop.image, hole)
    from_earlier = (crop.crop_from_image @ earlier.place)[:2]
    known = np.where(earlier.alpha == 0, np.uint8(_SEEN), np.uint8(_MADE_UP))
    plate, seen = (
        np.asarray(cv2.warpAffine(layer, from_earlier, (crop.size, crop.size)), np.uint8)
        for layer in (earlier.plate, known)
    )
    some = np.s_[::_EVERY, ::_EVERY]
    both = (seen[some] >= _SEEN) & ~hole[some]
    difference = cv2.absdiff(np.ascontiguousarray(plate[some]), np.ascontiguousarray(crop.image[some]))
    if both.mean() < _LEAST_SHARED or difference[both].mean() > _STILL:
        return smoothly(crop.image, hole)
    remembered = hole & (seen >= _MADE_UP)
    behind = crop.image.copy() if (remembered == hole).all() else smoothly(crop.image, hole)
    cv2.copyTo(plate, remembered.astype(np.uint8), behind)
    return behind


def _with_whole_face(alpha: Image, outline: Floats) -> Image:
    """The connected matte of one person; the face, `outline` (N, 2) px, belongs to it altogether."""
    inside = np.zeros(alpha.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.round(outline).astype(np.int32), 255)
    alpha = np.maximum(alpha, np.asarray(cv2.erode(inside, np.ones((3, 3), np.uint8)), np.uint8))
    return np.where(with_face(alpha > _FAINT, outline), alpha, np.uint8(0)).astype(np.uint8)


def _separated(crop: FaceCrop, alpha: Image, behind: Image, beside: Floats) -> Layers:
    """The layers of a crop from its matte and what may be `behind` (S, S, 3).

    `beside` (S, S): 0 at the person, 1 where its rim ends.
    """
    image = crop.image
    plate = behind.copy()
    cv2.copyTo(image, (alpha == 0).astype(np.uint8), plate)
    edge = (alpha < 255) & (beside < 1)
    seen, share = image[edge].astype(np.float32), alpha[edge] / 255.0
    made = _without_trace(seen, behind[edge].astype(np.float32), share, beside[edge])
    # There is so much of the person that its colour, which makes the picture of the plate, is one: 0 to 255.
    darker, brighter = 1 - seen / np.maximum(made, 1), (seen - made) / np.maximum(255 - made, 1)
    covered = np.maximum(share, np.maximum(darker, brighter).max(1))
    alpha = alpha.copy()
    alpha[edge] = np.clip(np.ceil(255 * covered), 0, 254).astype(np.uint8)
    most = np.floor(seen * np.float32(255) / (255 - alpha[edge].astype(np.float32))[:, None])
    plate[edge] = np.minimum(np.clip(made + np.float32(0.5), 0, 255), most).astype(np.uint8)
    return Layers(np.dstack([cv2.subtract(image, shown_through(plate, alpha)), alpha]), plate, crop.image_from_crop)


def _without_trace(seen: Layer, behind: Layer, share: Floats, beside: Floats) -> Layer:
    """(N, 3) the plate at the person's edge, `share` (N,) of it covered.

    Loose hair or sharpening that the matte leaves out would stay there as an outline. What differs much from what
    is made up `behind` is rather a thing there that was made up wrongly.
    """
    differs = np.asarray(np.abs(behind - seen).max(1), np.float64)
    thing = smoothstep(differs, *_TRACE)
    trust = np.maximum((1 - thing) * (1 - beside**2), smoothstep(share, *_COVERED))
    return np.asarray(seen + (behind - seen) * trust[:, None], np.float32)


def shown_through(plate: Image, alpha: Image) -> Image:
    """(h, w, 3) what is seen of the plate beneath a layer of that alpha (h, w)."""
    through = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.multiply(plate, through, scale=1 / 255), np.uint8)
