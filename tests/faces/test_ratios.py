"""Openness of eyes and lips, by hand, against the references and on faces."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.faces import ratios, ratios_203
from openportrait.records import Face
from tests.reference import REFERENCE


def test_written_distances() -> None:
    points = np.zeros((478, 3))
    points[[33, 133]] = [[0, 0, 9], [10, 0, -9]]
    points[[159, 145]] = [[5, -2, 0], [5, 2, 0]]
    points[[362, 263]] = [[20, 0, 0], [20, 20, 0]]
    points[[386, 374]] = [[19, 10, 0], [21, 10, 0]]
    points[[61, 291]] = [[0, 50, 0], [40, 50, 0]]
    points[[13, 14]] = [[20, 40, 0], [20, 60, 0]]
    found = ratios(Face(points))
    assert found.eye_left == pytest.approx(0.4)
    assert found.eye_right == pytest.approx(0.1)
    assert found.lip == pytest.approx(0.5)


def test_the_203_point_references() -> None:
    data = np.load(REFERENCE / "crop_cases.npz")
    for points, eyes, lip in zip(data["ratio/landmarks"], data["ratio/eye"], data["ratio/lip"], strict=True):
        found = ratios_203(points)
        assert (found.eye_left, found.eye_right) == pytest.approx(tuple(eyes), rel=1e-6)
        assert found.lip == pytest.approx(lip[0], rel=1e-6)


def test_a_face_at_rest(officer_face: Face) -> None:
    found = ratios(officer_face)
    assert 0.15 < found.eye_left < 0.5
    assert 0.15 < found.eye_right < 0.5
    assert found.lip < 0.4
