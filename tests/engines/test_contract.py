"""What every engine promises to the code above it (engines/base.py); the same tests on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from openportrait.engines import load
from openportrait.engines.base import Canvas, Engine, Shot
from openportrait.errors import OptionError
from openportrait.layouts import KEYPOINT_SETS
from openportrait.motion import keypoints
from openportrait.options import EngineOptions
from openportrait.paste import paste_back
from openportrait.records import FaceCrop, FaceEdit, Floats, Image, Ratios
from openportrait.regions import EXPRESSION, GROUPS
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture


class Subject(NamedTuple):
    """An engine under test."""

    engine: Engine
    tolerance: float = 0.0
    """How much keypoints may differ between a batch and one at a time."""


def mesh() -> Iterator[Subject]:
    yield Subject(load(EngineOptions(engine="mesh")))


def neural() -> Iterator[Subject]:
    pytest.importorskip("torch")
    import torch

    from openportrait.engines.neural.device import choose_dtype
    from tests.engines.neural.standins import narrow_networks, stand_in_engine

    with narrow_networks():
        yield Subject(stand_in_engine(choose_dtype(torch.device("cpu"), "auto")), tolerance=1e-4)


ENGINES: dict[str, Callable[[], Iterator[Subject]]] = {"mesh": mesh, "neural": neural}


@pytest.fixture(scope="module", params=ENGINES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield from ENGINES[request.param]()


@pytest.fixture(scope="module")
def crops(subject: Subject) -> list[FaceCrop]:
    size = subject.engine.crop_rule.size if not subject.engine.crop_rule.native else 256
    gestures = (Gesture(), Gesture(jaw=0.8, yaw_degrees=12), Gesture(smile=1, blink_left=1, pitch_degrees=-8))
    return [made_crop(gesture, size=size) for gesture in gestures]


def test_says_what_its_keypoints_are(subject: Subject) -> None:
    engine = subject.engine
    layout = engine.layout
    assert engine.name in ("mesh", "neural")
    assert layout.name.endswith(str(layout.count))
    assert KEYPOINT_SETS[layout.name] == layout.points, "templates of this layout can be read"
    assert engine.batch_size >= 1
    for weights in (layout.whole, layout.mask, *layout.parts.values()):
        assert weights.shape == (layout.count, 3)
        assert weights.min() >= 0
        assert weights.max() <= 1
    assert layout.whole.max() == 1


def test_the_parts_make_up_the_whole(subject: Subject) -> None:
    layout = subject.engine.layout
    assert sorted(part for region in layout.parts for part in GROUPS[region]) == sorted(EXPRESSION)
    np.testing.assert_allclose(sum(layout.parts.values()), layout.whole, rtol=0, atol=1e-12)
    for region, weights in layout.parts.items():
        assert weights.max() > 0.5, region
        np.testing.assert_array_equal(layout.share(region), weights)
    assert not (layout.share("lip") * layout.share("eyes")).any()


def test_parts_that_cannot_be_told_apart_are_refused(subject: Subject) -> None:
    layout = subject.engine.layout
    apart = {"lids", "gaze"} <= set(layout.parts)
    for strengths in ({"lids": 1.0}, {"gaze": 0.5, "lip": 1.0}):
        if apart:
            assert layout.weights(strengths).any()
        else:
            with pytest.raises(OptionError, match=r"do not tell lids and gaze apart; give eyes"):
                layout.weights(strengths)


def test_motion_has_the_shapes_of_the_layout(subject: Subject, crops: list[FaceCrop]) -> None:
    count = subject.engine.layout.count
    motions = subject.engine.motion(crops)
    assert len(motions) == len(crops)
    for motion in motions:
        assert motion.expression.shape == motion.canonical.shape == (count, 3)
        assert motion.rotation.shape == (3, 3)
        assert motion.translation.shape == (3,)
        for value in (motion.expression, motion.canonical, motion.rotation, motion.translation):
            assert value.dtype == np.float64
            assert np.isfinite(value).all()
        assert motion.scale > 0
        np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(motion.rotation) == pytest.approx(1, abs=1e-5)
    assert subject.engine.motion([]) == []


def test_a_batch_of_motions_is_one_by_one(subject: Subject, crops: list[FaceCrop]) -> None:
    for together, crop in zip(subject.engine.motion(crops), crops, strict=True):
        (alone,) = subject.engine.motion([crop])
        for value, other in (
            (together.expression, alone.expression),
            (together.rotation, alone.rotation),
            (together.translation, alone.translation),
            (together.canonical, alone.canonical),
            (np.array(together.scale), np.array(alone.scale)),
        ):
            np.testing.assert_allclose(value, other, rtol=0, atol=subject.tolerance)


def test_a_change_is_nothing_where_the_driving_is_at_its_reference(subject: Subject, crops: list[FaceCrop]) -> None:
    source, driving, _ = subject.engine.motion(crops)
    change = subject.engine.layout.change(source.expression, driving.expression, driving.expression)
    np.testing.assert_allclose(change, 0, atol=1e-12)


def test_the_neutral_expression_has_the_layouts_shape(subject: Subject, crops: list[FaceCrop]) -> None:
    for motion in subject.engine.motion(crops):
        neutral = subject.engine.layout.neutral(motion)
        assert neutral.shape == (subject.engine.layout.count, 3)
        assert np.isfinite(neutral).all()


def test_an_empty_edit_changes_nothing(subject: Subject, crops: list[FaceCrop]) -> None:
    (source,) = subject.engine.motion(crops[:1])
    assert not subject.engine.expression(FaceEdit(), source).any()


@pytest.mark.parametrize(
    "edit",
    [
        FaceEdit(smile=1),
        FaceEdit(wink=20),
        FaceEdit(eyebrow=20),
        FaceEdit(eyebrow=-20),
        FaceEdit(gaze_x=15),
        FaceEdit(gaze_y=-30),
        FaceEdit(pouting=0.05),
        FaceEdit(pursing=10),
        FaceEdit(grin=10),
        FaceEdit(lip_open=60),
        FaceEdit(move_x=0.1),
        FaceEdit(move_y=-0.1),
    ],
)
def test_every_slider_moves_something(subject: Subject, crops: list[FaceCrop], edit: FaceEdit) -> None:
    (source,) = subject.engine.motion(crops[:1])
    change = subject.engine.expression(edit, source)
    assert change.shape == (subject.engine.layout.count, 3)
    assert np.isfinite(change).all()
    assert np.abs(change).max() > 1e-4


def test_pose_and_targets_of_an_edit_are_no_expression(subject: Subject, crops: list[FaceCrop]) -> None:
    (source,) = subject.engine.motion(crops[:1])
    edit = FaceEdit(pitch_degrees=5, yaw_degrees=5, roll_degrees=5, move_z=1.1, eye_ratio=0.1, lip_ratio=0.3)
    assert not subject.engine.expression(edit, source).any()


def _points(subject: Subject, crops: list[FaceCrop]) -> list[Floats]:
    return [keypoints(motion, subject.engine.layout) for motion in subject.engine.motion(crops)]


def test_offsets_have_the_layouts_shape(subject: Subject, crops: list[FaceCrop]) -> None:
    x_s, x_d, _ = _points(subject, crops)
    shape = (subject.engine.layout.count, 3)
    for offsets in (
        subject.engine.stitch(x_s, x_d),
        subject.engine.open_eyes(x_s, Ratios(0.3, 0.3, 0.05), 0.1),
        subject.engine.open_lips(x_s, 0.05, 0.3),
    ):
        assert offsets.shape == shape
        assert np.isfinite(offsets).all()


def test_nothing_handed_over_is_changed(subject: Subject, crops: list[FaceCrop]) -> None:
    engine, crop = subject.engine, crops[0]
    (motion,) = engine.motion([crop])
    x_s, x_d = _points(subject, crops)[:2]
    inputs: list[Any] = [crop.image, crop.face.landmarks, motion.expression, motion.canonical, x_s, x_d]
    before = [np.array(value) for value in inputs]
    appearance = engine.appearance(crop)
    engine.motion([crop])
    engine.layout.neutral(motion)
    engine.layout.change(motion.expression, motion.expression, motion.expression)
    engine.stitch(x_s, x_d)
    engine.open_eyes(x_s, Ratios(0.3, 0.3, 0.05), 0.1)
    engine.open_lips(x_s, 0.05, 0.3)
    engine.expression(FaceEdit(smile=1, wink=10, lip_open=-30), motion)
    engine.render([Shot(appearance, x_s, x_d, crops[1])])
    for value, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.fixture(scope="module")
def shots(subject: Subject, crops: list[FaceCrop]) -> list[Shot]:
    x_s, *driven = _points(subject, crops)
    appearance = subject.engine.appearance(crops[0])
    return [Shot(appearance, x_s, x) for x in driven]


@pytest.fixture(scope="module")
def rendered(subject: Subject, shots: list[Shot]) -> list[Image]:
    return subject.engine.render(shots)


def test_pictures_are_square_rgb_and_the_same_every_time(
    subject: Subject, shots: list[Shot], rendered: list[Image]
) -> None:
    engine = subject.engine
    assert len(rendered) == len(shots)
    for picture in rendered:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[0] == picture.shape[1]
        assert picture.shape[2] == 3
    (alone,), (again,) = engine.render(shots[1:]), engine.render(shots[1:])
    np.testing.assert_array_equal(alone, again)
    assert np.abs(rendered[1].astype(int) - alone).max() <= (1 if subject.tolerance else 0)
    assert np.abs(rendered[0].astype(int) - rendered[1]).max() > 20
    assert engine.render([]) == []


def test_pictures_belong_to_the_caller(subject: Subject, crops: list[FaceCrop]) -> None:
    engine, x_s = subject.engine, _points(subject, crops)[0]
    shot = Shot(engine.appearance(crops[0]), x_s, x_s)
    first = engine.render([shot])[0]
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(engine.render([replace(shot)])[0], kept)


FRAME = np.random.default_rng(5).integers(0, 255, (300, 420, 3), dtype=np.uint8)


def _place(side: float, x: float, y: float, degrees: float, size: int) -> Floats:
    """A crop of `size` pixels whose side is `side` px of the frame, turned about its corner at (x, y)."""
    c, s = np.cos(np.radians(degrees)) * side / size, np.sin(np.radians(degrees)) * side / size
    return np.array([[c, -s, x], [s, c, y], [0, 0, 1]])


def test_painting_is_rendering_and_pasting_back(subject: Subject, shots: list[Shot], rendered: list[Image]) -> None:
    """Two faces that overlap, one over the frame's border; another frame at once, and one without a face."""
    engine = subject.engine
    size = len(rendered[0])
    inside, over = _place(150, 100, 60, 8, size), _place(330, -90.5, 120, -20, size)
    canvases = [Canvas(FRAME, shots, [inside, over]), Canvas(FRAME[::-1], shots[:1], [over]), Canvas(FRAME, [], [])]
    kept = FRAME.copy()
    painted = engine.paint(canvases)
    np.testing.assert_array_equal(FRAME, kept)
    for canvas, picture in zip(canvases, painted, strict=True):
        expected = canvas.frame
        for shot, place in zip(canvas.shots, canvas.places, strict=True):
            expected = paste_back(expected, rendered[shots.index(shot)], place)
        assert picture.dtype == np.uint8
        assert picture.shape == canvas.frame.shape
        difference = np.abs(picture.astype(int) - expected)
        # OpenCV samples at 32nds of a pixel.
        assert difference.max() <= (8 if subject.tolerance else 0)
        assert difference.mean() < 0.3
    np.testing.assert_array_equal(painted[0][:10], FRAME[:10])
    np.testing.assert_array_equal(painted[2], FRAME)
    assert engine.paint([]) == []


def test_a_face_beside_the_frame_changes_nothing(subject: Subject, shots: list[Shot]) -> None:
    (painted,) = subject.engine.paint([Canvas(FRAME, shots[:1], [_place(90, 900, 0, 0, 512)])])
    np.testing.assert_array_equal(painted, FRAME)
