"""Paste-back where the pictures are made (SPEC §6): what travels is one window of each frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from openportrait.paste import Window, ramp_mask, window_of
from openportrait.records import Floats, Image


def window_around(frame: Image, size: int, places: list[Floats]) -> Window | None:
    """The part of `frame` that holds the window of each crop; None where no crop reaches it."""
    windows = [window for place in places if (window := window_of(frame, size, place)) is not None]
    if not windows:
        return None
    left, top, right, bottom = zip(*windows, strict=True)
    return Window(min(left), min(top), max(right), max(bottom))


@lru_cache(maxsize=4)
def _mask(size: int, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(ramp_mask(size))).to(device)


def blend(base: Tensor, picture: Tensor, from_crop: Floats) -> Tensor:
    """mask·crop + (1 − mask)·base, the crop sampled bilinearly at each pixel of the base.

    base [H, W, 3] and picture [S, S, 3] uint8 on one device; from_crop (2, 3) from pixels of the picture to
    pixels of the base → [H, W, 3] uint8.
    """
    size, (height, width) = len(picture), base.shape[:2]
    layers = torch.cat((picture.permute(2, 0, 1).float(), _mask(size, base.device)[None]))[None]
    (xx, xy, x0), (yx, yy, y0) = np.linalg.inv(np.vstack([from_crop, (0, 0, 1)]))[:2].tolist()
    column = torch.arange(width, device=base.device)
    row = torch.arange(height, device=base.device)[:, None]
    pixels = torch.stack((xx * column + (xy * row + x0), yx * column + (yy * row + y0)), -1)
    sampled = F.grid_sample(layers, 2 / (size - 1) * pixels[None] - 1, padding_mode="zeros", align_corners=True)[0]
    blended = torch.lerp(base.permute(2, 0, 1).float(), sampled[:3], sampled[3:])
    return blended.round_().to(torch.uint8).permute(1, 2, 0)
