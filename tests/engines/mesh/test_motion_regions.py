"""The mesh engine as a whole: the source comes back untouched, and a region moves only itself."""

from __future__ import annotations

import numpy as np

from openportrait.engines.base import Shot
from openportrait.engines.mesh.engine import MeshEngine
from openportrait.motion import Kind, choose_transfer, keypoints
from openportrait.options import EngineOptions, MotionOptions
from openportrait.records import Image
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture, authored

ENGINE = MeshEngine(EngineOptions())
CROP = made_crop(size=256)
(SOURCE,) = ENGINE.motion([CROP])
X_S = keypoints(SOURCE, ENGINE.layout)
LOOK = ENGINE.appearance(CROP)


def _picture(region: str, gesture: Gesture) -> Image:
    transfer = choose_transfer(ENGINE.layout, MotionOptions(region=region), Kind(False, True), SOURCE, SOURCE)
    x_d = keypoints(transfer(SOURCE, authored(SOURCE, gesture)), ENGINE.layout)
    return ENGINE.render([Shot(LOOK, X_S, ENGINE.stitch(X_S, x_d))])[0]


def _changed_rows(picture: Image) -> tuple[int, int]:
    rows = np.flatnonzero(np.abs(picture.astype(int) - CROP.image).max((1, 2)) > 1)
    return int(rows[0]), int(rows[-1])


EVERYTHING = Gesture(jaw=0.8, smile=0.5, brow=0.7, blink_left=1, blink_right=1, yaw_degrees=10)


def test_the_sources_own_motion_gives_the_source_back() -> None:
    np.testing.assert_array_equal(ENGINE.render([Shot(LOOK, X_S, X_S)])[0], CROP.image)
    assert np.abs(_picture("all", Gesture()).astype(int) - CROP.image).max() <= 1


def test_lips_and_eyes_move_only_themselves() -> None:
    landmarks = CROP.face.landmarks
    nose = landmarks[4, 1]
    lips, eyes = _changed_rows(_picture("lip", EVERYTHING)), _changed_rows(_picture("eyes", EVERYTHING))
    assert lips[0] > nose
    assert eyes[1] < nose
    assert lips[0] < landmarks[14, 1] < lips[1]
    assert eyes[0] < landmarks[159, 1] < eyes[1]


def test_expression_leaves_the_head_and_pose_leaves_the_mouth() -> None:
    expression = np.abs(_picture("exp", EVERYTHING).astype(int) - CROP.image).max(2)
    assert expression.max() > 30
    margin = 32
    assert expression[:, :margin].max() <= 4
    assert expression[:, -margin:].max() <= 4
    only_face = _picture("pose", Gesture(jaw=1, blink_left=1))
    np.testing.assert_array_equal(only_face, CROP.image)


def test_the_border_of_the_crop_never_moves() -> None:
    picture = _picture("all", Gesture(yaw_degrees=25, pitch_degrees=15, jaw=1))
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        np.testing.assert_array_equal(picture[edge], CROP.image[edge])
