"""Seeded stand-ins for the published weights, with the official names and shapes, or narrower ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from openportrait.engines.neural import generator, warping
from openportrait.engines.neural.checkpoint import OFFICIAL_NAMES, Checkpoint
from openportrait.engines.neural.engine import NeuralEngine
from openportrait.engines.neural.extractors import AppearanceExtractor, MotionExtractor
from openportrait.engines.neural.generator import Decoder
from openportrait.engines.neural.retargeting import build_perceptron
from openportrait.engines.neural.warping import Warping

BUILDERS: dict[str, Callable[[Checkpoint], Any]] = {
    "appearance_feature_extractor": AppearanceExtractor,
    "motion_extractor": MotionExtractor,
    "warping_module": Warping,
    "spade_generator": Decoder,
    **{name: partial(build_perceptron, name) for name in ("retarget_shoulder", "retarget_eye", "retarget_mouth")},
}


class _Inventor(Checkpoint):
    """A checkpoint that makes each tensor when it is first asked for."""

    def __init__(self, network: str) -> None:
        super().__init__(network, {})
        self.network = network
        self.made: dict[str, Tensor] = {}

    def tensor(self, layer: str, leaf: str, shape: tuple[int, ...]) -> Tensor:
        prefix = OFFICIAL_NAMES[self.network][layer]
        key = f"{prefix}.{leaf}"
        if leaf == "running_mean":
            self.made[f"{prefix}.num_batches_tracked"] = torch.zeros((), dtype=torch.long)
        if leaf in ("weight_u", "weight_v"):
            self.made[key] = self._singular(self.made[f"{prefix}.weight_orig"].flatten(1).numpy(), leaf)
        elif key not in self.made:
            self.made[key] = torch.from_numpy(self._values(layer, leaf, shape).astype(np.float32))
        return self.made[key].double()

    def _values(self, layer: str, leaf: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        noise = np.random.default_rng(zlib.crc32(f"{self.network}/{layer}/{leaf}".encode())).standard_normal(shape)
        if leaf == "running_var":
            return 1 + 0.3 * np.tanh(noise)
        if leaf.startswith("weight") and len(shape) > 1:
            gain = 0.2 if layer.startswith("head") else 1.0
            return noise * (gain * float(np.sqrt(2 / np.prod(shape[1:]))))
        if leaf == "weight":
            return 1 + 0.1 * noise
        if layer == "head.scale":
            return np.full(shape, 1.4)
        return (0.3 if layer == "head.kp" else 0.05) * noise

    @staticmethod
    def _singular(matrix: np.ndarray[Any, Any], leaf: str) -> Tensor:
        u = np.ones(len(matrix))
        for _ in range(8):
            v = matrix.T @ u
            v /= np.linalg.norm(v)
            u = matrix @ v
            u /= np.linalg.norm(u)
        return torch.from_numpy((u if leaf == "weight_u" else v).astype(np.float32))


NARROW = {
    (generator, "HIDDEN"): 32,
    (generator, "WIDTHS"): (128, 64, 16),
    (warping, "DOWN"): (warping.FIELD_CHANNELS, 16, 32, 64, 128, 256),
    (warping, "UP"): (256, 128, 64, 32, 16, warping.UP[-1]),
}


@contextmanager
def narrow_networks() -> Iterator[None]:
    """W and G with a quarter of the published channels, in a tenth of the time: every step and shape between the
    networks is the same. What is told of the published files themselves is tested at full size."""
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), narrow in NARROW.items():
            patch.setattr(module, name, narrow)
        yield


def stand_in_weights(network: str) -> dict[str, Tensor]:
    """The official state dict of one network, as wide as the networks are now, filled with seeded numbers."""
    return _made(network, tuple(getattr(module, name) for module, name in NARROW))


@cache
def _made(network: str, widths: tuple[object, ...]) -> dict[str, Tensor]:
    inventor = _Inventor(network)
    BUILDERS[network](inventor)
    return inventor.made


def stand_in_engine(dtype: torch.dtype = torch.float32) -> NeuralEngine:
    """The neural engine on the CPU with stand-in weights."""
    return NeuralEngine(stand_in_weights, torch.device("cpu"), dtype)


def write_official_layout(folder: Path) -> Path:
    """The stand-ins as the released project's `pretrained_weights` folder (SPEC §8)."""
    models = {
        f"liveportrait/base_models/{name}.pth": stand_in_weights(name)
        for name in ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")
    }
    parts = {name: stand_in_weights(name) for name in ("retarget_shoulder", "retarget_mouth", "retarget_eye")}
    for name, content in {
        **models,
        "liveportrait/retargeting_models/stitching_retargeting_module.pth": parts,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)
    return folder
