"""The background behind the person in the result: the source's own, none, a colour, or a picture."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageColor

from openportrait.errors import OptionError
from openportrait.faces.matte import matte
from openportrait.files import status
from openportrait.media import read_image
from openportrait.options import BACKGROUND_KEPT, BACKGROUND_TRANSPARENT, OutputOptions
from openportrait.records import Frame, Image

_LARGEST = 4096
"""A background picture is reduced to this longer side, px."""
_SMALL = 512
"""Longer side in px of the picture that colours at the person's edge are averaged in."""
_REACH = 7
"""Radius of that average, px of the same picture."""
_SURE = (0.6, 1.0)
"""Alpha from which a pixel's own colour counts, and alpha from which only its own counts."""


class Background:
    """The background that the options want."""

    def __init__(self, wanted: OutputOptions) -> None:
        """Raises OptionError where the option is neither a colour nor a file, MediaError where the file is no
        picture."""
        text = wanted.background
        self.is_kept = text == BACKGROUND_KEPT
        """Whether the source's own background stays."""
        self.files: tuple[Path, ...] = ()
        """The files that the result is made of and may not overwrite."""
        self._laid: Image | None = None
        """(H, W, 3), of any size; None where nothing is laid behind the person."""
        if names_file(text):
            self.files = (Path(text),)
            self._laid = _picture(text)
        elif (colour := _colour(text)) is not None:
            self._laid = np.full((1, 1, 3), colour, np.uint8)
        self._scaled = lru_cache(maxsize=1)(self._covering)

    def cut_out(self, frame: Frame) -> Frame:
        """A source's frame with the person's alpha, where it has none and one is needed."""
        if self.is_kept or frame.alpha is not None:
            return frame
        alpha = matte(frame.image)
        return replace(frame, image=_own_colours(frame.image, alpha), alpha=alpha)

    def behind(self, image: Image, alpha: Image | None) -> tuple[Image, Image | None]:
        """The finished picture (H, W, 3), and its alpha (H, W) where it keeps one."""
        if self.is_kept:
            return image, alpha
        if alpha is None:  # The engine does not move this alpha with the person.
            alpha = matte(image)
            image = _own_colours(image, alpha)
        if self._laid is None:
            return image, alpha
        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        laid = self._scaled(image.shape[1], image.shape[0])
        return np.asarray(cv2.blendLinear(np.ascontiguousarray(image), laid, weight, 1 - weight), np.uint8), None

    def _covering(self, width: int, height: int) -> Image:
        """The picture behind, scaled to cover, its middle kept."""
        assert self._laid is not None
        rows, columns = self._laid.shape[:2]
        factor = max(width / columns, height / rows)
        size = max(round(columns * factor), width), max(round(rows * factor), height)
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        large = np.asarray(cv2.resize(self._laid, size, interpolation=method), np.uint8)
        top, left = (size[1] - height) // 2, (size[0] - width) // 2
        return np.ascontiguousarray(large[top : top + height, left : left + width])


def names_file(background: str) -> bool:
    """Whether the option `--background` has the path of a picture as its value."""
    return background not in (BACKGROUND_KEPT, BACKGROUND_TRANSPARENT) and _colour(background) is None


def _colour(text: str) -> tuple[int, int, int] | None:
    """Red, green and blue of `#rrggbb` or a colour's name; None for anything else."""
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
    except ValueError:
        return None
    return red, green, blue


def _picture(text: str) -> Image:
    path = Path(text)
    if not text or (not path.exists() and not path.suffix):
        raise OptionError(
            f"--background is {text!r}; give {BACKGROUND_KEPT}, {BACKGROUND_TRANSPARENT}, a colour such as #00b140 "
            "or white, or a picture's path"
        )
    status(path, "a picture")
    return read_image(path, max_size=_LARGEST).image


def _own_colours(image: Image, alpha: Image) -> Image:
    """The picture (H, W, 3) with the person's colour in half-covered pixels, none of the old background's."""
    factor = min(_SMALL / max(image.shape[:2]), 1.0)
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    weight = (cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA) / np.float32(255)) ** 4
    window = (2 * _REACH + 1,) * 2
    near = cv2.blur(small * weight[..., None], window) / (cv2.blur(weight, window)[..., None] + np.float32(1e-5))
    near = cv2.resize(np.clip(near, 0, 255).astype(np.uint8), image.shape[1::-1])
    half = (alpha > 0) & (alpha < 255)
    sure = np.clip((alpha[half] / 255 - _SURE[0]) / (_SURE[1] - _SURE[0]), 0, 1)[:, None]
    result = image.copy()
    result[half] = np.rint(near[half] + (image[half] - near[half].astype(float)) * sure).astype(np.uint8)
    return result
