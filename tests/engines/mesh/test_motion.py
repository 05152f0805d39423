"""The head's pose and what a face does, from landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import (
    EYE_CORNERS,
    canonical,
    crop_pixels,
    crop_units,
    fit,
    motion_of,
    pose_weights,
    rigid_between,
)
from openportrait.motion import angle_degrees, degrees_from_rotation, keypoints, rotation_from_degrees
from openportrait.records import Face, Floats
from tests.engines.faces import made_crop, made_motion
from tests.engines.gestures import Gesture, authored


def test_crop_units_run_from_edge_to_edge() -> None:
    corners = np.array([[-0.5, -0.5, 0.0], [3.5, 3.5, 2.0], [1.5, 1.5, -4.0]])
    np.testing.assert_allclose(crop_units(corners, 4), [[-1, -1, 0], [1, 1, 1], [0, 0, -2]])
    np.testing.assert_allclose(crop_pixels(crop_units(corners, 4), 4), corners)


def test_a_quarter_turn_is_found_as_the_written_matrix() -> None:
    # 90° about y of row vectors: x goes to −z, z goes to x.
    turn = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    points = canonical()
    found = fit(points, 2.5 * points @ turn + (1.0, -2.0, 3.0), pose_weights())
    np.testing.assert_allclose(found.rotation, turn, atol=1e-12)
    np.testing.assert_allclose(found.translation, (1, -2, 3), atol=1e-10)
    assert found.scale == pytest.approx(2.5)
    np.testing.assert_allclose(turn, rotation_from_degrees(0, 90, 0), atol=1e-12)


def test_a_mirrored_face_is_not_matched_by_a_reflection() -> None:
    found = fit(canonical(), canonical() * (-1.0, 1.0, -1.0), pose_weights())
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert found.scale > 0


def test_undo_is_the_inverse_of_apply() -> None:
    found = fit(canonical(), 0.3 * canonical() @ rotation_from_degrees(10, 20, 30) + 0.5, pose_weights())
    np.testing.assert_allclose(found.undo(found.apply(canonical())), canonical(), atol=1e-12)


@pytest.mark.parametrize("gesture", [Gesture(), Gesture(jaw=1, smile=0.5, blink_left=1), Gesture(yaw_degrees=25)])
def test_keypoints_of_a_motion_are_the_landmarks(gesture: Gesture) -> None:
    crop = made_crop(gesture)
    # Depth of landmarks has no fixed origin.
    shifted = crop.face.landmarks + np.array([0.0, 0.0, 12.0])
    motion = motion_of(Face(shifted), crop.size)
    found = crop_pixels(keypoints(motion, mesh_layout()), crop.size)
    np.testing.assert_allclose(found[:, :2], shifted[:, :2], atol=1e-9)
    np.testing.assert_allclose(np.ptp(found[:, 2] - shifted[:, 2]), 0, atol=1e-9)
    assert motion.translation[2] == 0
    np.testing.assert_array_equal(motion.canonical, canonical())


def test_the_pose_of_a_face_without_expression_is_exact() -> None:
    motion = made_motion(yaw_degrees=15)
    crop = made_crop(yaw_degrees=15)
    found = motion_of(crop.face, crop.size)
    np.testing.assert_allclose(degrees_from_rotation(found.rotation), (4, 15, -3), atol=1e-6)
    assert found.scale == pytest.approx(motion.scale)
    np.testing.assert_allclose(found.translation, motion.translation, atol=1e-9)
    np.testing.assert_allclose(found.expression, 0, atol=1e-8)


@pytest.mark.parametrize(
    ("gesture", "most_degrees"),
    [
        (Gesture(jaw=1), 0.01),
        (Gesture(smile=1), 0.1),
        (Gesture(blink_left=1, blink_right=1), 0.1),
        (Gesture(show_teeth=1), 0.01),
        # Brows take the forehead along, which is part of what the pose is read from.
        (Gesture(brow=1), 0.25),
    ],
)
def test_what_the_face_does_hardly_turns_the_head(gesture: Gesture, most_degrees: float) -> None:
    found = motion_of((crop := made_crop(gesture)).face, crop.size)
    assert angle_degrees(found.rotation @ made_motion().rotation.T) < most_degrees
    assert found.scale == pytest.approx(made_motion().scale, rel=2e-3)


def _points(gesture: Gesture) -> Floats:
    return keypoints(authored(made_motion(), gesture), mesh_layout())


def test_the_heads_movement_is_read_from_two_sets_of_keypoints() -> None:
    x_s = _points(Gesture())
    turn = rotation_from_degrees(5, -20, 8)
    moved = rigid_between(x_s, 1.1 * x_s @ turn + (0.1, 0.2, 0.0))
    np.testing.assert_allclose(moved.rotation, turn, atol=1e-12)
    np.testing.assert_allclose(moved.translation, (0.1, 0.2, 0.0), atol=1e-12)
    assert moved.scale == pytest.approx(1.1)


@pytest.mark.parametrize("gesture", [Gesture(jaw=1), Gesture(smile=1), Gesture(pucker=1), Gesture(brow=1)])
def test_expression_hardly_enters_the_heads_movement(gesture: Gesture) -> None:
    moved = rigid_between(_points(Gesture()), _points(gesture))
    assert angle_degrees(moved.rotation) < 0.25
    assert moved.scale == pytest.approx(1, abs=0.005)
    np.testing.assert_allclose(moved.translation, 0, atol=0.003)


@pytest.mark.parametrize("yaw_degrees", [0, 20])
def test_a_head_does_not_lean_with_its_forehead_while_its_eyes_are_level(yaw_degrees: float) -> None:
    x_s = _points(Gesture(yaw_degrees=yaw_degrees))
    forehead = np.setdiff1d(np.flatnonzero(pose_weights()), EYE_CORNERS)
    x_d = x_s.copy()
    x_d[forehead] = x_s[forehead] @ rotation_from_degrees(0, 0, 2.5)
    moved = rigid_between(x_s, x_d)
    assert abs(degrees_from_rotation(moved.rotation)[2]) < 0.3
