"""Several drivings, several faces: which frame meets which, who moves what, and what comes out."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import openportrait
from openportrait import Driving
from openportrait.drivings import End, written
from openportrait.errors import OptionError
from openportrait.faces import FaceFinder, ratios
from openportrait.media import Sound, open_clip, open_writer, probe, read_image, write_image
from openportrait.options import FaceEdit, MotionOptions
from openportrait.pipeline.driving import MeasuredDriving, frames_of
from openportrait.pipeline.playing import Cast, Timing
from openportrait.pipeline.source import SourceFace
from openportrait.records import Image
from tests.conftest import EXAMPLES
from tests.motion.faces import motion

SURPRISE = EXAMPLES / "driving" / "surprise.jpg"
SMILE = EXAMPLES / "driving" / "smile.motion"
BLINK = EXAMPLES / "driving" / "blink.motion"
NOD = EXAMPLES / "driving" / "nod.motion"


def measured(frames: int, rate: int = 25, name: str = "d.motion") -> MeasuredDriving:
    return MeasuredDriving(
        path=Path(name),
        kind="template",
        motions=[motion()] * frames,
        ratios=(),
        present=[True] * frames,
        rate=Fraction(rate) if frames > 1 else None,
        layout="mesh-478",
        engine="mesh",
    )


@pytest.mark.parametrize(
    ("end", "schedule"),
    [
        ("hold", [0, 1, 2, 3, 3, 3, 3, 3, 3]),
        ("loop", [0, 1, 2, 3, 0, 1, 2, 3, 0]),
        ("bounce", [0, 1, 2, 3, 2, 1, 0, 1, 2]),
        ("rest", [0, 1, 2, 3, 3, 3, 3, 3, 3]),
    ],
)
def test_what_is_shown_behind_the_end(end: End, schedule: list[int]) -> None:
    timing = Timing(drivings=4, step=Fraction(1), frames=9, end=end, fade=Fraction(2))
    assert list(timing.schedule) == schedule
    shares = [timing.share(i) for i in range(9)]
    if end == "rest":
        assert shares[:4] == [1.0] * 4
        assert 1 > shares[4] > shares[5] > 0
        assert shares[6:] == [0.0] * 3
    else:
        assert shares == [1.0] * 9


def test_rates_and_offsets_meet_in_time() -> None:
    half = Timing(drivings=3, step=Fraction(1, 2), frames=8, delay=Fraction(2))
    assert list(half.schedule) == [0, 0, 0, 0, 1, 1, 2, 2]
    assert [half.share(i) for i in range(3)] == [0.0, 0.0, 1.0]
    inside = Timing(drivings=9, step=Fraction(2), frames=4, delay=Fraction(-1))
    assert list(inside.schedule) == [2, 4, 6, 8]
    still = Timing(drivings=1, step=Fraction(1), frames=3, end="loop")
    assert list(still.schedule) == [0, 0, 0]


@pytest.mark.parametrize(
    ("source", "options", "rate", "frames"),
    [
        ((None, 1), {}, 25, 10),
        ((None, 1), {"length": "longest"}, 25, 50),
        ((Fraction(50), 100), {}, 50, 20),
        ((Fraction(50), 15), {}, 50, 15),
        ((Fraction(50), 60), {"length": "longest"}, 50, 60),
    ],
)
def test_the_result_is_as_long_as_the_first_that_moves(
    source: tuple[Fraction | None, int], options: dict[str, str], rate: float, frames: int
) -> None:
    drivings = [
        (Driving("still.jpg"), measured(1)),
        (Driving("a.motion", region="lip"), measured(10)),
        (Driving("b.motion", region="eyes", offset_seconds=1), measured(50, rate=50)),
    ]
    cast = Cast.of(drivings, MotionOptions(**options), *source)  # type: ignore[arg-type]
    assert cast.rate == rate and cast.frames == frames


def test_a_driving_that_ends_before_the_result_begins_is_refused() -> None:
    with pytest.raises(OptionError, match=r"a is 0\.40 s long, and an offset of -0\.5 s leaves nothing of it"):
        Cast.of([(Driving("a", offset_seconds=-0.5), measured(10))], MotionOptions(), None, 1)


def test_a_clip_goes_on_where_its_driving_has_another_end() -> None:
    driving = measured(10)
    shorter = Cast.of([(Driving("a"), driving)], MotionOptions(), Fraction(25), 40)
    looped = Cast.of([(Driving("a", end="loop"), driving)], MotionOptions(), Fraction(25), 40)
    assert (shorter.frames, looped.frames) == (10, 40)


def who(drivings: list[Driving], names: frozenset[str], **options: str) -> dict[str, set[str]]:
    """File → what of the face moves by it."""
    known: dict[Path, MeasuredDriving] = {}
    pairs = [(given, known.setdefault(given.path, measured(5, name=str(given.path)))) for given in drivings]
    wanted = MotionOptions(**options)  # type: ignore[arg-type]
    cast = Cast.of(pairs, wanted, None, 1)
    portrait = SourceFace((motion(),), (), names)
    return {one.driving.path.name: set(one.wanted.strengths) for one in cast.play(portrait, wanted, "largest")}


def test_later_regions_take_their_parts_over() -> None:
    one, here = frozenset({"largest"}), {"a", "b", "c"}
    moved = who([Driving("a"), Driving("b", region="eyes,lip"), Driving("c", region="lip")], one)
    assert set(moved) == here
    assert (moved["b"], moved["c"]) == ({"lids", "gaze"}, {"lip"})
    assert moved["a"] == {"turn", "place", "size", "brows", "rest"}
    assert who([Driving("b", region="lip"), Driving("a")], one)["b"] == {"lip"}, "whatever their order"
    assert who([Driving("a"), Driving("b", region="eyes")], one, region="lip") == {"a": {"lip"}, "b": {"lids", "gaze"}}
    assert who([Driving("a", region="pose")], one) == {"a": {"turn", "place"}}, "alone, as released"
    assert who([Driving("a"), Driving("b", region="lip")], one, strength="lip=0.5,turn=0")["a"] == {
        *("place", "size", "brows", "lids", "gaze", "rest")
    }


def test_a_driving_given_for_two_regions_moves_their_union() -> None:
    one = frozenset({"largest"})
    assert who([Driving("a", region="lip"), Driving("a", region="eyes")], one) == {"a": {"lip", "lids", "gaze"}}


def test_each_face_has_its_drivings() -> None:
    drivings = [
        Driving("a", face="left"),
        Driving("b", face="right"),
        Driving("c", face="2", region="lip"),
        Driving("d"),
    ]
    assert set(who(drivings, frozenset({"left"}))) == {"a"}
    assert set(who(drivings, frozenset({"right", "2"}))) == {"b", "c"}
    assert set(who(drivings, frozenset({"largest"}))) == {"d"}


@pytest.mark.parametrize(
    ("drivings", "line"),
    [
        ([Driving("a"), Driving("b")], "a and b are both to move the same face; give the second a region"),
        ([Driving("a", region="lip"), Driving("b", region="exp")], "a: other drivings move all that it would"),
    ],
)
def test_drivings_that_do_not_fit_together_are_refused(drivings: list[Driving], line: str) -> None:
    with pytest.raises(OptionError, match=line):
        who(drivings, frozenset({"largest"}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("talk.mp4", Driving("talk.mp4")),
        ("lip=talk.mp4", Driving("talk.mp4", region="lip")),
        ("left:talk.mp4", Driving("talk.mp4", face="left")),
        ("left,1:lip=talk.mp4", Driving("talk.mp4", face="left,1", region="lip")),
        ("2:eyes,lip=a=b.mp4", Driving("a=b.mp4", region="eyes,lip", face="2")),
        ("all-lip=icon@2x.png", Driving("icon@2x.png", region="all-lip")),
        (
            "lip=a.mp4@offset=-1.5,end=loop,neutral=auto,face=right",
            Driving("a.mp4", region="lip", offset_seconds=-1.5, end="loop", neutral_frame="auto", driving_face="right"),
        ),
        ("C:talk.mp4", Driving("C:talk.mp4")),
    ],
)
def test_drivings_as_they_are_written(text: str, expected: Driving) -> None:
    assert written(text) == expected


def test_a_file_of_just_that_name_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("lip=talk.mp4", "left:talk.mp4"):
        Path(name).touch()
        assert written(name) == Driving(Path(name))
    assert written("lip=left:talk.mp4") == Driving("left:talk.mp4", region="lip")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lipp=talk.mp4", "there is no region lipp; perhaps lip is meant"),
        ("lip=", "names no file"),
        ("a.mp4@offset=x", "offset is 'x'; give seconds"),
        ("a.mp4@offset=1e9", "give a number from -3600 to 3600"),
        ("a.mp4@end=stop", "choose one of hold, loop, bounce, rest"),
        ("a.mp4@end=loop,start=1", "has no option 'start'; give one of from, to, offset, end, neutral, face"),
        ("a.mp4@face=nose", "choose one of largest"),
    ],
)
def test_what_is_written_wrong_is_one_line(text: str, line: str) -> None:
    with pytest.raises(OptionError, match=line) as caught:
        written(text)
    assert str(caught.value).startswith("--driving ")


def test_frames_come_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.mkv"
    with open_writer(path, rate=Fraction(25)) as writer:
        for level in range(12):
            writer.write(np.full((64, 64, 3), 20 * level, np.uint8))
    monkeypatch.setattr("openportrait.pipeline.driving._HELD_BYTES", 3 * 64 * 64 * 3)
    for schedule in ([0, 0, 3, 3, 11], [11, 10, 9, 8, 7, 6, 5, 4], [0, 5, 11, 10, 8, 8, 2, 1, 4, 0, 1], [7]):
        found = list(frames_of(partial(open_clip, path), schedule))
        assert [frame.index for frame in found] == schedule
        assert all(abs(int(frame.image[32, 32, 1]) - 20 * frame.index) < 4 for frame in found)


@pytest.fixture(scope="module")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side, far apart: the officer on the left, the astronaut on the right."""
    officer, astronaut = (
        read_image(EXAMPLES / "source" / name, max_size=400).image for name in ("officer.jpg", "astronaut.jpg")
    )
    height = min(officer.shape[0], astronaut.shape[0])
    path = tmp_path_factory.mktemp("couple") / "couple.png"
    write_image(path, np.hstack([officer[:height], np.full((height, 300, 3), 90, np.uint8), astronaut[:height]]))
    return path


