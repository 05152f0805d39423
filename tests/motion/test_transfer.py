"""Transfer between small faces, by hand; the published layout is held to the reference in test_reference."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.motion import ClipTransfer, LiveTransfer, PackedMotions, keypoints, rotation_from_degrees
from openportrait.options import MotionOptions
from tests.motion.faces import CAMERA, HEAD, REST, motion, weights

EXACT = MotionOptions(driving_option="pose-friendly")


def turned(yaw: float) -> np.ndarray:
    return rotation_from_degrees(0, yaw, 0)


def test_soft_weights_take_over_a_part_of_the_change() -> None:
    transfer = ClipTransfer(HEAD, [motion(0.1)], [motion(0.5), motion(0.9)], EXACT)
    np.testing.assert_allclose(transfer(1).expression, 0.1 + 0.4 * weights(1, 0.5, 0.25))
    np.testing.assert_allclose(transfer(0).expression, 0.1)


def test_pose_of_a_clip_is_relative_to_its_first_frame() -> None:
    source = motion(rotation=turned(10), scale=2.0, translation=np.array([0.1, 0.1, 9.0]))
    first = motion(rotation=turned(5), scale=4.0, translation=np.array([0.5, 0.5, 0.0]))
    second = motion(rotation=turned(12), scale=5.0, translation=np.array([0.7, 0.5, 3.0]))
    driven = ClipTransfer(CAMERA, [source], [first, second], EXACT)(1)
    np.testing.assert_allclose(driven.rotation, turned(17), atol=1e-12)
    assert driven.scale == pytest.approx(2.5)
    np.testing.assert_allclose(driven.translation, [0.3, 0.1, 0])
    # A layout that measures shifts in sizes of the face: this source is half as large.
    np.testing.assert_allclose(ClipTransfer(HEAD, [source], [first, second], EXACT)(1).translation, [0.2, 0.1, 0])


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("region", ["exp", "pose", "lip", "eyes"])
def test_a_region_leaves_the_rest_to_the_source(region: str, relative: bool) -> None:
    source = motion(0.1, rotation=turned(10), scale=2.0)
    drivings = [motion(0.2), motion(0.9, rotation=turned(20), scale=3.0, translation=np.array([0.5, 0, 0]))]
    options = MotionOptions(region=region, relative=relative, driving_option="pose-friendly")
    driven = ClipTransfer(HEAD, [source], drivings, options)(1)
    moved = {"exp": (1, 1, 1), "pose": (0, 0, 0), "lip": (0, 1, 0), "eyes": (1, 0, 0)}[region]
    if region == "exp" and not relative:
        moved = (1, 1, 0)
    assert ((driven.expression != source.expression).any(axis=1) == np.array(moved, bool)).all()
    assert (driven.rotation != source.rotation).any() == (region == "pose")
    assert (driven.translation != source.translation).any() == (region == "pose")
    assert driven.scale == 2.0


def test_absolute_expression_is_measured_from_each_faces_own_rest() -> None:
    options = MotionOptions(relative=False, driving_option="pose-friendly")
    wide = motion(0.6, canonical=3 * REST)
    driven = ClipTransfer(CAMERA, [motion(0.1)], [wide], options)(0)
    target = REST / 2 + (0.6 - 3 * REST / 2)
    np.testing.assert_allclose(driven.expression, 0.1 + weights(1, 0.5, 0) * (target - 0.1))


def test_absolute_motion_keeps_a_head_at_its_place_where_pictures_differ() -> None:
    options = MotionOptions(relative=False, driving_option="pose-friendly")
    drivings = [motion(translation=np.array([0.5, 0, 0])), motion(translation=np.array([0.6, 0, 0]))]
    source = motion(translation=np.array([-0.2, 0, 0]))
    assert ClipTransfer(HEAD, [source], drivings, options)(1).translation[0] == pytest.approx(-0.1)
    assert ClipTransfer(CAMERA, [source], drivings, options)(1).translation[0] == pytest.approx(0.6)


def test_eyes_of_a_driving_image() -> None:
    options = MotionOptions(region="eyes")
    of_image = [ClipTransfer(layout, [motion(0.1)], [motion(0.3)], options)(0).expression for layout in (CAMERA, HEAD)]
    np.testing.assert_allclose(of_image[0][0], 0.1 + 0.3)
    np.testing.assert_allclose(of_image[1][0], 0.1 + 0.3 - REST[0] / 2)


def test_stabilise_locks_the_size_and_nothing_else() -> None:
    drivings = [motion(), motion(0.2, rotation=turned(5), scale=1.1, translation=np.array([0.1, 0, 0]))]
    free = ClipTransfer(CAMERA, [motion()], drivings, EXACT)(1)
    locked_options = MotionOptions(driving_option="pose-friendly", stabilise=True)
    locked = ClipTransfer(CAMERA, [motion()], drivings, locked_options)(1)
    assert free.scale == pytest.approx(1.1) and locked.scale == 1.0
    for name in ("rotation", "expression", "translation"):
        np.testing.assert_array_equal(getattr(free, name), getattr(locked, name))


def test_the_neutral_frame_may_be_found() -> None:
    drivings = [motion(0.7, rotation=turned(40)), motion(0.2), motion(0.5, rotation=turned(10))]
    transfer = ClipTransfer(CAMERA, [motion()], drivings, MotionOptions(neutral_frame="auto"))
    assert transfer.neutral_index == 1
    np.testing.assert_allclose(transfer.x_driven(1), transfer.x_source(1))
    np.testing.assert_allclose(transfer(0).rotation, turned(40))


@pytest.mark.parametrize(
    ("sources", "drivings", "schedule", "expected"),
    [
        (1, 1, None, [(0, 0)]),
        (1, 3, None, [(0, 0), (0, 1), (0, 2)]),
        (3, 1, None, [(0, 0), (1, 0), (2, 0)]),
        (4, 2, None, [(0, 0), (1, 1)]),
        (3, 2, [0, 0, 1], [(0, 0), (1, 0), (2, 1)]),
    ],
)
def test_which_frames_meet(
    sources: int, drivings: int, schedule: list[int] | None, expected: list[tuple[int, int]]
) -> None:
    options = MotionOptions(smoothing=0)
    transfer = ClipTransfer(
        CAMERA,
        [motion(i / 10) for i in range(sources)],
        [motion(i) for i in range(drivings)],
        options,
        schedule=schedule,
    )
    assert [(transfer.source_index(i), transfer.driving_index(i)) for i in range(len(transfer))] == expected
    if drivings > 1:
        masked = [transfer(i).expression[0, 0] for i in range(len(transfer))]
        np.testing.assert_allclose(masked, [s / 10 + d for s, d in expected])


def test_a_source_video_is_smoothed_where_the_mask_is_and_keeps_its_place() -> None:
    rng = np.random.default_rng(1)
    sources = [motion(rng.normal(0, 0.1, (3, 3)), scale=1 + i / 10) for i in range(8)]
    drivings = [motion(rng.normal(0, 0.1, (3, 3)), scale=2.0 + i) for i in range(8)]
    options = MotionOptions(smoothing=1e-3)
    driven = [ClipTransfer(CAMERA, sources, drivings, options)(i) for i in range(8)]
    raw = [ClipTransfer(CAMERA, sources, drivings, MotionOptions(smoothing=0))(i) for i in range(8)]

    def roughness(point: int) -> float:
        change = np.diff([m.expression[point] for m in driven], axis=0)
        return float(np.abs(change).mean() / np.abs(np.diff([m.expression[point] for m in raw], axis=0)).mean())

    assert roughness(0) < 0.2 < roughness(1) < 0.9
    # The third point has no weight: it is the source's own to the last bit of float32.
    for source, result in zip(sources, driven, strict=True):
        np.testing.assert_allclose(result.expression[2], source.expression[2], atol=1e-7)
        assert result.scale == pytest.approx(source.scale)


def test_live_is_the_clip_one_frame_at_a_time() -> None:
    drivings = [motion(i / 10, rotation=turned(3 * i), scale=1 + i / 20) for i in range(4)]
    source = motion(0.3, rotation=turned(-5))
    live, clip = LiveTransfer(HEAD, source, MotionOptions()), ClipTransfer(HEAD, [source], drivings, MotionOptions())
    for i, driving in enumerate(drivings):
        np.testing.assert_array_equal(live.x_driven(driving), clip.x_driven(i))
    live.recentre(drivings[3])
    np.testing.assert_allclose(live.x_driven(drivings[3]), keypoints(source, HEAD), atol=1e-12)


def test_live_smoothing_calms_a_face_at_rest() -> None:
    rng = np.random.default_rng(0)
    noisy = [motion(rng.normal(0, 0.001, (3, 3))) for _ in range(300)]
    plain = LiveTransfer(HEAD, motion(), EXACT, neutral=motion())
    raw = np.array([plain.x_driven(m)[0] for m in noisy])
    for rate in (5, 15, 30):
        live = LiveTransfer(HEAD, motion(), EXACT, neutral=motion())
        calm = np.array([live.x_driven(m, i / rate)[0] for i, m in enumerate(noisy)])
        assert calm[50:].std(0).mean() < 0.44 * raw[50:].std(0).mean()


def test_live_smoothing_starts_anew() -> None:
    """A lid's half a pixel of a crop would be taken for tremor; after a loss it is where the face is now."""
    live = LiveTransfer(HEAD, motion(), EXACT, neutral=motion())
    there = motion(np.full((3, 3), 0.002))
    live.x_driven(motion(), 0.0)
    assert np.abs(live.x_driven(there, 0.04) - live.x_driven(there)).max() > 0.001
    live.start_anew()
    np.testing.assert_array_equal(live.x_driven(there, 0.08), live.x_driven(there))


def test_packed_motions_transfer_alike() -> None:
    drivings = [motion(i / 10, scale=1 + i / 20) for i in range(3)]
    packed = ClipTransfer(CAMERA, [motion()], PackedMotions(drivings), EXACT)
    plain = ClipTransfer(CAMERA, [motion()], drivings, EXACT)
    np.testing.assert_allclose(packed.x_driven(2), plain.x_driven(2), atol=1e-6)
