"""What is read from a face's picture: F, what it looks like, and M, its motion (SPEC §7).

F makes a volume of features (LivePortrait §3.1, face vid2vid §3.1). M is ConvNeXt V2 tiny with seven heads
(arXiv 2301.00808)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import CONVNEXT_DEPTHS, HEADS, Affine, Checkpoint
from openportrait.engines.neural.layers import Conv, Linear, Weighted

CHANNELS, DEPTH = 32, 16
"""Of the appearance volume (SPEC §7)."""


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


# M: the motion of a face


WIDTHS = (96, 192, 384, 768)
"""Channels in the four stages of ConvNeXt V2 tiny."""
EPS = 1e-6
"""Added to variances and norms (SPEC §7)."""
BIN_DEGREES, MIDDLE_BIN = 3.0, 32.5
"""Degrees of one bin of an angle's head, and the bin of 0° (SPEC §3: 66 bins, 3 · bin − 97.5)."""


class LayerNorm(Weighted):
    """Mean 0 and variance 1 over the last axis, then scale and shift."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., C], same shape out."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, EPS)


class Strided(Weighted):
    """Convolution whose stride is its width, on channels-last maps [B, H, W, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, inputs] → [B, H/k, W/k, outputs], k the kernel's width."""
        y = F.conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias, stride=self.weight.shape[-1])
        return y.permute(0, 2, 3, 1)


class Block(nn.Module):
    """x + contract(GRN(GELU(expand(norm(depthwise 7×7 x))))) on [B, H, W, C]."""

    gamma: Tensor
    beta: Tensor

    def __init__(self, checkpoint: Checkpoint, name: str, width: int) -> None:
        super().__init__()
        self.depthwise = Weighted(checkpoint.layer(f"{name}.depthwise", (width, 1, 7, 7)))
        self.norm = LayerNorm(checkpoint.layer(f"{name}.norm", (width,)))
        self.expand = Linear(checkpoint.layer(f"{name}.expand", (4 * width, width)))
        for leaf in ("gamma", "beta"):
            self.register_buffer(leaf, checkpoint.tensor(f"{name}.response", leaf, (1, 1, 1, 4 * width)).float())
        self.contract = Linear(checkpoint.layer(f"{name}.contract", (width, 4 * width)))

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, C], same shape out."""
        width = x.shape[-1]
        y = F.conv2d(x.permute(0, 3, 1, 2), self.depthwise.weight, self.depthwise.bias, padding=3, groups=width)
        y = F.gelu(self.expand(self.norm(y.permute(0, 2, 3, 1))))
        energy = torch.linalg.vector_norm(y, dim=(1, 2), keepdim=True)
        response = energy / (energy.mean(-1, keepdim=True) + EPS)
        change: Tensor = self.contract(torch.addcmul(self.beta, y, self.gamma * response + 1))
        return x + change


class MotionExtractor(nn.Module):
    """M: picture [B, 3, 256, 256] in 0..1 → one tensor a head, as wide as `names.HEADS` says."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage, (width, depth) in enumerate(zip(WIDTHS, CONVNEXT_DEPTHS, strict=True)):
            if stage == 0:
                layers.append(Strided(checkpoint.layer("stem", (width, 3, 4, 4))))
                layers.append(LayerNorm(checkpoint.layer("stem.norm", (width,))))
            else:
                narrow = WIDTHS[stage - 1]
                layers.append(LayerNorm(checkpoint.layer(f"down.{stage}.norm", (narrow,))))
                layers.append(Strided(checkpoint.layer(f"down.{stage}", (width, narrow, 2, 2))))
            layers += [Block(checkpoint, f"stage.{stage}.{block}", width) for block in range(depth)]
        self.trunk = nn.Sequential(*layers)
        self.norm = LayerNorm(checkpoint.layer("norm", WIDTHS[-1:]))
        self.heads = nn.ModuleDict(
            {head: Linear(checkpoint.layer(f"head.{head}", (outputs, WIDTHS[-1]))) for head, outputs in HEADS.items()}
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Raw heads: kp 63, scale 1, pitch, yaw and roll 66 logits each, t 3, exp 63; each [B, n]."""
        summary = self.norm(self.trunk(image.permute(0, 2, 3, 1)).mean((1, 2)))
        return {name: head(summary) for name, head in self.heads.items()}


def degrees(logits: Tensor) -> Tensor:
    """An angle from its 66 logits: the mean of 3° bins under their softmax (SPEC §3). [B, 66] → [B].

    3·Σ p·bin − 97.5 counted from the middle bin: the other way round small angles lose ten bits.
    """
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device) - MIDDLE_BIN
    return BIN_DEGREES * (logits.softmax(-1) * bins).sum(-1)