def pictures(source: Path, driving: object, count: int = 4, **options: object) -> list[Image]:
    with openportrait.stream(source, driving, engine="mesh", **options) as job:  # type: ignore[arg-type]
        return [picture.image for picture, _ in zip(job, range(count), strict=False)]


def test_two_faces_with_two_drivings_are_each_as_alone(couple: Path) -> None:
    nods, smiles = Driving(NOD, face="left"), Driving(SMILE, face="right")
    both = pictures(couple, [nods, smiles], 12)
    left, right = pictures(couple, nods, 12), pictures(couple, smiles, 12)
    middle = read_image(couple).image.shape[1] // 2
    for together, one, other in zip(both, left, right, strict=True):
        assert np.array_equal(together[:, :middle], one[:, :middle])
        assert np.array_equal(together[:, middle:], other[:, middle:])
    assert not np.array_equal(both[-1], both[0])
    untouched = read_image(couple).image
    assert np.array_equal(left[-1][:, middle:], untouched[:, middle:]), "a face without a driving stays as it is"


def test_a_face_may_be_named_by_number_and_have_several_drivings(couple: Path) -> None:
    drivings = [Driving(NOD, face="1"), Driving(SMILE, face="1", region="lip")]
    with openportrait.stream(couple, drivings, engine="mesh") as job:
        assert job.faces == 1
    with pytest.raises(OptionError, match=r"face is 7, but there are 2"):
        pictures(couple, Driving(NOD, face="7"))


