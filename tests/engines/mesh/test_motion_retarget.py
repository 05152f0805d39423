"""Eyes and lips brought to a wanted openness."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.engines.mesh.shape.controls import eye_offsets, lip_offsets
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER
from openportrait.faces import ratios
from openportrait.motion import keypoints
from openportrait.records import Face, Floats, Ratios
from tests.engines.faces import made_motion
from tests.engines.gestures import Gesture, authored


def _points(gesture: Gesture | None = None, yaw_degrees: float = 10.0) -> Floats:
    return keypoints(authored(made_motion(yaw_degrees=yaw_degrees), gesture or Gesture()), mesh_layout())


def _ratios(x: Floats) -> Ratios:
    return ratios(Face(x))


@pytest.mark.parametrize("target", [0.2, 0.25, 0.35])
def test_eyes_reach_their_target(target: float) -> None:
    x_s = _points(Gesture(blink_right=0.1))
    reached = _ratios(x_s + eye_offsets(x_s, _ratios(x_s), target))
    assert reached.eye_left == pytest.approx(target, abs=1e-3)
    assert reached.eye_right == pytest.approx(target, abs=1e-3)


def test_eyes_open_with_the_target_and_shut_at_none() -> None:
    x_s = _points()
    reached = [
        _ratios(x_s + eye_offsets(x_s, _ratios(x_s), target)).eye_left for target in (0, 0.1, 0.15, 0.2, 0.3, 0.4)
    ]
    assert reached[0] == pytest.approx(0, abs=1e-9)
    assert reached == sorted(reached)


@pytest.mark.parametrize("gesture", [Gesture(), Gesture(jaw=0.7), Gesture(show_teeth=1, smile=0.5)])
@pytest.mark.parametrize("target", [0.02, 0.1, 0.3, 0.5])
def test_lips_reach_their_target(gesture: Gesture, target: float) -> None:
    x_s = _points(gesture)
    reached = _ratios(x_s + lip_offsets(x_s, _ratios(x_s).lip, target))
    if target < _ratios(_points()).lip:
        assert reached.lip <= _ratios(_points()).lip
    else:
        assert reached.lip == pytest.approx(target, abs=1e-3)


def test_a_mouth_that_shows_teeth_is_shut_along_its_whole_length() -> None:
    x_s = _points(Gesture(show_teeth=1, jaw=0.5, smile=0.6), yaw_degrees=0)
    shut = x_s + lip_offsets(x_s, _ratios(x_s).lip, 0.0)
    width = np.linalg.norm(shut[78] - shut[308])
    assert np.abs(shut[INNER_LOWER] - shut[INNER_UPPER])[:, 1].max() < 0.02 * width


def test_a_target_that_is_the_own_ratio_changes_nothing() -> None:
    x_s = _points(Gesture(jaw=0.4))
    own = _ratios(x_s)
    assert not lip_offsets(x_s, own.lip, own.lip).any()
    np.testing.assert_allclose(eye_offsets(x_s, Ratios(0.3, 0.3, own.lip), 0.3), 0, atol=1e-12)


def test_lips_leave_the_upper_face_alone_and_eyes_the_lower() -> None:
    x_s = _points()
    brow, lip = 105, 13
    assert not lip_offsets(x_s, 0.1, 0.5)[brow].any()
    assert not eye_offsets(x_s, Ratios(0.3, 0.3, 0.1), 0.0)[lip].any()
