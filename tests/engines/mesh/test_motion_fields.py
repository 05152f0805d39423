"""Authored movements and the editor's sliders do what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.engines.mesh.shape import movements
from openportrait.engines.mesh.shape.controls import edited
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.movements import fields
from openportrait.engines.mesh.shape.points import IRISES, canonical
from openportrait.motion import degrees_from_rotation, keypoints
from openportrait.records import FaceEdit, Floats
from tests.engines.faces import made_motion
from tests.engines.gestures import Gesture, authored

CORNER_LEFT, CORNER_RIGHT, UPPER_LIP, LOWER_LIP, CHIN, NOSE, BROW_LEFT, BROW_RIGHT = 61, 291, 13, 14, 152, 4, 105, 334


def _moved(gesture: Gesture) -> Floats:
    return authored(made_motion(), gesture).expression


def test_the_jaw_turns_fourteen_degrees_about_its_hinge() -> None:
    jaw = fields().jaw
    # By hand: the chin (9.40, −4.26) lies (9.90, −5.76) from the hinge; turned, it drops 9.90·cos + 5.76·sin − 9.90.
    drop = 9.9034 * np.cos(np.radians(14)) + 5.7645 * np.sin(np.radians(14)) - 9.9034
    assert jaw[CHIN, 1] == pytest.approx(drop, abs=1e-3)
    assert jaw[LOWER_LIP, 1] > 1.4
    assert -0.2 < jaw[UPPER_LIP, 1] <= 0
    assert abs(jaw[NOSE]).max() == 0


def test_fields_are_the_same_on_both_sides() -> None:
    for name, field in vars(fields()).items():
        left, right = field[[CORNER_LEFT, BROW_LEFT, 205]], field[[CORNER_RIGHT, BROW_RIGHT, 425]]
        mirror = (1.0, 1.0, 1.0) if name == "mouth_side" else (-1.0, 1.0, 1.0)
        np.testing.assert_allclose(left, right * mirror, atol=1e-6)
        assert not field[IRISES].any()


def test_gestures_move_what_they_are_called_after() -> None:
    smile, pucker = _moved(Gesture(smile=1)), _moved(Gesture(pucker=1))
    brow, frown = _moved(Gesture(brow=1)), _moved(Gesture(frown=1))
    assert smile[CORNER_LEFT, 0] < -0.5 < 0.5 < smile[CORNER_RIGHT, 0]
    assert smile[CORNER_LEFT, 1] < -0.4
    assert pucker[CORNER_LEFT, 0] > 0.3
    assert brow[BROW_LEFT, 1] < -0.4
    assert frown[55, 1] > 0.2
    assert frown[55, 0] > 0.1


def test_a_blink_shuts_the_eye_it_names() -> None:
    left, right = movements.openness(canonical() + _moved(Gesture(blink_left=1)))
    assert left == pytest.approx(0, abs=1e-12)
    assert right == pytest.approx(movements.openness(canonical())[1])


def test_the_head_turns_about_the_neck_in_the_stated_directions() -> None:
    rest = keypoints(made_motion(), mesh_layout())
    nose = {
        name: (keypoints(authored(made_motion(), gesture), mesh_layout()) - rest)[NOSE]
        for name, gesture in (("yaw", Gesture(yaw_degrees=15)), ("pitch", Gesture(pitch_degrees=15)))
    }
    assert nose["yaw"][0] < -0.1
    assert nose["pitch"][1] > 0.1
    top = (keypoints(authored(made_motion(), Gesture(roll_degrees=15)), mesh_layout()) - rest)[10]
    assert top[0] > 0.1
    turned = authored(made_motion(), Gesture(yaw_degrees=30, pitch_degrees=-10, roll_degrees=5))
    neck = np.array([0.0, 7.0, 5.0])
    before, after = (m.scale * neck @ m.rotation + m.translation for m in (made_motion(), turned))
    np.testing.assert_allclose(after[:2], before[:2], atol=1e-12)
    turn = turned.rotation @ made_motion().rotation.T
    np.testing.assert_allclose(degrees_from_rotation(turn), (-10, 30, 5), atol=1e-9)


def _edited(edit: FaceEdit) -> Floats:
    return edited(edit, made_motion())


def test_sliders_move_to_the_side_the_released_interface_moves() -> None:
    assert _edited(FaceEdit(gaze_x=20))[IRISES[:, 0], 0].min() > 0.1
    assert _edited(FaceEdit(gaze_y=30))[IRISES[:, 0], 1].max() < -0.05
    assert _edited(FaceEdit(eyebrow=20))[BROW_LEFT, 1] < 0 < _edited(FaceEdit(eyebrow=-20))[55, 1]
    assert _edited(FaceEdit(pouting=0.09))[LOWER_LIP, 0] > 0.3
    assert _edited(FaceEdit(pursing=15))[CORNER_LEFT, 0] > 0.2 > -0.2 > _edited(FaceEdit(pursing=-20))[CORNER_LEFT, 0]
    assert _edited(FaceEdit(lip_open=120))[LOWER_LIP, 1] > 1
    sad = _edited(FaceEdit(smile=-0.3))
    assert sad[CORNER_LEFT, 1] > 0.2 > 0.05 > abs(sad[UPPER_LIP, 1])
    grin = _edited(FaceEdit(grin=15))
    assert grin[LOWER_LIP, 1] - grin[UPPER_LIP, 1] > 0.4


def test_the_corners_of_a_sad_mouth_hang_however_they_were() -> None:
    for smile in (0.0, 0.4):
        motion = authored(made_motion(), Gesture(smile=smile))
        sad = motion.canonical + motion.expression + edited(FaceEdit(smile=-0.3), motion)
        assert sad[CORNER_LEFT, 1] - sad[UPPER_LIP, 1] > 0.2


def test_the_lids_go_down_with_a_look_down() -> None:
    before, low, high = (
        movements.openness(canonical() + _edited(FaceEdit(gaze_y=gaze))).mean() for gaze in (0.0, -63.0, 63.0)
    )
    assert low == pytest.approx(0.58 * before, rel=0.05)
    assert high > 1.1 * before


def test_a_full_wink_shuts_the_eye_on_the_pictures_left() -> None:
    left, right = movements.openness(canonical() + _edited(FaceEdit(wink=39)))
    assert left == pytest.approx(0, abs=0.05)
    assert right > 0.2


def test_lips_that_are_open_are_closed_by_the_slider() -> None:
    motion = authored(made_motion(), Gesture(jaw=0.6))
    points = motion.canonical + motion.expression
    shut = points + edited(FaceEdit(lip_open=-90), motion)
    half = points + edited(FaceEdit(lip_open=-45), motion)
    gaps = [p[LOWER_LIP, 1] - p[UPPER_LIP, 1] for p in (shut, half, points)]
    assert gaps[0] == pytest.approx(0, abs=1e-6)
    assert gaps[1] == pytest.approx(gaps[2] / 2, rel=1e-6)


def test_moving_the_face_is_a_shift_in_the_pictures_plane() -> None:
    motion = made_motion(yaw_degrees=25)
    change = motion.scale * edited(FaceEdit(move_x=0.1, move_y=0.05), motion) @ motion.rotation
    np.testing.assert_allclose(change, np.broadcast_to((-0.1, 0.05, 0.0), (478, 3)), atol=1e-12)


@pytest.mark.parametrize(("left", "right"), [("smile_left", "smile_right"), ("eyebrow_left", "eyebrow_right")])
@pytest.mark.parametrize("share", [1.0, -1.0])
def test_one_side_moves_alone_and_both_together_are_the_slider(left: str, right: str, share: float) -> None:
    high = 1.0 if left.startswith("smile") else 30.0
    value = share * (high if share > 0 or high > 1 else 0.3)
    one, other = (_edited(FaceEdit(**{name: value})) for name in (left, right))
    both = _edited(FaceEdit(**{left.partition("_")[0]: value}))
    np.testing.assert_allclose(one + other, both, atol=1e-12)
    points = [61, 291] if left.startswith("smile") else [105, 334]
    moved = np.linalg.norm(one[points], axis=1)
    assert moved[0] > 0.05 and moved[1] < 0.02 * moved[0], "61 and 105 are on the picture's left"


def test_either_eye_winks() -> None:
    for edit, expected in (
        (FaceEdit(wink_right=39), (1, 0)),
        (FaceEdit(wink_left=39), (0, 1)),
        (FaceEdit(wink=39), (0, 1)),
    ):
        open_now = movements.openness(canonical() + _edited(edit))
        plain = movements.openness(canonical())
        assert [bool(now > 0.9 * own) for now, own in zip(open_now, plain, strict=True)] == [bool(e) for e in expected]
    twice = _edited(FaceEdit(wink=30, wink_left=30))
    np.testing.assert_array_equal(twice, _edited(FaceEdit(wink=39)))
