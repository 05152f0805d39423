"""S, R_eye and R_lip: small perceptrons that correct keypoints (SPEC §7; LivePortrait §3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Checkpoint, read
from openportrait.engines.neural.layers import Linear

WIDTHS = {
    "retarget_shoulder": (126, 128, 128, 64, 65),
    "retarget_eye": (66, 256, 256, 128, 128, 64, 63),
    "retarget_mouth": (65, 128, 128, 64, 63),
}


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
