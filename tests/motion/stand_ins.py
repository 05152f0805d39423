"""The three retargeting networks with the reference's seeded weights, in plain NumPy."""

from __future__ import annotations

import numpy as np

from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.records import Floats, Ratios
from tests.reference import recipe


class StandInRetargeter:
    """What the corrections need of an engine, with the weights of the reference cases."""

    layout = LIVEPORTRAIT_21

    def __init__(self) -> None:
        self.networks = {
            name: [array.astype(np.float64) for array in recipe.small_corrections(name).values()]
            for name in ("retarget_shoulder", "retarget_eye", "retarget_mouth")
        }

    def _run(self, name: str, values: Floats) -> Floats:
        arrays = self.networks[name]
        for weight, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
            values = np.maximum(weight @ values + bias, 0)
        return np.asarray(arrays[-2] @ values + arrays[-1], np.float64)

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        out = self._run("retarget_shoulder", np.concatenate([x_s.ravel(), x_d.ravel()]))
        return np.asarray(x_d + out[:63].reshape(21, 3) + np.append(out[63:], 0.0), np.float64)

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        vector = np.concatenate([x_s.ravel(), [ratios.eye_left, ratios.eye_right, target]])
        return self._run("retarget_eye", vector).reshape(21, 3)

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        return self._run("retarget_mouth", np.concatenate([x_s.ravel(), [ratio, target]])).reshape(21, 3)
