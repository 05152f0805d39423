"""Packed motions: small, and true to what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.motion import PackedMotions
from openportrait.records import Motion


def mesh(i: int, canonical: np.ndarray) -> Motion:
    expression = np.random.default_rng(i).normal(0, 0.3, (478, 3))
    return Motion(np.eye(3), expression, 0.1 + i / 1000, np.array([0.1, 0.2, 0.0]), canonical)


def test_a_mesh_takes_three_kilobytes_a_frame() -> None:
    canonical = np.random.default_rng(9).uniform(-9, 9, (478, 3))
    packed = PackedMotions(mesh(i, canonical.copy()) for i in range(10))
    held = sum(array.nbytes for array in packed.expressions) + sum(array.nbytes for array in packed.poses)
    held += sum(array.nbytes for array in {id(array): array for array in packed.canonicals}.values())
    assert held < 10 * 3000 + 478 * 3 * 4
    for i, motion in enumerate(packed):
        np.testing.assert_allclose(motion.expression, mesh(i, canonical).expression, atol=18 / 8192 / 2 * 1.01)
        assert motion.scale == pytest.approx(0.1 + i / 1000)
    assert len(packed[2:5]) == 3 and packed[-1].scale == pytest.approx(0.109)
    with pytest.raises(IndexError):
        packed[10]


def test_wild_values_stop_at_the_last_step() -> None:
    canonical = np.tile(np.linspace(-1, 1, 100)[:, None], 3)
    packed = PackedMotions([Motion(np.eye(3), np.full((100, 3), 1e9), 1.0, np.zeros(3), canonical)])
    assert packed[0].expression[0, 0] == pytest.approx(8, rel=1e-3)
