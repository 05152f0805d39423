"""The engine of the published LivePortrait networks (arXiv 2407.03168), on any device PyTorch has.

Pictures are pasted back where they are made (SPEC §6): only one window of each frame is copied to the device and
back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from openportrait.engines.base import Appearance, Canvas, Memory, MotionReader, PixelReader, Shot
from openportrait.engines.neural.checkpoint import LoadNetwork, read
from openportrait.engines.neural.device import multiplied_in, spelled
from openportrait.engines.neural.extractors import AppearanceExtractor, MotionExtractor, degrees
from openportrait.engines.neural.generator import Generator
from openportrait.engines.neural.layers import place
from openportrait.engines.neural.retargeting import Retargeting
from openportrait.engines.neural.warping import KEYPOINTS, WarpSource
from openportrait.errors import EngineError
from openportrait.faces import Refine
from openportrait.layouts import LIVEPORTRAIT_21, edit_expression
from openportrait.motion import rotation_from_degrees
from openportrait.paste import Window, ramp_mask, window_of
from openportrait.records import CropRule, FaceCrop, FaceEdit, Floats, Image, Motion, Ratios
from openportrait.scaling import resized


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


# The engine


INPUT_SIZE = 256
"""Side of what the motion extractor and the appearance extractor read, px (SPEC §3, §7)."""
CROP_SIZE = 512
"""Side of a source crop and of a rendered picture, px (SPEC §6)."""
_turn = Lock()


class NeuralEngine:
    """`openportrait.engines.base.Engine` on the five published networks (layout `liveportrait-21`).

    Motion and its corrections are float32 on every device: they are small, and their errors are seen as jitter.
    Warping and decoding run in `dtype`. Threads take turns, those of other engines too.
    """

    name = "neural"
    renders_apart = False
    layout = LIVEPORTRAIT_21
    crop_rule = CropRule(size=CROP_SIZE, rotate=True, native=False)
    notices: tuple[str, ...] = ()

    def __init__(
        self, load: LoadNetwork, device: torch.device, dtype: torch.dtype, refine: Refine | None = None
    ) -> None:
        """Raises WeightsError where a network's tensors are not those of SPEC §7."""
        self.refine = refine
        self.device, self.dtype = device, dtype
        self.batch_size = 1 if device.type == "cpu" else 4
        self._motion = read("motion_extractor", load("motion_extractor"), MotionExtractor)
        place(self._motion, device, torch.float32)
        appearance = "appearance_feature_extractor"
        self._appearance = read(appearance, load(appearance), AppearanceExtractor)
        place(self._appearance, device, dtype if dtype == torch.bfloat16 else torch.float32)
        self._retargeting = Retargeting(load)
        self._generator = Generator(load, device, dtype, self.notice)
        if multiplied_in(device, dtype) != dtype:
            self.notice(f"this processor has no instructions for {spelled(dtype)}: it is no faster here than float32")

    def notice(self, line: str) -> None:
        """State a line with every result from now on."""
        if line not in self.notices:
            self.notices = (*self.notices, line)

    @property
    def reader(self) -> MotionReader:
        """From pixels. Not kept: it would hold the engine, and with it the memory of the device."""
        return PixelReader(self.motion, self.batch_size)

    @torch.inference_mode()
    def motion(self, crops: Sequence[FaceCrop]) -> list[Motion]:
        """Apply M to each crop at 256×256 (SPEC §3)."""
        if not crops:
            return []
        with self._computing():
            heads = self._motion(self._inputs([crop.image for crop in crops]))
            angles = torch.stack([degrees(heads[axis]) for axis in ("pitch", "yaw", "roll")], -1)
            pose, scale, translation, expression, canonical = (
                value.cpu().numpy().astype(np.float64)
                for value in (angles, heads["scale"], heads["t"], heads["exp"], heads["kp"])
            )
        return [
            Motion(
                rotation=rotation_from_degrees(*map(float, pose[i])),
                expression=expression[i].reshape(KEYPOINTS, 3),
                scale=float(scale[i, 0]),
                translation=translation[i],
                canonical=canonical[i].reshape(KEYPOINTS, 3),
            )
            for i in range(len(crops))
        ]

    def remember(self, crop: FaceCrop, so_far: Memory | None) -> Memory | None:
        """Nothing: the generator makes up what a frame does not show."""
        return None

    @torch.inference_mode()
    def appearance(self, crop: FaceCrop, earlier: Appearance | None = None, memory: Memory | None = None) -> Appearance:
        """F on the crop, and all of W that does not depend on the keypoints: a `WarpSource`; the rest is not used."""
        with self._computing():
            return self._generator.warping.source(self._appearance(self._inputs([crop.image])))

    def remarks(self, appearance: Appearance) -> tuple[str, ...]:
        """None: every face is drawn alike."""
        return ()

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """S of SPEC §5."""
        return self._retargeting.stitch(x_s, x_d)

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        """R_eye of SPEC §5."""
        return self._retargeting.open_eyes(x_s, ratios, target)

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        """R_lip of SPEC §5."""
        return self._retargeting.open_lips(x_s, ratio, target)

    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        """The table of SPEC §10, the same for every face."""
        return edit_expression(edit)

    @torch.inference_mode()
    def render(self, shots: Sequence[Shot]) -> list[Image]:
        """G(W(appearance, x_s, x_d)), 512×512."""
        with self._computing():
            return [picture.copy() for picture in _to_host(self._made(shots))]

    @torch.inference_mode()
    def paint(self, canvases: Sequence[Canvas]) -> list[Image]:
        """Rendered and pasted back on the device; only the part of a frame that changes travels."""
        parts = [window_around(canvas.frame, CROP_SIZE, list(canvas.places)) for canvas in canvases]
        with self._computing():
            made = iter(self._made([shot for canvas in canvases for shot in canvas.shots]))
            sent: dict[tuple[int, Window], Tensor] = {}
            changed = []
            for canvas, part in zip(canvases, parts, strict=True):
                pictures = list(islice(made, len(canvas.shots)))
                if part is None:
                    continue
                # Frames of a still source are one and the same: their part is sent once.
                key = id(canvas.frame), part
                if key not in sent:
                    sent[key] = self._to_device(np.array(canvas.frame[part.rows_and_columns]))
                base = sent[key]
                for picture, crop_place in zip(pictures, canvas.places, strict=True):
                    base = blend(base, picture, part.from_crop(crop_place))
                changed.append(base)
            pasted = iter(_to_host(changed))
        return [
            canvas.frame if part is None else _set_in(canvas.frame, next(pasted), part)
            for canvas, part in zip(canvases, parts, strict=True)
        ]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Use the device alone, and multiply float32 as float32: cuDNN would take tf32 by default.

        That setting, and the recording of a CUDA graph, concern the whole process.
        """
        with _turn, torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield

    def _made(self, shots: Sequence[Shot]) -> list[Tensor]:
        """One [512, 512, 3] uint8 picture a shot, on the device. Raises EngineError where its memory is too small."""
        made: list[Tensor] = []
        while len(made) < len(shots):
            batch = shots[len(made) : len(made) + self.batch_size]
            try:
                pictures = self._generator.pictures(
                    _joined([shot.appearance for shot in batch]),
                    self._points([shot.x_d for shot in batch]),
                    self._points([shot.x_s for shot in batch]),
                )
            except torch.OutOfMemoryError as error:
                if self.batch_size == 1:
                    raise EngineError(
                        f"the memory of {self.device} does not do; close what else uses it, or take --device cpu"
                    ) from error
                self.batch_size //= 2
                continue
            # The next batch may be written over this one.
            made += pictures.clone()
        return made

    def _inputs(self, images: Sequence[Image]) -> Tensor:
        """Pictures of any size → [B, 3, 256, 256] float32 in 0..1 on the device."""
        small = np.stack([resized(image, INPUT_SIZE, INPUT_SIZE) for image in images])
        return self._to_device(small).permute(0, 3, 1, 2).float() / 255

    def _points(self, points: Sequence[Floats]) -> Tensor:
        return self._to_device(np.stack(points).astype(np.float32))

    def _to_device(self, values: np.ndarray[Any, Any]) -> Tensor:
        host = torch.from_numpy(values)
        if self.device.type == "cuda":
            return host.pin_memory().to(self.device, non_blocking=True)
        return host.to(self.device)


def _joined(sources: Sequence[WarpSource]) -> WarpSource:
    """One source for all shots of the same face; otherwise one for each shot."""
    if all(source is sources[0] for source in sources):
        return sources[0]
    return WarpSource(
        torch.cat([source.rows for source in sources]),
        torch.cat([source.compressed for source in sources]),
        torch.cat([source.still for source in sources]),
    )


def _to_host(pictures: Sequence[Tensor]) -> list[Image]:
    """The same in the computer's own memory. CUDA's fast kind of it is scarce: copy what you keep."""
    if not pictures or pictures[0].device.type != "cuda":
        return [picture.cpu().numpy() for picture in pictures]
    pinned = [torch.empty(picture.shape, dtype=picture.dtype, pin_memory=True) for picture in pictures]
    for kept, picture in zip(pinned, pictures, strict=True):
        kept.copy_(picture, non_blocking=True)
    torch.cuda.current_stream(pictures[0].device).synchronize()
    return [kept.numpy() for kept in pinned]


def _set_in(frame: Image, pasted: Image, part: Window) -> Image:
    whole = frame.copy()
    whole[part.rows_and_columns] = pasted
    return whole
