"""Convolutions with fixed weights, and the exact small-size form of those on enlarged maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine

INSTANCE_NORM_EPS = 1e-5


class Conv(nn.Module):
    """A 2-D or 3-D convolution; takes its input in any type and layout and computes in those of its weight."""

    weight: Tensor
    bias: Tensor

    def __init__(self, affine: Affine, padding: int | tuple[int, ...] = 0) -> None:
        super().__init__()
        self.register_buffer("weight", affine.weight.float())
        self.register_buffer("bias", affine.bias.float())
        self.padding = padding
        self.layout = torch.contiguous_format

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, ...] → [B, outputs, ...]."""
        x = x.to(self.weight.dtype).contiguous(memory_format=self.layout)
        if self.weight.ndim == 4:
            return F.conv2d(x, self.weight, self.bias, padding=self.padding)
        return F.conv3d(x, self.weight, self.bias, padding=self.padding)

    def narrow(self, dtype: torch.dtype, channels_last: bool) -> None:
        """Compute in `dtype` from now on, with maps in that layout."""
        if channels_last:
            self.layout = torch.channels_last if self.weight.ndim == 4 else torch.channels_last_3d
        self.weight = self.weight.to(dtype).contiguous(memory_format=self.layout)
        self.bias = self.bias.to(dtype)


class Weighted(nn.Module):
    """A layer's weight and bias that stay float32 whatever the type of the convolutions."""

    weight: Tensor
    bias: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("weight", affine.weight.float())
        self.register_buffer("bias", affine.bias.float())


class Linear(Weighted):
    """Last axis mapped linearly."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] → [..., outputs]."""
        return F.linear(x, self.weight, self.bias)


def place(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Move a network to a device, with its convolutions in `dtype` and all else in float32.

    Maps lie channels-last where matrix units want that. Not in float32 on a CPU: those kernels are no
    faster, and their rounding errors are four times those of the plain layout.
    """
    network.to(device)
    matrix_units = device.type in ("cuda", "xpu") or (device.type == "cpu" and dtype != torch.float32)
    for part in network.modules():
        if isinstance(part, Conv):
            part.narrow(dtype, channels_last=matrix_units)


def instance_norm(x: Tensor) -> Tensor:
    """[B, C, H, W] with mean 0 and variance 1 a channel, in the type of x; sums in float32."""
    if x.device.type == "cpu":
        return F.group_norm(x, x.shape[1], eps=INSTANCE_NORM_EPS)
    wide = x.float()
    variance, mean = torch.var_mean(wide, dim=(2, 3), keepdim=True, correction=0)
    return ((wide - mean) * torch.rsqrt(variance + INSTANCE_NORM_EPS)).to(x.dtype)


_HALVES = torch.tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], dtype=torch.float64)
"""[phase, small tap, tap]: a cell's first half sees (previous, own, own), its second (own, own, next)."""


class Doubled(nn.Module):
    """A 3-wide convolution (then ReLU) of a map enlarged 2× by nearest along its last two axes.

    An enlarged cell has only two different neighbours an axis, so each of the 2×2 places within it is a
    2-wide convolution of the small map: 4/9 of the multiplications, exact up to rounding, borders too
    (a padding row of the large map and one of the small map are both zero).
    """

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        weight = torch.einsum("pah,qbw,oi...hw->pqoi...ab", _HALVES, _HALVES, affine.weight)
        self.conv = Conv(Affine(weight.flatten(0, 2), affine.bias.repeat(4)), padding=1)
        self.outputs = affine.weight.shape[0]

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """[B, I, (D,) H, W] → `out` [B, O, (D,) 2H, 2W], written in place."""
        height, width = x.shape[-2:]
        small = self.conv(x)
        for row in (0, 1):
            for column in (0, 1):
                first = (2 * row + column) * self.outputs
                phase = small[:, first : first + self.outputs, ..., row : row + height, column : column + width]
                torch.clamp(phase, min=0, out=out[..., row::2, column::2])
        return out