def test_lips_eyes_and_pose_of_three(portrait: Path, short_talk: Path, finder: FaceFinder) -> None:
    drivings = [Driving(BLINK, region="eyes"), Driving(short_talk, region="lip"), Driving(NOD, region="pose")]
    made, blinking, talking, nodding = (
        [finder.find(image)[0] for image in pictures(portrait, given, 40)[::4]] for given in (drivings, *drivings)
    )
    lips, eyes = ([getattr(ratios(face), name) for face in made] for name in ("lip", "eyes"))
    # Alone, the lips' clip has half as many pictures a second, and ends sooner.
    alone = [ratios(face).lip for face in talking]
    np.testing.assert_allclose(lips[: 2 * len(alone) : 2], alone[: len(lips[::2])], atol=0.08)
    assert np.ptp(lips) > 0.1
    assert np.corrcoef(eyes, [ratios(face).eyes for face in blinking])[0, 1] > 0.8
    heights = [[face.landmarks[1, 1] for face in faces] for faces in (made, nodding)]
    assert np.corrcoef(heights)[0, 1] > 0.9


def test_the_lips_stay_where_everything_else_moves(portrait: Path, finder: FaceFinder) -> None:
    (whole,), (without,) = (pictures(portrait, SURPRISE, 1, region=region) for region in ("all", "all-lip"))
    own, opened, shut = (ratios(finder.find(image)[0]) for image in (read_image(portrait).image, whole, without))
    assert opened.lip > own.lip + 0.15
    assert abs(shut.lip - own.lip) < 0.04
    assert abs(shut.eyes - opened.eyes) < 0.04


