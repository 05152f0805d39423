"""F: what a face looks like, as a volume of features (SPEC §7; LivePortrait §3.1, face vid2vid §3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine, Checkpoint
from openportrait.engines.neural.layers import Conv

CHANNELS, DEPTH = 32, 16


class ChannelScale(nn.Module):
    """max(0, scale·x + shift) for each channel: a BatchNorm with nothing before it to fold into, and ReLU."""

    scale: Tensor
    shift: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("scale", affine.weight.float().view(-1, 1, 1, 1))
        self.register_buffer("shift", affine.bias.float().view(-1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, D, H, W], same shape out."""
        return torch.addcmul(self.shift, x, self.scale).relu_()


class Residual(nn.Module):
    """x + conv(relu(bn(conv(relu(bn(x)))))) on volumes [B, 32, 16, 64, 64]; the sum stays float32."""

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        super().__init__()
        shape = (CHANNELS, CHANNELS, 3, 3, 3)
        self.norm = ChannelScale(checkpoint.batch_norm(f"{name}.norm1", CHANNELS))
        self.conv1 = Conv(checkpoint.layer(f"{name}.conv1", shape, norm=f"{name}.norm2"), padding=1, relu=True)
        self.conv2 = Conv(checkpoint.layer(f"{name}.conv2", shape), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 32, 16, 64, 64], same shape out."""
        change: Tensor = self.conv2(self.conv1(self.norm(x)))
        return x + change


class AppearanceExtractor(nn.Module):
    """F: picture [B, 3, 256, 256] in 0..1 → feature volume [B, 32, 16, 64, 64] float32."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.stem = Conv(checkpoint.layer("stem", (64, 3, 3, 3), norm="stem.norm"), padding=1, relu=True)
        self.down = nn.ModuleList(
            Conv(checkpoint.layer(f"down.{i}", (128 << i, 64 << i, 3, 3), norm=f"down.{i}.norm"), padding=1, relu=True)
            for i in range(2)
        )
        self.to_volume = Conv(checkpoint.layer("to_volume", (CHANNELS * DEPTH, 256, 1, 1)))
        self.residual = nn.Sequential(*(Residual(checkpoint, f"residual.{i}") for i in range(6)))

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, 256, 256] → [B, 32, 16, 64, 64]."""
        x = self.stem(image)
        for conv in self.down:
            x = F.avg_pool2d(conv(x), 2)
        volume: Tensor = self.residual(self.to_volume(x).unflatten(1, (CHANNELS, DEPTH)).float())
        return volume
