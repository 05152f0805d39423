"""S, R_eye and R_lip: small perceptrons that correct keypoints (SPEC §7; LivePortrait §3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Checkpoint, LoadNetwork, read
from openportrait.engines.neural.layers import Linear
from openportrait.records import Floats, Ratios

WIDTHS = {
    "retarget_shoulder": (126, 128, 128, 64, 65),
    "retarget_eye": (66, 256, 256, 128, 128, 64, 63),
    "retarget_mouth": (65, 128, 128, 64, 63),
}
"""Channels of each perceptron's layers, from input to output (SPEC §7)."""


def perceptron(network: str, tensors: Mapping[str, Tensor]) -> nn.Sequential:
    """One of the three: linear layers with ReLU between them, [B, first width] → [B, last width]."""
    return read(network, tensors, partial(build_perceptron, network))


def build_perceptron(network: str, checkpoint: Checkpoint) -> nn.Sequential:
    """The same from an open checkpoint."""
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(WIDTHS[network])):
        layers += [nn.ReLU()] if i else []
        layers.append(Linear(checkpoint.layer(f"layer.{i}", (outputs, inputs))))
    return nn.Sequential(*layers)


class Retargeting:
    """The three corrections of SPEC §5 on keypoints (21, 3), crop units; on the CPU: a transfer would take longer."""

    def __init__(self, load: LoadNetwork) -> None:
        self._shoulder, self._eye, self._mouth = (
            perceptron(network, load(network)) for network in ("retarget_shoulder", "retarget_eye", "retarget_mouth")
        )

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """S: x_d + offsets, and one shift in the plane for all points."""
        found = _run(self._shoulder, x_s.ravel(), x_d.ravel())
        offsets, shift = found[: x_d.size], found[x_d.size :]
        return np.asarray(x_d + offsets.reshape(x_d.shape) + np.append(shift, 0), np.float64)

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        """R_eye: offsets."""
        return _run(self._eye, x_s.ravel(), [ratios.eye_left, ratios.eye_right, target]).reshape(x_s.shape)

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        """R_lip: offsets."""
        return _run(self._mouth, x_s.ravel(), [ratio, target]).reshape(x_s.shape)


@torch.inference_mode()
def _run(network: nn.Module, *parts: Floats | list[float]) -> Floats:
    """One perceptron on one joined input."""
    joined = torch.from_numpy(np.concatenate(parts).astype(np.float32))
    return np.asarray(network(joined).numpy(), np.float64)
