"""G: the picture from the warped features, a SPADE decoder (SPEC §7; arXiv 1903.07291)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine, Checkpoint
from openportrait.engines.neural.layers import Conv, Doubled, instance_norm

MAP, HIDDEN = 256, 128
"""Channels of the input map and of a SPADE's hidden layer."""
SLOPE = 0.2


class Spade(nn.Module):
    """norm·(1 + γ) + β, where γ and β are made from the input map by one convolution.

    The 1 is part of γ's bias. Where a 1×1 convolution follows at once (the shortcut), β is already
    multiplied by it: the two are linear, and it has fewer channels afterwards.
    """

    def __init__(
        self, checkpoint: Checkpoint, name: str, width: int, enlarged: int = 1, shortcut: Affine | None = None
    ) -> None:
        super().__init__()
        shared = checkpoint.layer(f"{name}.shared", (HIDDEN, MAP, 3, 3))
        gamma = checkpoint.layer(f"{name}.gamma", (width, HIDDEN, 3, 3))
        beta = checkpoint.layer(f"{name}.beta", (width, HIDDEN, 3, 3))
        if shortcut is not None:
            after = shortcut.weight.flatten(1)
            beta = Affine(torch.einsum("nc,cihw->nihw", after, beta.weight), after @ beta.bias + shortcut.bias)
        self.width = width
        self.modulation = Conv(
            Affine(torch.cat((gamma.weight, beta.weight)), torch.cat((gamma.bias + 1, beta.bias))), padding=1
        )
        self.shared = Conv(shared, padding=1)

    def forward(self, seg: Tensor) -> tuple[Tensor, Tensor]:
        """The input map → 1 + γ [B, width, H, W] and β."""
        both = self.modulation(self.shared(seg).relu_())
        return both[:, : self.width], both[:, self.width :]


class Block(nn.Module):
    """x + conv(lrelu(spade(norm(conv(lrelu(spade(norm(x)))))))), the shortcut by a SPADE where widths differ."""

    def __init__(self, checkpoint: Checkpoint, name: str, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.spade0 = Spade(checkpoint, f"{name}.spade0", inputs)
        self.conv0 = Conv(checkpoint.spectral(f"{name}.conv0", (middle, inputs, 3, 3)), padding=1)
        self.spade1 = Spade(checkpoint, f"{name}.spade1", middle)
        self.conv1 = Conv(checkpoint.spectral(f"{name}.conv1", (outputs, middle, 3, 3)), padding=1)
        self.spade_s: Spade | None = None
        if inputs != outputs:
            shortcut = checkpoint.spectral(f"{name}.convs", (outputs, inputs, 1, 1), bias=False)
            self.spade_s = Spade(checkpoint, f"{name}.spades", inputs, shortcut=shortcut)
            self.conv_s = Conv(Affine(shortcut.weight, torch.zeros(outputs)))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        n = instance_norm(x)
        if self.spade_s is None:
            skip = x
        else:
            g, b = self.spade_s(seg)
            skip = self.conv_s(n * g) + b
        g, b = self.spade0(seg)
        y = self.conv0(F.leaky_relu_(torch.addcmul(b, n, g), SLOPE))
        g, b = self.spade1(seg)
        y = self.conv1(F.leaky_relu_(torch.addcmul(b, instance_norm(y), g), SLOPE))
        return skip + y


class Decoder(nn.Module):
    """G: [B, 256, 64, 64] → picture [B, 3, 512, 512] in 0..1, float32."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.widen = Conv(checkpoint.layer("widen", (512, MAP, 3, 3)), padding=1)
        self.middle = nn.ModuleList(Block(checkpoint, f"middle.{i}", 512, 512) for i in range(6))
        self.up = nn.ModuleList((Block(checkpoint, "up.0", 512, 256), Block(checkpoint, "up.1", 256, 64)))
        self.to_pixels = Conv(checkpoint.layer("to_pixels", (12, 64, 3, 3)), padding=1)

    def forward(self, seg: Tensor) -> Tensor:
        x = self.widen(seg)
        for block in self.middle:
            x = block(x, seg)
        for i, block in enumerate(self.up):
            x = F.interpolate(x, scale_factor=2)
            x = block(x, F.interpolate(seg, scale_factor=2 << i))
        return torch.sigmoid(F.pixel_shuffle(self.to_pixels(F.leaky_relu(x, SLOPE)), 2).float())
