"""Angles, matrices and keypoints against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.motion import angle_degrees, degrees_from_rotation, keypoints, rotation_from_degrees
from tests.motion.faces import CAMERA, HEAD, motion


@pytest.mark.parametrize(
    ("degrees", "of_x", "of_y", "of_z"),
    [
        ((90, 0, 0), (1, 0, 0), (0, 0, 1), (0, -1, 0)),
        ((0, 90, 0), (0, 0, -1), (0, 1, 0), (1, 0, 0)),
        ((0, 0, 90), (0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ],
)
def test_a_quarter_turn_about_each_axis(
    degrees: tuple[float, float, float],
    of_x: tuple[float, float, float],
    of_y: tuple[float, float, float],
    of_z: tuple[float, float, float],
) -> None:
    np.testing.assert_allclose(np.eye(3) @ rotation_from_degrees(*degrees), [of_x, of_y, of_z], atol=1e-12)


def test_pitch_comes_first_then_yaw_then_roll() -> None:
    # y is carried to z by the pitch, then to x by the yaw, then to y by the roll.
    np.testing.assert_allclose([0, 1, 0] @ rotation_from_degrees(90, 90, 90), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose([0, 1, 0] @ rotation_from_degrees(90, 90, 0), [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (10, -20, 30), (-100, 80, 170), (25, -89, -60)])
def test_angles_come_back(degrees: tuple[float, float, float]) -> None:
    assert degrees_from_rotation(rotation_from_degrees(*degrees)) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize("yaw", [90, -90])
def test_angles_of_a_profile_give_the_same_matrix(yaw: float) -> None:
    rotation = rotation_from_degrees(20, yaw, 35)
    np.testing.assert_allclose(rotation_from_degrees(*degrees_from_rotation(rotation)), rotation, atol=1e-7)


def test_angle_of_a_turn() -> None:
    assert angle_degrees(rotation_from_degrees(0, -30, 0)) == pytest.approx(30)
    assert angle_degrees(np.eye(3)) == 0


def test_expression_turns_with_the_head_only_where_the_layout_says_so() -> None:
    turned = motion(
        expression=np.array([[1.0, 0, 0]] * 3),
        rotation=rotation_from_degrees(0, 0, 90),
        scale=2.0,
        translation=np.array([0.1, 0.2, 0.3]),
    )
    # Row 1 of the canonical face is (0, 0.5, 0): a roll of 90° makes it (−0.5, 0, 0).
    np.testing.assert_allclose(keypoints(turned, CAMERA)[1], [2 * (-0.5 + 1) + 0.1, 0.2, 0], atol=1e-12)
    np.testing.assert_allclose(keypoints(turned, HEAD)[1], [2 * -0.5 + 0.1, 2 * 1 + 0.2, 0], atol=1e-12)
