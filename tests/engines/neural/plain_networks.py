"""The reference implementation: networks of SPEC §7 written straight from its text, as PyTorch runs them unaltered.

It is float32, eager, one frame at a time, with nothing folded or cached, and shares no code with the product; the
benchmarks compare with it too. State dicts have the official keys.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def _conv(state: State, key: str, x: Tensor, padding: int = 1) -> Tensor:
    if f"{key}.weight_orig" in state:
        matrix = state[f"{key}.weight_orig"]
        weight = matrix / torch.dot(state[f"{key}.weight_u"], matrix.flatten(1) @ state[f"{key}.weight_v"])
    else:
        weight = state[f"{key}.weight"]
    convolve = F.conv2d if weight.ndim == 4 else F.conv3d
    return convolve(x, weight, state.get(f"{key}.bias"), padding=padding)


def _norm(state: State, key: str, x: Tensor) -> Tensor:
    mean, variance = state[f"{key}.running_mean"], state[f"{key}.running_var"]
    return F.batch_norm(x, mean, variance, state[f"{key}.weight"], state[f"{key}.bias"])


def _block(state: State, key: str, x: Tensor) -> Tensor:
    return F.relu(_norm(state, f"{key}.norm", _conv(state, f"{key}.conv", x)))


def appearance(state: State, image: Tensor) -> Tensor:
    """F: [B, 3, 256, 256] → [B, 32, 16, 64, 64]."""
    x = _block(state, "first", image)
    for i in range(2):
        x = F.avg_pool2d(_block(state, f"down_blocks.{i}", x), 2)
    x = _conv(state, "second", x, 0).view(-1, 32, 16, 64, 64)
    for i in range(6):
        key = f"resblocks_3d.3dr{i}"
        y = _conv(state, f"{key}.conv1", F.relu(_norm(state, f"{key}.norm1", x)))
        x = x + _conv(state, f"{key}.conv2", F.relu(_norm(state, f"{key}.norm2", y)))
    return x


def grid(device: torch.device) -> Tensor:
    """(16, 64, 64, 3) coordinate of each cell as x, y, z: −1..1 from the first centre to the last."""
    z, y, x = (2 * torch.arange(n, device=device, dtype=torch.float32) / (n - 1) - 1 for n in (16, 64, 64))
    z, y, x = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack((x, y, z), -1)


def warp(state: State, volume: Tensor, x_d: Tensor, x_s: Tensor) -> Tensor:
    """W: [B, 32, 16, 64, 64], keypoints [B, 21, 3] of driving and source → [B, 256, 64, 64]."""
    dense = "dense_motion_network"
    batch = len(volume)
    still = grid(volume.device)
    moved = still - x_d.view(batch, 21, 1, 1, 1, 3) + x_s.view(batch, 21, 1, 1, 1, 3)
    fields = torch.cat((still.expand(batch, 1, 16, 64, 64, 3), moved), 1)
    compressed = F.relu(_norm(state, f"{dense}.norm", _conv(state, f"{dense}.compress", volume, 0)))
    repeated = compressed[:, None].expand(-1, 22, -1, -1, -1, -1).reshape(batch * 22, 4, 16, 64, 64)
    sampled = F.grid_sample(repeated, fields.view(batch * 22, 16, 64, 64, 3), align_corners=False)
    heat = [torch.exp(-0.5 * ((still - x.view(batch, 21, 1, 1, 1, 3)) ** 2).sum(-1) / 0.01) for x in (x_d, x_s)]
    heatmap = F.pad(heat[0] - heat[1], (0, 0, 0, 0, 0, 0, 1, 0))
    x = torch.cat((heatmap[:, :, None], sampled.view(batch, 22, 4, 16, 64, 64)), 2).view(batch, 110, 16, 64, 64)
    skips = [x]
    for i in range(5):
        skips.append(F.avg_pool3d(_block(state, f"{dense}.hourglass.encoder.down_blocks.{i}", skips[-1]), (1, 2, 2)))
    x = skips.pop()
    for i in range(5):
        x = F.interpolate(x, scale_factor=(1, 2, 2))
        x = torch.cat((_block(state, f"{dense}.hourglass.decoder.up_blocks.{i}", x), skips.pop()), 1)
    x = _block(state, f"{dense}.hourglass.decoder", x)
    mask = _conv(state, f"{dense}.mask", x, 3).softmax(1)
    deformation = (fields * mask[..., None]).sum(1)
    occlusion = torch.sigmoid(_conv(state, f"{dense}.occlusion", x.flatten(1, 2), 3))
    y = F.grid_sample(volume, deformation, align_corners=False).flatten(1, 2)
    y = F.leaky_relu(_norm(state, "third.norm", _conv(state, "third.conv", y)), 0.01)
    return _conv(state, "fourth", y, 0) * occlusion


def _spade(state: State, key: str, x: Tensor, seg: Tensor) -> Tensor:
    seg = F.interpolate(seg, size=x.shape[2:])
    hidden = F.relu(_conv(state, f"{key}.mlp_shared.0", seg))
    gamma, beta = _conv(state, f"{key}.mlp_gamma", hidden), _conv(state, f"{key}.mlp_beta", hidden)
    return F.instance_norm(x) * (1 + gamma) + beta


def decode(state: State, seg: Tensor) -> Tensor:
    """G: [B, 256, 64, 64] → picture [B, 3, 512, 512] in 0..1."""
    x = _conv(state, "fc", seg)
    for name in (*(f"G_middle_{i}" for i in range(6)), "up_0", "up_1"):
        if name.startswith("up"):
            x = F.interpolate(x, scale_factor=2)
        skip = x
        if f"{name}.conv_s.weight_orig" in state:
            skip = _conv(state, f"{name}.conv_s", _spade(state, f"{name}.norm_s", x, seg), 0)
        for i in range(2):
            x = _conv(state, f"{name}.conv_{i}", F.leaky_relu(_spade(state, f"{name}.norm_{i}", x, seg), 0.2))
        x = skip + x
    return torch.sigmoid(F.pixel_shuffle(_conv(state, "conv_img.0", F.leaky_relu(x, 0.2)), 2))
