"""How a driving's change carries over to another face, and the face at rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from openportrait.engines.mesh.shape import movements
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.movements import closed, fields
from openportrait.engines.mesh.shape.points import (
    EYES_LOWER,
    EYES_UPPER,
    INNER_LOWER,
    INNER_UPPER,
    IRISES,
    LIPS_LOWER,
    LIPS_UPPER,
    canonical,
)
from openportrait.records import Floats
from tests.engines.faces import made_motion
from tests.engines.gestures import Gesture, authored

LAYOUT = mesh_layout()


def _expression(gesture: Gesture) -> Floats:
    return authored(made_motion(), gesture).expression


def _identity(seed: int = 3) -> Floats:
    """A face of other proportions: wider, longer, and uneven."""
    uneven = np.random.default_rng(seed).normal(0, 0.03, (478, 3))
    return canonical() * (0.08, -0.05, 0.04) + uneven


def _driven(source: Floats, gesture: Gesture, identity: Floats) -> Floats:
    """(478, 3) head points of a source driven by another face's gesture."""
    change = LAYOUT.change(source, identity + _expression(gesture), identity + _expression(Gesture()))
    return canonical() + source + LAYOUT.whole * change


def test_the_layout_states_the_frame_and_units_of_a_face() -> None:
    assert (LAYOUT.name, LAYOUT.count) == ("mesh-478", 478)
    assert LAYOUT.expression_frame == "head"
    assert LAYOUT.translation_follows_scale
    assert LAYOUT.eyes_of_image_from_neutral


def test_lids_shut_whatever_the_shapes_of_the_two_eyes() -> None:
    narrow = np.zeros((478, 3))
    narrow[EYES_LOWER[:, 1:-1], 1] -= 0.2
    driven = _driven(narrow, Gesture(blink_left=0.75, blink_right=1), _identity())
    np.testing.assert_allclose(movements.openness(driven), 0, atol=1e-9)


def test_one_eye_may_shut_alone() -> None:
    driven = _driven(np.zeros((478, 3)), Gesture(blink_right=1), np.zeros((478, 3)))
    left, right = movements.openness(driven)
    assert right == pytest.approx(0, abs=1e-9)
    assert left == pytest.approx(movements.openness(canonical())[0])


def test_half_shut_lies_between_and_wide_eyes_stay_bounded() -> None:
    reference = np.full(2, 0.3)
    half, wide, wider = (movements.followed(np.full(2, value), reference)[0] for value in (0.2, 0.4, 0.9))
    assert 0.3 < half < 0.7
    assert 1.1 < wide < wider <= 1.5
    assert movements.followed(np.array([0.04, 0.04]), np.array([0.04, 0.04])).tolist() == [1, 1]


def test_eyes_that_hardly_differ_open_alike() -> None:
    reference = np.full(2, 0.3)
    alike = movements.followed(np.array([0.27, 0.3]), reference)
    assert alike[0] == pytest.approx(alike[1])
    assert 0.9 < alike[0] < 0.95
    wink = movements.followed(np.array([0.1, 0.3]), reference)
    assert wink.tolist() == pytest.approx([0, 1], abs=0.01)


def test_both_irises_follow_the_mean_gaze_in_eye_widths() -> None:
    source = _identity()
    change = LAYOUT.change(source, _expression(Gesture(gaze=(0.2, 0.1))), _expression(Gesture()))
    points = canonical() + source
    shift = movements.gaze(points + change) - movements.gaze(points)
    # A vertical look counts 0.8, and less where it is small: 0.8 · 0.1² / (0.1 + 0.03).
    np.testing.assert_allclose(shift, [[0.2, 0.06154], [0.2, 0.06154]], atol=1e-4)
    np.testing.assert_allclose(change[IRISES] - change[IRISES[:, :1]], 0, atol=1e-12)


def test_in_a_wink_the_open_eye_says_where_both_look() -> None:
    driving = _expression(Gesture(gaze=(0.2, 0.0), blink_left=1))
    driving[IRISES[0]] += (1.0, 0.4, 0.0)
    shift = movements.followed_gaze(canonical() + driving, canonical())
    np.testing.assert_allclose(shift, [[0.2, 0.0], [0.2, 0.0]], atol=2e-3)


def test_a_driving_that_closes_its_mouth_does_not_fold_closed_lips() -> None:
    opened, shut = _expression(Gesture(jaw=1)), _expression(Gesture())
    source = np.zeros((478, 3))
    driven = canonical() + LAYOUT.whole * LAYOUT.change(source, shut, opened)
    own = canonical()[INNER_LOWER, 1] - canonical()[INNER_UPPER, 1]
    gap = driven[INNER_LOWER, 1] - driven[INNER_UPPER, 1]
    assert (gap >= np.minimum(own, 0) - 1e-9).all()


