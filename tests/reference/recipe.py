"""Seeded stand-in weights and inputs for the reference outputs in this folder.

A network is checked without its trained weights: fill it with the numbers that `weights(...)` derives from its
parameter names and shapes, feed it the inputs that `inputs()` derives from a seed, and compare with the stored
outputs, which the original implementation produced from the same weights and inputs (PyTorch 2.13, CPU, float32).
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference import REFERENCE

Array = NDArray[Any]


def rng_for(name: str) -> np.random.Generator:
    """One independent generator a name, so that order never matters."""
    return np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), 0]))


def weights(network: str) -> dict[str, Array]:
    """float32 arrays for every key of `network` in state_dict.json, in its order."""
    shapes = json.loads((REFERENCE / "state_dict.json").read_text())[network]
    out: dict[str, Array] = {}
    for key, shape in shapes.items():
        g = rng_for(f"{network}/{key}")
        leaf = key.rsplit(".", 1)[-1]
        if leaf == "num_batches_tracked":
            out[key] = np.zeros(shape, np.int64)
        elif leaf == "running_var":
            out[key] = g.uniform(0.5, 1.5, shape).astype(np.float32)
        elif leaf == "running_mean":
            out[key] = (0.1 * g.standard_normal(shape)).astype(np.float32)
        elif leaf == "bias" or leaf in ("gamma", "beta"):
            out[key] = (0.05 * g.standard_normal(shape)).astype(np.float32)
        elif leaf in ("weight", "weight_orig") and len(shape) > 1:
            fan_in = int(np.prod(shape[1:]))
            out[key] = (g.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)
        elif leaf == "weight":  # scale of a normalization layer
            out[key] = (1.0 + 0.1 * g.standard_normal(shape)).astype(np.float32)
        elif leaf in ("weight_u", "weight_v"):
            out[key] = np.zeros(shape, np.float32)  # filled in below
        else:
            raise KeyError(key)
    for key in out:  # the two singular vectors of each spectrally normalized weight
        if key.endswith("weight_u"):
            stem = key[: -len("weight_u")]
            w = out[stem + "weight_orig"].reshape(out[stem + "weight_orig"].shape[0], -1)
            w = w.astype(np.float64)
            u = rng_for(f"{network}/{key}").standard_normal(w.shape[0])
            for _ in range(8):
                v = w.T @ u
                v /= np.linalg.norm(v)
                u = w @ v
                u /= np.linalg.norm(u)
            out[key] = u.astype(np.float32)
            out[stem + "weight_v"] = v.astype(np.float32)
    return out


def small_corrections(network: str) -> dict[str, Array]:
    """The weights of a perceptron as in the motion cases: its last layer is small, as corrections are."""
    out = weights(network)
    for key in list(out)[-2:]:
        out[key] = out[key] * np.float32(0.01)
    return out


def inputs() -> dict[str, Array]:
    """Network inputs: image [1,3,256,256] in 0..1; keypoints [1,21,3]; a feature volume
    [1,32,16,64,64]; a decoder input [1,256,64,64]; stitching and retargeting vectors."""
    g = rng_for("inputs")
    low = g.uniform(0, 1, (1, 3, 16, 16))
    image = np.kron(low, np.ones((16, 16))) * 0.8 + 0.2 * g.uniform(0, 1, (1, 3, 256, 256))
    kp_source = g.uniform(-0.8, 0.8, (1, 21, 3))
    kp_driving = kp_source + 0.08 * g.standard_normal((1, 21, 3))
    return {
        "image": image.astype(np.float32),
        "kp_source": kp_source.astype(np.float32),
        "kp_driving": kp_driving.astype(np.float32),
        "feature_3d": (0.5 * g.standard_normal((1, 32, 16, 64, 64))).astype(np.float32),
        "decoder_in": (0.5 * g.standard_normal((1, 256, 64, 64))).astype(np.float32),
        "stitching_in": g.standard_normal((4, 126)).astype(np.float32),
        "eye_in": g.standard_normal((4, 66)).astype(np.float32),
        "lip_in": g.standard_normal((4, 65)).astype(np.float32),
    }


def probe(array: Array, name: str, count: int = 4096) -> tuple[Array, Array]:
    """(flat indices, values): the places of a large output that are stored and compared."""
    flat = np.asarray(array).reshape(-1)
    count = min(count, flat.size)
    index = np.sort(rng_for(f"probe/{name}").choice(flat.size, count, replace=False))
    return index, flat[index]
