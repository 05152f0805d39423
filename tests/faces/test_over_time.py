"""Faces over time, live and of clips: calm at rest, and blinks and speech as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from openportrait.faces import FaceFinder, LiveFace, LiveTracker, ratios, track
from openportrait.faces.detect import Region
from openportrait.faces.track import PackedFaces, SteadyFaces
from openportrait.records import Face, Floats, Frame, Image
from tests.faces.conftest import apart, shift

TREMOR = 0.0011
"""Standard deviation of landmarks at rest, in sizes of the face: measured on noisy pictures compressed as JPEG."""
UPPER_LID, LOWER_LID, CHIN_SIDE = (158, 159, 160), (144, 145, 153), (14, 17, 84, 87, 314, 317)
RATES = [5, 15, 30]

Shape = Callable[[float], Floats]
"""(478, 3) landmarks at a moment, s."""


class Script(FaceFinder):
    """A finder that sees in picture i, one of shade i, what stands there."""

    def __init__(self, faces: Sequence[Face | None]) -> None:
        super().__init__()
        self._faces = faces

    def find(self, image: Image, *, smallest: float = 0, lying: bool = True) -> list[Face]:
        face = self._faces[int(image[0, 0, 0])]
        return [face] if face else []

    def follow(self, image: Image, face: Face, region: Region | None = None) -> Face | None:
        return self._faces[int(image[0, 0, 0])]

    def confirm(self, image: Image, face: Face) -> Face | None:
        return face


def picture(index: int) -> Image:
    return np.full((600, 512, 3), index, np.uint8)


def shapes(shape: Shape, rate: float, seconds: float, start: float = 0.0, tremor: float = TREMOR) -> list[Face]:
    """What a tracker sees of a face that moves as `shape` says."""
    noise = np.random.default_rng(1)
    times = start + np.arange(int(seconds * rate)) / rate
    points = [shape(float(time)) for time in times]
    size = Face(points[0]).size
    return [Face(p + noise.normal(0, tremor * size, p.shape)) for p in points]


def live(faces: list[Face], rate: float) -> list[LiveFace]:
    tracker = LiveTracker(Script(faces), "largest")
    found = [tracker.update(picture(i), 1000 + i / rate) for i in range(len(faces))]
    return [face for face in found if face is not None]


@pytest.fixture
def still(officer_face: Face) -> Floats:
    return officer_face.landmarks


def blinking(still: Floats, at: float) -> Shape:
    """Shut within 70 ms, for 20 ms, open again within 80: a quick blink."""
    middle = still[list(UPPER_LID)].mean(0) - still[list(LOWER_LID)].mean(0)

    def shape(time: float) -> Floats:
        points = still.copy()
        shut = np.interp(time, [at, at + 0.07, at + 0.09, at + 0.17], [0, 1, 1, 0])
        points[list(UPPER_LID)] -= 0.9 * shut * middle
        return points

    return shape


def speaking(still: Floats) -> Shape:
    """The lower lip goes up and down four times a second, by a tenth of the mouth's width to either side."""
    width = np.linalg.norm(still[61] - still[291])

    def shape(time: float) -> Floats:
        points = still.copy()
        points[list(CHIN_SIDE), 1] += width * (0.1 + 0.1 * np.sin(8 * np.pi * time))
        return points

    return shape


def spread(values: Iterable[float]) -> float:
    return float(np.std(list(values)))


@pytest.mark.parametrize("rate", RATES)
def test_live_a_face_at_rest_is_calm(still: Floats, rate: int) -> None:
    found = live(shapes(lambda time: still, rate, 200 / rate), rate)[20:]
    seen, calm = (
        np.array([getattr(face, name).landmarks for face in found]).std(0).mean() for name in ("seen", "calm")
    )
    assert calm < 0.44 * seen, "as before at the rate that was assumed"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("late", [-0.04, 0.0, 0.03])
def test_live_a_blink_keeps_nine_tenths(still: Floats, rate: int, late: float) -> None:
    # At 5 frames/s few blinks are seen at their deepest; what the landmarks as measured show is what there is to keep.
    found = live(shapes(blinking(still, 0.92 + late), rate, 2.0), rate)
    seen, calm = ([ratios(getattr(face, name)).eye_left for face in found] for name in ("seen", "calm"))
    assert seen[0] - min(seen) > 0.1
    assert np.median(calm) - min(calm) > 0.9 * (np.median(seen) - min(seen))