def test_the_rest_of_the_face_takes_the_plain_difference_by_its_weight() -> None:
    driven = _driven(_identity(), Gesture(jaw=0.5), np.zeros((478, 3)))
    change = driven - canonical() - _identity()
    np.testing.assert_allclose(change[152], 0.5 * fields().jaw[152] * LAYOUT.whole[152], atol=1e-9)
    assert LAYOUT.whole[152, 1] > 0.95


def test_a_stack_of_expressions_is_one_by_one() -> None:
    gestures = (Gesture(jaw=1), Gesture(smile=1, blink_left=1), Gesture(gaze=(0.1, 0)))
    driving = np.stack([_expression(gesture) for gesture in gestures])
    together = LAYOUT.change(_identity(), driving, _identity(5))
    for one, expression in zip(together, driving, strict=True):
        np.testing.assert_allclose(one, LAYOUT.change(_identity(), expression, _identity(5)), atol=1e-12)


def test_regions_hold_their_own_points_and_not_the_others() -> None:
    lips, eyes = LAYOUT.share("lip"), LAYOUT.share("eyes")
    assert (lips[np.concatenate([LIPS_UPPER.ravel(), LIPS_LOWER.ravel()]), 1] > 0.9).all()
    assert (eyes[np.concatenate([EYES_UPPER[:, 1:-1].ravel(), EYES_LOWER[:, 1:-1].ravel(), IRISES.ravel()])] == 1).all()
    upper_face = canonical()[:, 1] < 1.5
    assert not lips[upper_face].any()
    assert not eyes[~upper_face].any()
    nose_tip, brow = 4, 105
    assert not eyes[nose_tip].any()
    assert eyes[brow, 1] < 0.1


@pytest.mark.parametrize(
    "gesture", [Gesture(jaw=1), Gesture(jaw=0.4, smile=0.5), Gesture(show_teeth=1), Gesture(jaw=1.6, pucker=0.5)]
)
def test_at_rest_the_mouth_is_shut(gesture: Gesture) -> None:
    motion = authored(made_motion(), gesture)
    rest = canonical() + LAYOUT.neutral(motion)
    gap = rest[INNER_LOWER, 1] - rest[INNER_UPPER, 1]
    assert np.abs(gap).max() < 0.1
    chin_before, chin = (canonical() + motion.expression)[152, 1], rest[152, 1]
    assert abs(chin - canonical()[152, 1]) < 0.35
    assert chin <= chin_before + 1e-9


def test_at_rest_brows_and_corners_are_nearer_to_a_relaxed_face() -> None:
    gesture = Gesture(smile=1, brow=1)
    away = _expression(gesture)
    rest = LAYOUT.neutral(authored(made_motion(), gesture))
    for point in (61, 291, 105, 334):
        assert np.linalg.norm(rest[point]) < 0.5 * np.linalg.norm(away[point])


def _pulled_down(amount: float, gesture: Gesture) -> float:
    """How far a picture of a face with its corners down moves those of another, in distances of the eyes.

    The face's lips are shut, but for what the gesture does, in a straight line; the canonical face's are not.
    """
    motion = authored(made_motion(), gesture)
    shut = closed(canonical()) - 0.7 * fields().sad
    motion = replace(motion, expression=motion.expression + shut + amount * fields().sad)
    change = LAYOUT.change(_identity(), motion.expression, LAYOUT.neutral(motion))
    eyes = canonical()[IRISES[1, 0], 0] - canonical()[IRISES[0, 0], 0]
    return float(change[[61, 291], 1].mean() / eyes)


def test_a_sad_mouth_moves_the_corners_and_one_at_rest_does_not() -> None:
    assert _pulled_down(0.8, Gesture()) > 0.03
    assert abs(_pulled_down(0.0, Gesture())) < 0.003
    # Faces at rest differ by this much.
    assert abs(_pulled_down(0.15, Gesture())) < 0.01


def test_pursed_and_open_mouths_are_not_taken_for_sad_ones() -> None:
    assert abs(_pulled_down(0.0, Gesture(pucker=1))) < 0.02
    jaw = Gesture(jaw=0.6)
    assert _pulled_down(0.5, jaw) - _pulled_down(0.0, jaw) < 0.01


def test_at_rest_eyes_are_open_and_look_ahead() -> None:
    shut = LAYOUT.neutral(authored(made_motion(), Gesture(blink_left=0.8, blink_right=0.8, gaze=(0.2, 0))))
    assert movements.openness(canonical() + shut).min() >= 0.2
    assert movements.gaze(canonical() + shut)[:, 0].mean() == pytest.approx(0, abs=1e-9)


def test_a_face_at_rest_keeps_its_own_proportions() -> None:
    own = _identity()
    motion = made_motion()
    rest = LAYOUT.neutral(type(motion)(motion.rotation, own, motion.scale, motion.translation, motion.canonical))
    away_from_own, away_from_average = np.abs(rest - own).mean(), np.abs(rest).mean()
    assert away_from_own < 0.25 * away_from_average
