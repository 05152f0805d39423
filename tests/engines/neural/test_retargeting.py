"""The corrections by the engine's own perceptrons: NumPy's numbers, and the reference's 219 stored cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.records import Floats, Ratios
from tests.motion.test_reference import check_every_stored_case
from tests.reference import recipe

torch = pytest.importorskip("torch")

from openportrait.engines.neural.retargeting import Retargeting  # noqa: E402
from tests.engines.neural.standins import stand_in_weights  # noqa: E402


def _by_numpy(network: str, values: Floats) -> Floats:
    weights = [value.numpy() for value in stand_in_weights(network).values()]
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        values = np.maximum(weight @ values + bias, 0)
    return np.asarray(weights[-2] @ values + weights[-1], np.float64)


def test_corrections_are_perceptrons_of_the_keypoints() -> None:
    retargeting = Retargeting(stand_in_weights)
    x_s, x_d = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 21, 3))
    found = _by_numpy("retarget_shoulder", np.concatenate((x_s.ravel(), x_d.ravel())))
    moved = x_d + found[:63].reshape(21, 3) + np.append(found[63:], 0)
    np.testing.assert_allclose(retargeting.stitch(x_s, x_d), moved, atol=1e-5)
    found = _by_numpy("retarget_eye", np.append(x_s.ravel(), (0.3, 0.2, 0.1)))
    np.testing.assert_allclose(retargeting.open_eyes(x_s, Ratios(0.3, 0.2, 0.5), 0.1).ravel(), found, atol=1e-5)
    found = _by_numpy("retarget_mouth", np.append(x_s.ravel(), (0.5, 0.1)))
    np.testing.assert_allclose(retargeting.open_lips(x_s, 0.5, 0.1).ravel(), found, atol=1e-5)


class _Corrector(Retargeting):
    layout = LIVEPORTRAIT_21


def test_every_stored_motion_case() -> None:
    def load(network: str) -> dict[str, Any]:
        return {key: torch.from_numpy(value) for key, value in recipe.small_corrections(network).items()}

    check_every_stored_case(_Corrector(load))
