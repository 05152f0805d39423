"""Reads an official checkpoint as a checked contract, folding what is constant at inference.

Spectral normalization and BatchNorm become part of the convolutions before them, in float64. A key
that is missing, left over or of another shape is a WeightsError that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from openportrait.engines.neural.names import OFFICIAL_NAMES
from openportrait.errors import WeightsError

BATCH_NORM_EPS = 1e-5

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
