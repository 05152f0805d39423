"""Faces through clips: kept, lost, bridged, smoothed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.errors import NoFaceError, OptionError
from openportrait.faces import FaceFinder, LiveTracker, Track, track
from openportrait.faces.follow import CutDetector, Follower
from openportrait.faces.track import PackedFaces, between
from openportrait.media import open_clip
from openportrait.records import Face, Image
from tests.faces.conftest import apart, backdrop, clip, moved, shift, turn

RATE = Fraction(25)
Follow = Callable[..., list[Track]]


@pytest.fixture
def follow(finder: FaceFinder) -> Follow:
    def run(images: list[Image], choice: str = "largest", bridge_seconds: float = 1.0) -> list[Track]:
        return track(
            clip(images), finder, choice, rate=RATE, bridge_seconds=bridge_seconds, where="a.mp4", option="--face"
        )

    return run


def walk(image: Image, count: int, step: float = 4.0) -> list[Image]:
    """The picture on a canvas of 640 × 600, `step` px further right in each frame."""
    return [moved(image, shift(step * i, 0), 640, 600) for i in range(count)]


def blank(count: int) -> list[Image]:
    return [np.full((600, 640, 3), 120, np.uint8)] * count


def ranges(*pairs: tuple[int, int]) -> tuple[range, ...]:
    return tuple(range(*pair) for pair in pairs)


def test_a_moving_face_is_followed(follow: Follow, officer: Image, officer_face: Face) -> None:
    found = follow(walk(officer, 12, step=8.0))[0]
    assert (found.bridged, found.lost, len(found.faces)) == ((), (), 12)
    for i, face in enumerate(found.faces):
        assert face is not None
        assert apart(face, officer_face.moved(shift(8.0 * i, 0))) < 0.02


def test_a_face_that_jumps_is_not_mistaken_for_its_chin(
    finder: FaceFinder, astronaut: Image, astronaut_face: Face
) -> None:
    follower = Follower(finder, "largest", "--face")
    for i, jump in enumerate((0.0, -0.26, -0.5, -0.6, -0.65)):
        place = shift(150, 150 + jump * astronaut_face.size)
        (face,), _ = follower.step(moved(astronaut, place, 800, 800), i / 25)
        assert face is not None
        assert apart(face, astronaut_face.moved(place)) < 0.02


def test_a_short_gap_is_bridged_evenly(follow: Follow, officer: Image, officer_face: Face) -> None:
    images = walk(officer, 24)
    images[8:16] = blank(8)
    found = follow(images)[0]
    assert (found.bridged, found.lost) == (ranges((8, 16)), ())
    for i, face in enumerate(found.faces):
        assert face is not None
        assert apart(face, officer_face.moved(shift(4.0 * i, 0))) < 0.02


def test_a_long_gap_is_lost(follow: Follow, officer: Image) -> None:
    images = walk(officer, 24)
    images[8:16] = blank(8)
    found = follow(images, bridge_seconds=0.3)[0]
    assert (found.bridged, found.lost) == ((), ranges((8, 16)))
    assert [i for i, face in enumerate(found.faces) if face is None] == list(range(8, 16))


def test_absence_at_the_ends_is_held_when_short(follow: Follow, officer: Image) -> None:
    found = follow(blank(5) + walk(officer, 8) + blank(9), bridge_seconds=0.3)[0]
    assert (found.bridged, found.lost) == (ranges((0, 5)), ranges((13, 22)))
    assert found.faces[0] is not None
    assert found.faces[5] is not None
    assert apart(found.faces[0], found.faces[5]) < 0.01
    assert found.faces[21] is None


def test_a_cut_to_someone_elsewhere_is_followed_without_smearing(
    follow: Follow, officer: Image, astronaut: Image, officer_face: Face, astronaut_face: Face
) -> None:
    there = shift(128, 0)
    images = walk(officer, 8, step=0) + [moved(astronaut, there, 640, 600)] * 8
    found = follow(images)[0]
    assert (found.bridged, found.lost) == ((), ())
    for i, expected in ((7, officer_face), (8, astronaut_face.moved(there))):
        face = found.faces[i]
        assert face is not None
        assert apart(face, expected) < 0.02


def test_several_faces_keep_their_identity(
    follow: Follow, officer: Image, astronaut: Image, officer_face: Face, astronaut_face: Face
) -> None:
    images = [np.full((640, 1100, 3), 120, np.uint8) for _ in range(8)]
    for i, image in enumerate(images):
        image[i * 4 : 600 + i * 4, :512] = officer
        image[40 - i * 4 : 552 - i * 4, 560:1072] = astronaut
    images[3][:, 540:] = 120
    left, right = follow(images, "all")
    assert (left.bridged, right.bridged, left.lost, right.lost) == ((), ranges((3, 4)), (), ())
    for i in range(8):
        one, other = left.faces[i], right.faces[i]
        assert one is not None
        assert other is not None
        assert apart(one, officer_face.moved(shift(0, i * 4))) < 0.03
        assert apart(other, astronaut_face.moved(shift(560, 40 - i * 4))) < 0.03
    assert apart(follow(images, "right")[0].faces[0] or officer_face, right.faces[0] or officer_face) < 0.01


def test_a_clip_without_a_face_says_so(follow: Follow) -> None:
    with pytest.raises(
        NoFaceError, match=r"no face in any frame of a\.mp4; .*lower --detection-threshold \(now 0\.5\)"
    ):
        follow([backdrop(320, 240)] * 3)


def test_a_number_too_high_says_how_many_there_are(follow: Follow, officer: Image) -> None:
    with pytest.raises(OptionError, match=r"--face is 1, but there is 1 in a\.mp4; give 0"):
        follow([officer] * 2, "1")
    with pytest.raises(OptionError, match="nose"):
        follow([], "nose")


def still_clip(image: Image, count: int) -> list[Image]:
    noise = np.random.default_rng(0)
    return [np.clip(image + noise.normal(0, 4, image.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def tremor(faces: list[Face]) -> float:
    """Standard deviation of the landmarks over time, px."""
    places = np.array([face.landmarks[:468, :2] for face in faces])
    return float(np.sqrt((places.std(0) ** 2).sum(-1).mean()))


def test_smoothing_calms_a_still_face(finder: FaceFinder, follow: Follow, officer: Image) -> None:
    images = still_clip(officer, 25)
    face = finder.find(images[0])[0]
    raw = []
    for image in images:
        face = finder.follow(image, face) or face
        raw.append(face)
    smoothed = tremor([face for face in follow(images)[0].faces if face is not None])
    live = LiveTracker(finder, "largest")
    calmed = tremor([face.calm for face in (live.update(image, i / 25) for i, image in enumerate(images)) if face][5:])
    assert smoothed < 0.75 * tremor(raw)
    assert calmed < 0.6 * tremor(raw)
    assert smoothed < 0.2


def test_live_a_lost_face_is_none_and_comes_back(finder: FaceFinder, officer: Image, officer_face: Face) -> None:
    live = LiveTracker(finder, "largest")
    images = [*walk(officer, 3), *blank(2), *walk(officer, 2)]
    seen = [live.update(image, i / 25) for i, image in enumerate(images)]
    assert [face is None for face in seen] == [False] * 3 + [True] * 2 + [False] * 2
    assert [face.is_new for face in seen if face] == [True, False, False, True, False]
    assert seen[5] is not None
    assert apart(seen[5].seen, officer_face) < 0.02
    assert np.array_equal(seen[5].calm.landmarks, seen[5].seen.landmarks)


def test_half_way_between_two_turns_the_face_keeps_its_shape(officer: Image, officer_face: Face) -> None:
    quarter, _ = turn(officer, 80)
    half_turn, _ = turn(officer, 40)
    middle = between(officer_face, officer_face.moved(quarter), 0.5)
    expected = officer_face.moved(half_turn)
    shape, expected_shape = (p.landmarks - p.landmarks.mean(0) for p in (middle, expected))
    assert np.abs(shape - expected_shape).max() < 1e-6
    for share, end in ((0.0, officer_face), (1.0, officer_face.moved(quarter))):
        assert np.abs(between(officer_face, officer_face.moved(quarter), share).landmarks - end.landmarks).max() < 1e-6


def test_packed_faces_are_exact_enough_and_small(officer_face: Face) -> None:
    faces = PackedFaces([officer_face, None, officer_face.moved(shift(3000, 50, 4), 4)])
    assert len(faces) == 3
    assert faces[1] is None
    assert [faces.has(i) for i in range(3)] == [True, False, True]
    for got, put in ((faces[0], officer_face), (faces[-1], officer_face.moved(shift(3000, 50, 4), 4))):
        assert got is not None
        assert np.abs(got.landmarks - put.landmarks).max() < 0.01
        assert got.score == put.score
    assert [face is None for face in faces[1:]] == [True, False]


def test_cuts_are_told_from_motion(talk: Path, astronaut: Image, officer: Image) -> None:
    is_cut = CutDetector()
    with open_clip(talk, max_size=256) as frames:
        assert not any(is_cut(frame.image) for frame in frames)
    assert is_cut(astronaut[:256, :256])
    assert not is_cut(astronaut[:256, 4:260])
    assert is_cut(officer[200:456, 100:356])
