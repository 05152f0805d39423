"""Sliders against the numbers of SPEC §10."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openportrait.errors import OptionError
from openportrait.layouts import SLIDERS, edit_expression
from openportrait.motion import degrees_from_rotation, edited, edited_keypoints, neutralised, rotation_from_degrees
from openportrait.pipeline.editing import SILENT
from openportrait.records import FaceEdit, Floats, Motion, Ratios
from tests.motion.faces import HEAD, REST, Recorder, motion

RATIOS = Ratios(0.3, 0.3, 0.1)


class Editing(Recorder):
    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        return np.full((3, 3), edit.smile)


@pytest.mark.parametrize(
    ("edit", "entries"),
    [
        ({"smile": 1.0}, {(20, 1): -0.01, (14, 1): -0.02, (17, 1): 0.0065, (17, 2): 0.003, (3, 1): -0.0035}),
        ({"wink_right": 10.0}, {(15, 1): 0.01, (16, 1): -0.003, (17, 0): -0.003}),
        ({"wink": 10.0}, {(11, 1): 0.01, (13, 1): -0.003, (17, 0): 0.003}),
        ({"eyebrow": 30.0}, {(1, 1): 0.03, (2, 1): -0.03, (1, 0): 0.0}),
        ({"eyebrow": -30.0}, {(1, 0): 0.03, (2, 0): -0.03, (1, 1): -0.009, (2, 1): 0.009}),
        ({"gaze_x": 10.0}, {(11, 0): 0.007, (15, 0): 0.01}),
        ({"gaze_x": -10.0}, {(11, 0): -0.01, (15, 0): -0.007}),
        # −0.001·20 and, with the blink b = −10, −0.001·b = 0.01.
        ({"gaze_y": 20.0}, {(11, 1): -0.01, (15, 1): -0.01, (13, 1): -0.003, (16, 1): -0.003}),
        ({"lip_open": 100.0}, {(19, 1): 0.1, (19, 2): 0.01, (17, 1): -0.01}),
        ({"move_x": 0.1, "move_y": 0.15}, {(5, 0): -0.1, (5, 1): 0.15}),
        ({"pouting": 0.05}, {(19, 0): 0.05}),
        ({}, {}),
    ],
)
def test_sliders(edit: dict[str, float], entries: dict[tuple[int, int], float]) -> None:
    change = edit_expression(FaceEdit(**edit))
    for (point, axis), value in entries.items():
        assert change[point, axis] == pytest.approx(value)
    moved = {(point, axis) for name in edit for s in SLIDERS if s.name == name for point, axis, _ in s.entries}
    change[tuple(np.array(sorted(moved)).T.reshape(2, -1).astype(int))] = 0
    assert not change.any()


def test_both_sides_are_the_slider() -> None:
    for apart, together in (
        (FaceEdit(smile_left=1.0, smile_right=1.0), FaceEdit(smile=1.0)),
        (FaceEdit(smile=1.3, smile_left=1.0, smile_right=0.5), FaceEdit(smile=1.3)),
        (FaceEdit(wink=30, wink_left=30), FaceEdit(wink=39)),
    ):
        np.testing.assert_array_equal(edit_expression(apart), edit_expression(together))


def test_pose_sliders_add_degrees_and_zoom() -> None:
    source = motion(0.1, rotation=rotation_from_degrees(5, -10, 3), scale=1.5, translation=np.array([0.1, 0.2, 0.3]))
    result = edited(source, FaceEdit(pitch_degrees=1, yaw_degrees=2, roll_degrees=-3, move_z=1.1), np.ones((3, 3)))
    assert degrees_from_rotation(result.rotation) == pytest.approx((6, -8, 0), abs=1e-9)
    assert result.scale == pytest.approx(1.65)
    np.testing.assert_allclose(result.expression, 1.1)
    np.testing.assert_array_equal(result.translation, source.translation)
    np.testing.assert_array_equal(edited(source, FaceEdit(), np.zeros((3, 3))).rotation, source.rotation)


@pytest.mark.parametrize(
    ("edit", "value", "calls"),
    [
        ({}, 0, [("stitch",)]),
        ({"smile": 0.5}, 5, [("stitch",)]),
        ({"eye_ratio": 0.3, "lip_ratio": 0.104}, 0, [("stitch",)]),
        ({"eye_ratio": 0.1}, 10, [("eyes", 0.1), ("stitch",)]),
        ({"lip_ratio": 0.4, "smile": 0.5}, 25, [("lips", 0.1, 0.4), ("stitch",)]),
    ],
)
def test_targets_only_where_they_differ_then_stitching(
    edit: dict[str, Any], value: float, calls: list[tuple[Any, ...]]
) -> None:
    engine = Editing()
    x_s, x_d = edited_keypoints(engine, motion(), RATIOS, FaceEdit(**edit))
    assert x_s[0, 0] == 0 and x_d[0, 0] == pytest.approx(value)
    assert engine.calls == calls


def test_a_silent_video_keeps_its_eyes() -> None:
    result = neutralised(motion(0.4), HEAD.neutral(motion(0.4)), SILENT, HEAD)
    np.testing.assert_allclose(result.expression[0], 0.4)
    np.testing.assert_allclose(result.expression[1:], REST[1:] / 2)


@pytest.mark.parametrize("slider", ["smile_left", "eyebrow_right"])
def test_a_side_that_21_keypoints_do_not_move_alone_is_refused(slider: str) -> None:
    with pytest.raises(OptionError, match=r"do not move one side alone; give (smile|eyebrow) for both"):
        edit_expression(FaceEdit(**{slider: 0.2}))
