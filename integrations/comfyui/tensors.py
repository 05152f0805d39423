"""ComfyUI's images, masks and sounds, and OpenPortrait's.

There images are float32 (B, H, W, C) in 0..1 and masks (B, H, W); here pictures are uint8 (H, W, 3 or 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from openportrait import Frames, Result, Samples

PICTURE_RATE = 25.0
"""Frames a second that are told of a result of one picture."""


def pictures(images: torch.Tensor, mask: torch.Tensor | None = None) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """One picture after the other. `mask`: 1 where they are transparent, as the node that loads images gives it."""
    for place, image in enumerate(images):
        if mask is not None:
            clear = mask[min(place, len(mask) - 1)].to(image)
            if clear.shape != image.shape[:2]:
                raise ValueError(
                    f"the mask is {tuple(clear.shape)}, the image {tuple(image.shape[:2])}; give a mask of its size"
                )
            image = torch.cat([image[..., :3], 1 - clear[..., None]], -1)
        yield (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def picture_or_clip(
    images: torch.Tensor, rate: float, mask: torch.Tensor | None = None
) -> np.ndarray[Any, np.dtype[np.uint8]] | Frames:
    """A single image as a picture, several as a clip of `rate` frames a second."""
    made = pictures(images, mask)
    return next(made) if len(images) == 1 else Frames(made, rate)


def samples(audio: dict[str, Any]) -> Samples:
    """A sound, of which the first of a batch is taken, and of many channels the mean."""
    wave = audio["waveform"][0].float().cpu()
    if len(wave) > 2:
        wave = wave.mean(0, keepdim=True)
    return Samples(wave.T.contiguous().numpy(), int(audio["sample_rate"]))


def tensors(result: Result) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Images (B, H, W, 3), their matte (B, H, W), 1 where the person is, and frames a second."""
    images = mattes = None
    for place, picture in enumerate(result.pictures()):
        if images is None or mattes is None:
            height, width = picture.shape[:2]
            images = torch.empty(result.frames, height, width, 3)
            mattes = torch.ones(result.frames, height, width)
        values = torch.from_numpy(picture).float() / 255
        images[place] = values[..., :3]
        if values.shape[-1] == 4:
            mattes[place] = values[..., 3]
    assert images is not None, "a result has a picture"
    assert mattes is not None, "and its matte"
    return images, mattes, float(result.rate or PICTURE_RATE)
