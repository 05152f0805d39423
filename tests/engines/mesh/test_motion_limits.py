"""Soft limits of the head's movement (stitching)."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.engines.mesh.shape.controls import stitched
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import pose, rigid_between
from openportrait.motion import angle_degrees, degrees_from_rotation, keypoints, rotation_from_degrees
from openportrait.records import Floats
from tests.engines.faces import made_motion
from tests.engines.gestures import Gesture, authored


def _points(gesture: Gesture | None = None, yaw_degrees: float = 0.0) -> Floats:
    return keypoints(authored(made_motion(yaw_degrees=yaw_degrees), gesture or Gesture()), mesh_layout())


def _turned(x: Floats, pitch: float, yaw: float, roll: float) -> Floats:
    """Turned about the head's own origin, so that nothing is shifted."""
    origin = pose(x).translation
    return (x - origin) @ rotation_from_degrees(pitch, yaw, roll) + origin


@pytest.mark.parametrize("yaw_degrees", [0.0, 30.0])
def test_a_face_that_does_not_move_stays(yaw_degrees: float) -> None:
    x_s = _points(yaw_degrees=yaw_degrees)
    np.testing.assert_allclose(stitched(x_s, x_s), x_s, atol=1e-12)


def test_small_movements_hardly_change_and_large_ones_end_at_thirty_eight_degrees() -> None:
    x_s = _points()
    angles = [
        angle_degrees(rigid_between(x_s, stitched(x_s, _turned(x_s, 0, 0, turn))).rotation) for turn in (3, 20, 60, 120)
    ]
    assert angles[0] == pytest.approx(3, abs=1e-6)
    assert angles[1] == pytest.approx(19 + 19 * np.tanh(1 / 19), abs=0.01)
    assert angles == sorted(angles)
    assert 37 < angles[3] < 38


def test_a_turned_face_comes_less_far_to_the_front_than_another_and_ends_short_of_a_profile() -> None:
    x_s = _points(yaw_degrees=35)
    frontal = degrees_from_rotation(rigid_between(x_s, stitched(x_s, _turned(x_s, 0, -25, 0))).rotation)
    away = degrees_from_rotation(rigid_between(x_s, stitched(x_s, _turned(x_s, 0, 25, 0))).rotation)
    # At 35° two thirds of the 38° are left: 12.35 + 12.35·tanh(12.65 / 12.35).
    assert frontal[1] == pytest.approx(-21.9, abs=0.1)
    # 17° more and it would be turned by 52°.
    assert away[1] == pytest.approx(8.5 + 8.5 * np.tanh(16.5 / 8.5), abs=0.5)


def test_a_shift_ends_at_eighteen_hundredths_of_the_crop() -> None:
    x_s = _points()
    small, large = (stitched(x_s, x_s + np.array([shift, 0.0, 0.0]))[0, 0] - x_s[0, 0] for shift in (0.02, 1.0))
    assert small == pytest.approx(0.02, abs=1e-9)
    assert large == pytest.approx(0.36, abs=1e-3)


def test_a_chin_does_not_leave_the_crop() -> None:
    x_s = _points()
    down, up = (stitched(x_s, x_s + np.array([0.0, shift, 0.0])) for shift in (1.0, -1.0))
    chin = x_s[:, 1].max()
    assert down[:, 1].max() == pytest.approx(chin + 0.6 * (1 - chin), abs=0.01)
    assert up[:, 1].max() == pytest.approx(chin - 0.36, abs=0.01)


def test_a_zoom_ends_at_a_quarter() -> None:
    x_s = _points()
    scales = [rigid_between(x_s, stitched(x_s, factor * x_s)).scale for factor in (0.2, 1.03, 3.0)]
    assert scales[0] == pytest.approx(0.8, abs=1e-3)
    assert scales[1] == pytest.approx(1.03, abs=3e-3)
    assert scales[2] == pytest.approx(1.25, abs=1e-3)


def test_a_head_does_not_grow_and_shrink_with_the_tremor_of_its_landmarks() -> None:
    x_s = _points()
    # At 0.008 half is believed, at 0.004 a fifth.
    for growth, believed in ((0.004, 0.0008), (-0.004, -0.0008), (0.008, 0.004)):
        moved = rigid_between(x_s, stitched(x_s, np.exp(growth) * x_s))
        assert np.log(moved.scale) == pytest.approx(believed, abs=1e-5)


def test_what_the_face_does_is_left_alone() -> None:
    x_s, x_d = _points(), _points(Gesture(jaw=1, blink_left=1, yaw_degrees=40, pitch_degrees=20))
    moved = stitched(x_s, x_d)
    before, after = rigid_between(x_s, x_d), rigid_between(x_s, moved)
    np.testing.assert_allclose(after.undo(moved), before.undo(x_d), atol=1e-9)