@pytest.mark.parametrize("rate", RATES)
def test_live_speech_keeps_eight_tenths(still: Floats, rate: int) -> None:
    found = live(shapes(speaking(still), rate, 4.0, start=0.01), rate)[rate:]
    assert spread(ratios(face.calm).lip for face in found) > 0.8 * spread(ratios(face.seen).lip for face in found)


def test_live_a_face_that_was_lost_starts_anew(officer_face: Face) -> None:
    beside = officer_face.moved(shift(0.8, 0))
    tracker = LiveTracker(Script([officer_face, beside, None, beside]), "largest")
    found = [tracker.update(picture(i), i / 15) for i in range(4)]
    assert [None if face is None else face.is_new for face in found] == [True, False, None, True]
    late, back = found[1], found[3]
    assert late is not None
    assert back is not None
    assert np.abs(late.calm.landmarks - beside.landmarks).max() > 0.5, "less than a pixel may be tremor"
    assert np.array_equal(back.calm.landmarks, beside.landmarks)


def steady(faces: list[Face], rate: Fraction) -> SteadyFaces:
    return SteadyFaces(PackedFaces(faces), [range(len(faces))], rate)


def all_of(faces: SteadyFaces) -> list[Face]:
    return [face for face in faces if face is not None]


def eyes(faces: Iterable[Face]) -> Floats:
    return np.array([ratios(face).eye_left for face in faces])


@pytest.mark.parametrize(("rate", "kept"), [(Fraction(25, 2), 0.999), (Fraction(25), 0.9), (Fraction(60), 0.9)])
def test_a_clips_blink_of_one_frame_stays(still: Floats, rate: Fraction, kept: float) -> None:
    faces = [Face(still)] * 12
    faces[6] = Face(blinking(still, 0.0)(0.08))
    found = eyes(all_of(steady(faces, rate)))
    raw = eyes(faces)
    assert raw[0] - found[6] > kept * (raw[0] - raw[6])
    assert np.abs(np.delete(found - raw, 6)).max() < 0.1 * (raw[0] - raw[6])


@pytest.mark.parametrize(("rate", "left"), [(Fraction(25), 0.7), (Fraction(30000, 1001), 0.7), (Fraction(60), 0.6)])
def test_a_clips_tremor_goes(still: Floats, rate: Fraction, left: float) -> None:
    faces = shapes(lambda time: still, float(rate), 2.0)
    raw, found = (np.array([face.landmarks for face in each]) for each in (faces, all_of(steady(faces, rate))))
    assert found.std(0).mean() < left * raw.std(0).mean()
    second = [np.abs(np.diff(each, 2, axis=0)).mean() for each in (raw, found)]
    assert second[1] < 0.36 * second[0], "no more than five frames and a parabola left"


def test_a_steady_walk_is_no_tremor_and_nothing_crosses_a_cut(officer_face: Face) -> None:
    walk = [officer_face.moved(shift(5 * i, 0)) for i in range(6)]
    faces = [*walk, *(face.moved(shift(0, 200)) for face in walk)]
    found = SteadyFaces(PackedFaces([*faces, None]), [range(6), range(6, 12)], Fraction(30))
    for i, face in enumerate(faces):
        calm = found[i]
        assert calm is not None
        assert np.abs(calm.landmarks - face.landmarks).max() < 0.02
    assert found[12] is None
    assert found[-1] is None
    assert [face is None for face in found[11:]] == [False, True]


def test_windows_last_a_tenth_of_a_second_at_most(still: Floats) -> None:
    for rate, frames in ((10, 1), (15, 1), (24, 3), (25, 3), (30, 3), (50, 5), (60, 7), (120, 13)):
        # A small step at one end of the clip is seen as far as the window reaches.
        faces = [Face(still + (0.1 if i == 20 else 0)) for i in range(41)]
        changed = [
            i
            for i, face in enumerate(all_of(steady(faces, Fraction(rate))))
            if abs(face.landmarks - still).max() > 0.005
        ]
        assert len(changed) in (frames, frames - 2), rate


def test_pixels_are_looked_up_where_the_mouth_is(still: Floats) -> None:
    faces = shapes(speaking(still), 25, 1.0, tremor=0)
    frames = (Frame(picture(i), i, Fraction(i, 25)) for i in range(len(faces)))
    (found,) = track(
        frames, Script(faces), "largest", rate=Fraction(25), bridge_seconds=0, where="a.mp4", option="--face"
    )
    for raw, seen, calm in zip(faces, found.seen, found.faces, strict=True):
        assert seen is not None
        assert calm is not None
        assert np.abs(seen.landmarks - raw.landmarks).max() < 0.01
        assert apart(calm, raw) < 0.004
    assert list(found.present) == [True] * len(faces)