def test_strength_and_neutralising_show(portrait: Path, finder: FaceFinder) -> None:
    plain, strong = (pictures(portrait, SURPRISE, 1, strength=text)[0] for text in ("", "lip=0.4"))
    assert ratios(finder.find(strong)[0]).lip < ratios(finder.find(plain)[0]).lip - 0.1
    astronaut = EXAMPLES / "source" / "astronaut.jpg"
    (smiling,), (calm,) = (pictures(astronaut, NOD, 1, neutralise=text) for text in ("", "exp"))
    assert ratios(finder.find(calm)[0]).lip < 0.5 * ratios(finder.find(smiling)[0]).lip


@pytest.mark.parametrize("relative", [True, False])
def test_sliders_are_added_to_a_driven_job(portrait: Path, finder: FaceFinder, relative: bool) -> None:
    options = {"relative": relative, "region": "pose,brows"}
    (plain,), (winking,) = (pictures(portrait, NOD, 1, edit=edit, **options) for edit in ("", FaceEdit(wink=39)))
    own, made = (ratios(finder.find(image)[0]) for image in (plain, winking))
    assert made.eye_left < 0.8 * own.eye_left, "a shut eye behind glasses reads as a quarter open"
    assert abs(made.eye_right - own.eye_right) < 0.05


def test_a_clip_is_edited_with_its_sound(short_talk: Path, tmp_path: Path, finder: FaceFinder) -> None:
    result = openportrait.edit(short_talk, FaceEdit(lip_open=100), tmp_path / "e.mp4", engine="mesh")
    before, after = probe(short_talk), probe(result.path)
    assert after.has_audio and after.rate == before.rate
    with open_clip(short_talk) as own, open_clip(result.path) as made:
        pairs = [(a.image, b.image) for a, b in zip(own, made, strict=True)]
    opened = [ratios(finder.find(b)[0]).lip - ratios(finder.find(a)[0]).lip for a, b in pairs[::5]]
    assert min(opened) > 0.05
    assert result.frames == len(pairs)


def test_a_timeline_runs_along_with_a_clip(short_talk: Path, tmp_path: Path, finder: FaceFinder) -> None:
    keys = (openportrait.Key(0.0, FaceEdit()), openportrait.Key(0.6, FaceEdit(wink=39)))
    result = openportrait.edit(short_talk, openportrait.Timeline(keys), tmp_path / "t.mp4", engine="mesh")
    with open_clip(result.path) as clip:
        eyes = [ratios(finder.find(frame.image)[0]) for frame in clip]
    assert result.rate == probe(short_talk).rate
    assert eyes[-1].eye_left < 0.75 * eyes[-1].eye_right
    assert eyes[0].eye_left > 0.8 * eyes[0].eye_right


def test_sound_comes_first_from_whom_the_lips_follow(portrait: Path, short_talk: Path) -> None:
    late = Driving(short_talk, region="lip", offset_seconds=0.5)
    with openportrait.stream(portrait, [Driving(SMILE), late], engine="mesh") as job:
        assert job.sound == (Sound(short_talk, Fraction(1, 2)),), "a template has none"


def test_a_driving_for_one_face_leaves_the_other_to_the_first(couple: Path) -> None:
    with openportrait.stream(couple, [SMILE, Driving(SMILE, face="right")], engine="mesh", face="left") as job:
        assert job.faces == 2
    both = pictures(couple, [NOD, Driving(SMILE, face="right")], 12, face="left")[-1]
    left, right = (
        pictures(couple, Driving(file, face=face), 12)[-1] for file, face in ((NOD, "left"), (SMILE, "right"))
    )
    middle = both.shape[1] // 2
    assert np.array_equal(both[:, :middle], left[:, :middle])
    assert np.array_equal(both[:, middle:], right[:, middle:])
