"""Convolutions with fixed weights, and the exact small-size form of those on enlarged maps."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine
from openportrait.engines.neural.device import multiplied_in, on_processor

INSTANCE_NORM_EPS = 1e-5
"""Added to variances: PyTorch's default."""


class Conv(nn.Module):
    """A 2-D or 3-D convolution, with a ReLU if asked; takes maps of any type and layout and gives them in its own."""

    weight: Tensor
    bias: Tensor

    def __init__(self, affine: Affine, padding: int | tuple[int, int] = 0, *, relu: bool = False) -> None:
        super().__init__()
        self.register_buffer("weight", affine.weight.float())
        self.register_buffer("bias", affine.bias.float())
        self.padding = padding
        self.relu = relu
        self.dtype = torch.float32
        self.layout = torch.contiguous_format

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, ...] → [B, outputs, ...]."""
        x = x.to(self.dtype).to(self.weight.dtype).contiguous(memory_format=self.layout)
        convolve = F.conv2d if self.weight.ndim == 4 else F.conv3d
        y = convolve(x, self.weight, self.bias, padding=self.padding).to(self.dtype)
        return y.relu_() if self.relu else y

    def empty(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Memory for a map in this layer's layout, on its device, in its type where none is named."""
        return torch.empty(shape, dtype=dtype or self.dtype, device=self.weight.device, memory_format=self.layout)

    def narrow(self, dtype: torch.dtype, multiplied: torch.dtype, channels_last: bool) -> None:
        """Have weights and maps in `dtype` from now on, products in `multiplied`, and maps in that layout."""
        if channels_last:
            self.layout = torch.channels_last if self.weight.ndim == 4 else torch.channels_last_3d
        self.dtype = dtype
        self.weight = self.weight.to(dtype).to(multiplied).contiguous(memory_format=self.layout)
        self.bias = self.bias.to(dtype).to(multiplied)


class Summed(Conv):
    """A 3-D convolution, 3 wide, that in the plain layout adds its three depth taps one by one.

    The sums are a third as long and round half as much, for a tenth more time. Meant for float32 where the
    mask's softmax makes much of little: narrow types have larger errors than that anyway.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, D, H, W] → [B, outputs, D, H, W]."""
        if self.layout != torch.contiguous_format or self.dtype != torch.float32:
            return super().forward(x)
        depth = x.shape[2]
        padded = F.pad(x.float(), (0, 0, 0, 0, 1, 1))
        total = self.bias.view(-1, 1, 1, 1)
        for tap in range(3):
            slices, weight = (
                t.contiguous() for t in (padded[:, :, tap : tap + depth], self.weight[:, :, tap : tap + 1])
            )
            total = F.conv3d(slices, weight, padding=(0, 1, 1)).add_(total)
        return total.relu_() if self.relu else total


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
    multiplied = multiplied_in(device, dtype)
    matrix_units = device.type in ("cuda", "xpu") or (device.type == "cpu" and multiplied != torch.float32)
    for part in network.modules():
        if isinstance(part, Conv):
            part.narrow(dtype, multiplied, channels_last=matrix_units)


def instance_norm(x: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, C, H, W] with mean 0 and variance 1 a channel, as `dtype`; sums in float32."""
    if on_processor(x):
        return F.group_norm(x, x.shape[1], eps=INSTANCE_NORM_EPS).to(dtype)
    wide = x.float()
    variance, mean = torch.var_mean(wide, dim=(2, 3), keepdim=True, correction=0)
    return ((wide - mean) * torch.rsqrt(variance + INSTANCE_NORM_EPS)).to(dtype)


class _Place(NamedTuple):
    """Where in an enlarged cell a 3-wide convolution gives the same, along one axis."""

    places: tuple[int, ...]
    """Offsets within the cell."""
    taps: tuple[tuple[int, int, int], tuple[int, int, int]]
    """Which of the three taps fall on the first and on the second of two neighbouring small cells."""
    ahead: int
    """0 where these are the cell before and the cell itself, 1 where they are itself and the next."""


_START = ((1, 0, 0), (0, 1, 1))
_END = ((1, 1, 0), (0, 0, 1))
_PLACES = {
    2: (_Place((0,), _START, 0), _Place((1,), _END, 1)),
    4: (_Place((0,), _START, 0), _Place((1, 2), ((0, 0, 0), (1, 1, 1)), 0), _Place((3,), _END, 1)),
}


class Enlarged(nn.Module):
    """A 3-wide convolution, then ReLU, of a map enlarged 2× or 4× by nearest along its last two axes.

    Three taps on an enlarged map fall on at most two different cells of the small one, so each place
    within a cell is a 2-wide convolution of the small map: 4/9 of the products for 2×, 1/4 for 4×, where
    the two middle places are equal. Exact up to rounding, borders too: what pads the large map with
    zeros pads the small one.
    """

    def __init__(self, affine: Affine, factor: int) -> None:
        super().__init__()
        self.outputs = affine.weight.shape[0]
        self.factor = factor
        taps = torch.tensor([place.taps for place in _PLACES[factor]], dtype=torch.float64)
        weight = torch.einsum("pah,qbw,oi...hw->pqoi...ab", taps, taps, affine.weight)
        self.conv = Conv(Affine(weight.flatten(0, 2), affine.bias.repeat(len(taps) ** 2)), padding=1)

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """[B, I, (D,) H, W] → `out` [B, O, (D,) f·H, f·W], written in place."""
        height, width = x.shape[-2:]
        small = self.conv(x).split(self.outputs, 1)
        for part, (row, column) in zip(small, product(_PLACES[self.factor], repeat=2), strict=True):
            inner = part[..., row.ahead : row.ahead + height, column.ahead : column.ahead + width]
            for i, j in product(row.places, column.places):
                torch.clamp(inner, min=0, out=out[..., i :: self.factor, j :: self.factor])
        return out
