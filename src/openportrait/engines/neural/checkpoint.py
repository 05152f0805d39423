"""Reads an official checkpoint as a checked contract, folding what is constant at inference.

Spectral normalization and BatchNorm become part of the convolutions before them, in float64. A key
that is missing, left over or of another shape is a WeightsError that names it.

Our layer names stand in one table a network (SPEC §7, §8). A name stands for a prefix: `stem` → `first.conv` reads
`first.conv.weight` and `first.conv.bias`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from openportrait.errors import WeightsError

CONVNEXT_DEPTHS = (3, 3, 9, 3)
"""Blocks in the four stages of ConvNeXt V2 tiny."""

HEADS = {"kp": 63, "scale": 1, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63}
"""Output width of each linear head of the motion extractor."""

_APPEARANCE = {
    "stem": "first.conv",
    "stem.norm": "first.norm",
    "to_volume": "second",
    **{f"down.{i}": f"down_blocks.{i}.conv" for i in range(2)},
    **{f"down.{i}.norm": f"down_blocks.{i}.norm" for i in range(2)},
    **{
        f"residual.{i}.{part}": f"resblocks_3d.3dr{i}.{part}"
        for i in range(6)
        for part in ("norm1", "conv1", "norm2", "conv2")
    },
}

_CONVNEXT_BLOCK = {
    "depthwise": "dwconv",
    "norm": "norm",
    "expand": "pwconv1",
    "response": "grn",
    "contract": "pwconv2",
}

_MOTION = {
    "stem": "detector.downsample_layers.0.0",
    "stem.norm": "detector.downsample_layers.0.1",
    **{f"down.{i}.norm": f"detector.downsample_layers.{i}.0" for i in (1, 2, 3)},
    **{f"down.{i}": f"detector.downsample_layers.{i}.1" for i in (1, 2, 3)},
    **{
        f"stage.{stage}.{block}.{ours}": f"detector.stages.{stage}.{block}.{theirs}"
        for stage, depth in enumerate(CONVNEXT_DEPTHS)
        for block in range(depth)
        for ours, theirs in _CONVNEXT_BLOCK.items()
    },
    "norm": "detector.norm",
    **{f"head.{head}": f"detector.fc_{head}" for head in HEADS},
}

_DENSE = "dense_motion_network"
"""Prefix of the names of the network that computes the warp."""

_WARPING = {
    "compress": f"{_DENSE}.compress",
    "compress.norm": f"{_DENSE}.norm",
    **{f"down.{i}": f"{_DENSE}.hourglass.encoder.down_blocks.{i}.conv" for i in range(5)},
    **{f"down.{i}.norm": f"{_DENSE}.hourglass.encoder.down_blocks.{i}.norm" for i in range(5)},
    **{f"up.{i}": f"{_DENSE}.hourglass.decoder.up_blocks.{i}.conv" for i in range(5)},
    **{f"up.{i}.norm": f"{_DENSE}.hourglass.decoder.up_blocks.{i}.norm" for i in range(5)},
    "merge": f"{_DENSE}.hourglass.decoder.conv",
    "merge.norm": f"{_DENSE}.hourglass.decoder.norm",
    "mask": f"{_DENSE}.mask",
    "occlusion": f"{_DENSE}.occlusion",
    "flatten": "third.conv",
    "flatten.norm": "third.norm",
    "out": "fourth",
}

_SPADE_BLOCK = {
    **{f"conv{i}": f"conv_{i}" for i in "01s"},
    **{f"spade{i}.shared": f"norm_{i}.mlp_shared.0" for i in "01s"},
    **{f"spade{i}.gamma": f"norm_{i}.mlp_gamma" for i in "01s"},
    **{f"spade{i}.beta": f"norm_{i}.mlp_beta" for i in "01s"},
}

_DECODER = {
    "widen": "fc",
    **{f"middle.{i}.{ours}": f"G_middle_{i}.{theirs}" for i in range(6) for ours, theirs in _SPADE_BLOCK.items()},
    **{f"up.{i}.{ours}": f"up_{i}.{theirs}" for i in range(2) for ours, theirs in _SPADE_BLOCK.items()},
    "to_pixels": "conv_img.0",
}

_PERCEPTRON = {f"layer.{i}": f"mlp.{2 * i}" for i in range(6)}

OFFICIAL_NAMES: dict[str, dict[str, str]] = {
    "appearance_feature_extractor": _APPEARANCE,
    "motion_extractor": _MOTION,
    "warping_module": _WARPING,
    "spade_generator": _DECODER,
    "retarget_shoulder": _PERCEPTRON,
    "retarget_eye": _PERCEPTRON,
    "retarget_mouth": _PERCEPTRON,
}


# The checkpoint


BATCH_NORM_EPS = 1e-5
"""Added to variances (SPEC §7)."""

Network = TypeVar("Network")
LoadNetwork = Callable[[str], Mapping[str, Tensor]]
"""Name of a network → its official state dict."""


class Affine(NamedTuple):
    """Weight and bias of one layer, float64."""

    weight: Tensor
    bias: Tensor


class Checkpoint:
    """The tensors of one network, asked for by our layer names (see `names.py`)."""

    def __init__(self, network: str, tensors: Mapping[str, Tensor]) -> None:
        self._network = network
        self._tensors = tensors
        self._names = OFFICIAL_NAMES[network]
        self._unread = set(tensors)

    def tensor(self, layer: str, leaf: str, shape: tuple[int, ...]) -> Tensor:
        """One tensor in float64; `layer` by our name, `leaf` as weight or running_mean."""
        key = f"{self._names[layer]}.{leaf}"
        if key not in self._tensors:
            raise WeightsError(f"{self._network}: {key} is missing; the file is not this network's, fetch it again")
        found = self._tensors[key]
        if tuple(found.shape) != shape:
            raise WeightsError(
                f"{self._network}: {key} has the shape {tuple(found.shape)} instead of {shape}; "
                "the file is another version of this network"
            )
        if not torch.isfinite(found.sum(dtype=torch.float64)):
            raise WeightsError(f"{self._network}: {key} holds values that are no numbers; fetch the file again")
        self._unread.discard(key)
        return found.to("cpu", torch.float64)

    def layer(self, name: str, shape: tuple[int, ...], *, norm: str = "") -> Affine:
        """Weight of `shape` (outputs first) and bias, with the BatchNorm `norm` after it folded in."""
        weight, bias = self.tensor(name, "weight", shape), self.tensor(name, "bias", shape[:1])
        if norm:
            scale, shift = self.batch_norm(norm, shape[0])
            weight, bias = weight * scale.view(-1, *[1] * (len(shape) - 1)), bias * scale + shift
        return Affine(weight, bias)

    def spectral(self, name: str, shape: tuple[int, ...], *, bias: bool = True) -> Affine:
        """A spectrally normalized layer: weight_orig / (uᵀ W v), W the weight as (outputs, rest)."""
        weight = self.tensor(name, "weight_orig", shape)
        matrix = weight.flatten(1)
        u = self.tensor(name, "weight_u", (matrix.shape[0],))
        v = self.tensor(name, "weight_v", (matrix.shape[1],))
        sigma = u @ matrix @ v
        if sigma == 0:
            raise WeightsError(f"{self._network}: {name} has a spectral norm of zero; fetch the file again")
        return Affine(weight / sigma, self.tensor(name, "bias", shape[:1]) if bias else weight.new_zeros(shape[0]))

    def batch_norm(self, name: str, channels: int) -> Affine:
        """Scale and shift of a BatchNorm in inference mode."""
        shape = (channels,)
        mean, variance = self.tensor(name, "running_mean", shape), self.tensor(name, "running_var", shape)
        self._unread.discard(f"{self._names[name]}.num_batches_tracked")
        scale = self.tensor(name, "weight", shape) / torch.sqrt(variance + BATCH_NORM_EPS)
        return Affine(scale, self.tensor(name, "bias", shape) - mean * scale)

    def close(self) -> None:
        """Raise WeightsError when a tensor was not asked for."""
        if self._unread:
            first = min(self._unread)
            raise WeightsError(
                f"{self._network}: {first} is unexpected ({len(self._unread)} such); "
                "the file is not this network's, or another version of it"
            )


def read(network: str, tensors: Mapping[str, Tensor], build: Callable[[Checkpoint], Network]) -> Network:
    """Build one network from its official state dict, strictly."""
    checkpoint = Checkpoint(network, tensors)
    built = build(checkpoint)
    checkpoint.close()
    return built
