"""G, a SPADE decoder, the picture from the warped features (SPEC §7; arXiv 1903.07291); W and G as one step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine, Checkpoint, LoadNetwork, read
from openportrait.engines.neural.device import Graphs, on_processor, spelled, wider
from openportrait.engines.neural.layers import Conv, Enlarged, instance_norm, place
from openportrait.engines.neural.warping import Warping, WarpSource
from openportrait.errors import EngineError

MAP, HIDDEN = 256, 128
"""Channels of the input map and of a SPADE's hidden layer."""
WIDTHS = (512, 256, 64)
"""Channels of the decoder's own maps at 64, 128 and 256 pixels."""
SLOPE = 0.2
"""Of the leaky ReLU below 0 (SPEC §7)."""
STRIP_PIXELS = 4096
"""Pixels of a large map that a processor takes at once: γ and β of 256 channels fill 4 MiB."""


class Spade(nn.Module):
    """norm·(1 + γ) + β, where γ and β are made by one convolution from the input map, `enlarged` times as large.

    The 1 is part of γ's bias. Where a 1×1 convolution follows at once (the shortcut), β is already
    multiplied by it: both are linear, and there are fewer channels after it.
    """

    def __init__(
        self, checkpoint: Checkpoint, name: str, width: int, enlarged: int, after: Affine | None = None
    ) -> None:
        super().__init__()
        shared = checkpoint.layer(f"{name}.shared", (HIDDEN, MAP, 3, 3))
        gamma = checkpoint.layer(f"{name}.gamma", (width, HIDDEN, 3, 3))
        beta = checkpoint.layer(f"{name}.beta", (width, HIDDEN, 3, 3))
        if after is not None:
            matrix = after.weight.flatten(1)
            beta = Affine(torch.einsum("nc,cihw->nihw", matrix, beta.weight), matrix @ beta.bias + after.bias)
        self.width = width
        self.enlarged = enlarged
        self.hidden = Conv(shared, padding=1, relu=True) if enlarged == 1 else Enlarged(shared, enlarged)
        both = Affine(torch.cat((gamma.weight, beta.weight)), torch.cat((gamma.bias + 1, beta.bias)))
        self.modulation = Conv(both, padding=(0, 1))

    def strips(self, seg: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """The input map [B, 256, 64, 64] → (rows, 1 + γ [B, width, rows, W], β [B, width or fewer, rows, W]) in turn.

        On a processor γ and β of a large map would not stay in its cache from one step to the next.
        """
        conv = self.modulation
        batch, height, width = len(seg), seg.shape[2] * self.enlarged, seg.shape[3] * self.enlarged
        padded = conv.empty(batch, HIDDEN, height + 2, width)
        padded[:, :, 0] = 0
        padded[:, :, -1] = 0
        if self.enlarged == 1:
            padded[:, :, 1:-1] = self.hidden(seg)
        else:
            self.hidden(seg, padded[:, :, 1:-1])
        whole = not on_processor(seg) or conv.layout == torch.contiguous_format
        step = height if whole else max(2, STRIP_PIXELS // width)
        for first in range(0, height, step):
            both = conv(padded[:, :, first : first + step + 2])
            yield slice(first, first + step), both[:, : self.width], both[:, self.width :]

    def forward(self, norm: Tensor, seg: Tensor) -> Tensor:
        """Leaky ReLU of the modulated norm, [B, width, H, W]."""
        batch, channels = norm.shape[:2]
        height, width = (side * self.enlarged for side in seg.shape[2:])
        made = self.modulation.empty(batch, channels, height, width)
        cell = height // norm.shape[2]
        for rows, scale, shift in self.strips(seg):
            part, small = made[:, :, rows], norm[:, :, rows.start // cell : rows.stop // cell, None, :, None]
            torch.addcmul(_cells(shift, cell), small, _cells(scale, cell), out=_cells(part, cell))
            F.leaky_relu_(part, SLOPE)
        return made


class Block(nn.Module):
    """x + conv(lrelu(spade(norm(conv(lrelu(spade(norm(x)))))))), the shortcut by a SPADE where widths differ.

    A block that changes the width first doubles the size of x by nearest: its norm is that of the small
    x, of which every value is used four times. x and the sum are float32.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, inputs: int, outputs: int, enlarged: int = 1) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.spade0 = Spade(checkpoint, f"{name}.spade0", inputs, enlarged)
        self.conv0 = Conv(checkpoint.spectral(f"{name}.conv0", (middle, inputs, 3, 3)), padding=1)
        self.spade1 = Spade(checkpoint, f"{name}.spade1", middle, enlarged)
        self.conv1 = Conv(checkpoint.spectral(f"{name}.conv1", (outputs, middle, 3, 3)), padding=1)
        self.widths_differ = inputs != outputs
        if self.widths_differ:
            shortcut = checkpoint.spectral(f"{name}.convs", (outputs, inputs, 1, 1), bias=False)
            self.spade_s = Spade(checkpoint, f"{name}.spades", inputs, enlarged, after=shortcut)
            self.conv_s = Conv(Affine(shortcut.weight, torch.zeros(outputs)))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        """x [B, inputs, h, w] float32 and the input map → [B, outputs, h, w], or twice as large."""
        norm = instance_norm(x, self.conv0.dtype)
        y = self.conv0(self.spade0(norm, seg))
        if self.widths_differ:
            x = self._shortcut(norm, seg)
        change: Tensor = self.conv1(self.spade1(instance_norm(y, y.dtype), seg))
        return x + change

    def _shortcut(self, norm: Tensor, seg: Tensor) -> Tensor:
        """conv(spade(norm)) of an enlarged map, float32; β comes multiplied by conv already."""
        batch, outputs = len(norm), self.conv_s.weight.shape[0]
        made = self.conv_s.empty(batch, outputs, 2 * norm.shape[2], 2 * norm.shape[3], dtype=torch.float32)
        for rows, scale, shift in self.spade_s.strips(seg):
            scaled = self.conv_s.empty(*scale.shape)
            small = norm[:, :, rows.start // 2 : rows.stop // 2, None, :, None]
            torch.mul(_cells(scale, 2), small, out=_cells(scaled, 2))
            torch.add(self.conv_s(scaled), shift, out=made[:, :, rows])
        return made


def _cells(x: Tensor, side: int) -> Tensor:
    """[B, C, H, W] seen as cells of `side`×`side`: [B, C, H / side, side, W / side, side]."""
    height, width = x.shape[2] // side, x.shape[3] // side
    return torch.unflatten(torch.unflatten(x, 3, (width, side)), 2, (height, side))


class Decoder(nn.Module):
    """G: [B, 256, 64, 64] → picture [B, 3, 512, 512] in 0..1, float32."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.widen = Conv(checkpoint.layer("widen", (WIDTHS[0], MAP, 3, 3)), padding=1)
        self.blocks = nn.ModuleList(
            (
                *(Block(checkpoint, f"middle.{i}", WIDTHS[0], WIDTHS[0]) for i in range(6)),
                Block(checkpoint, "up.0", WIDTHS[0], WIDTHS[1], enlarged=2),
                Block(checkpoint, "up.1", WIDTHS[1], WIDTHS[2], enlarged=4),
            )
        )
        self.to_pixels = Conv(checkpoint.layer("to_pixels", (12, WIDTHS[2], 3, 3)), padding=1)

    def forward(self, seg: Tensor) -> Tensor:
        """[B, 256, 64, 64] → [B, 3, 512, 512] in 0..1."""
        return torch.sigmoid(self.logits(seg))

    def logits(self, seg: Tensor) -> Tensor:
        """[B, 256, 64, 64] → the picture [B, 3, 512, 512] before the sigmoid, float32."""
        x = self.widen(seg).float()
        for block in self.blocks:
            x = block(x, seg)
        return F.pixel_shuffle(self.to_pixels(F.leaky_relu_(x, SLOPE)).float(), 2)


# W and G as one step


_log = logging.getLogger(__name__)

Notice = Callable[[str], None]


class Generator:
    """Warping and decoding, with the check that float16 needs.

    float16 ends at 65504. What is known to leave it (sums of residual streams, normalization, softmax,
    sigmoid, coordinates) is float32 always. Where weights drive another value beyond, the result holds
    values that are no numbers: then the network concerned is built anew in a wider type, once, and the
    batch is computed again, so that no black picture gets out.
    """

    def __init__(
        self, load: LoadNetwork, device: torch.device, dtype: torch.dtype, notice: Notice = _log.warning
    ) -> None:
        """`notice` is called with one line for each thing that a user should know and that shows only while
        pictures are made."""
        self._load = load
        self._device = device
        self._notice = notice
        self._graphs = self._recordings()
        self._narrow = {"warping_module", "spade_generator"} if dtype == torch.float16 else set()
        self._place_warping(dtype)
        self._place_decoder(dtype)

    def pictures(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Tensor:
        """x_d, x_s [B, 21, 3] float32 → [B, 512, 512, 3] uint8 on the device; `source` has B entries or one."""
        while True:
            pictures, warped_finite, picture_finite = self._run(source, x_d, x_s)
            if not self._narrow or bool(picture_finite):
                return pictures
            self._widen("spade_generator" if bool(warped_finite) else "warping_module")

    def _run(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Sequence[Tensor]:
        inputs = (source.rows, source.compressed, source.still, x_d, x_s)
        return self._step(*inputs) if self._graphs is None else self._graphs(inputs)

    def _step(
        self, rows: Tensor, compressed: Tensor, still: Tensor, x_d: Tensor, x_s: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        warped = self.warping(WarpSource(rows, compressed, still), x_d, x_s)
        logits = self.decoder.logits(warped)
        pictures = (torch.sigmoid(logits) * 255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        return pictures, torch.isfinite(warped).all(), torch.isfinite(logits).all()

    def _widen(self, network: str) -> None:
        """Go on with one network in a type of float32's range."""
        if network not in self._narrow:
            raise EngineError(f"{network} gives values that are no numbers; its weights or keypoints are damaged")
        self._narrow.discard(network)
        dtype = wider(self._device)
        self._notice(f"values beyond float16 in {network}; it goes on in {spelled(dtype)}")
        self._graphs = self._recordings()
        if network == "spade_generator":
            self._place_decoder(dtype)
        else:
            self._place_warping(dtype)

    def _recordings(self) -> Graphs | None:
        return Graphs(self._step, self._device, self._notice) if self._device.type == "cuda" else None

    def _place_warping(self, dtype: torch.dtype) -> None:
        self.warping = read("warping_module", self._load("warping_module"), Warping)
        place(self.warping, self._device, dtype)

    def _place_decoder(self, dtype: torch.dtype) -> None:
        self.decoder = read("spade_generator", self._load("spade_generator"), Decoder)
        place(self.decoder, self._device, dtype)
