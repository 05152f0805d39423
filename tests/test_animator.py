"""The Python API: an engine loaded once, portraits and drivings analysed once, inputs of any kind."""

from __future__ import annotations

import gc
import io
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import openportrait
from openportrait import Animator, Driving, FaceEdit, Frames, Key, OptionError, Portrait, RetargetOptions, Timeline
from openportrait.faces import FaceFinder
from openportrait.media import open_clip, probe, read_image
from openportrait.records import Image, Progress
from openportrait.templates import load_template
from tests.conftest import EXAMPLES, ROOT

SURPRISE, NOD = EXAMPLES / "driving" / "surprise.jpg", EXAMPLES / "driving" / "nod.motion"
UNTYPED: Any = openportrait
BLINK = Timeline((Key(0.0, FaceEdit()), Key(0.3, FaceEdit(eye_ratio=0.0))), rate=Fraction(10))


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator(engine="mesh", max_crop=512)


@pytest.fixture(scope="module")
def face(animator: Animator, portrait: Path) -> Portrait:
    return animator.portrait(portrait)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def pictures(result: openportrait.Result) -> list[Image]:
    """Test clips are short enough for a list."""
    return list(result.pictures())


def differ(some: list[Image], others: list[Image]) -> int:
    """The largest difference of a pixel."""
    assert len(some) == len(others)
    return max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(some, others, strict=True))


def test_pictures_in_memory_are_those_of_the_stream_and_go_with_the_result(
    animator: Animator, portrait: Path, short_talk: Path, place: Path
) -> None:
    with animator.stream(portrait, short_talk) as job:
        streamed = [picture.image for picture in job]
    result = animator.animate(portrait, short_talk)
    assert (result.frames, result.rate, result.faces) == (12, Fraction(25, 2), 1)
    assert differ(pictures(result), streamed) == 0
    assert np.array_equal(result.image, streamed[0])
    assert result.path.is_relative_to(place)
    del result
    gc.collect()
    assert not list(place.iterdir())


def test_a_picture_in_memory_has_its_transparency(animator: Animator, portrait: Path, place: Path) -> None:
    result = animator.animate(portrait, SURPRISE, background="transparent")
    assert result.rate is None
    assert result.image.shape == (600, 512, 4)
    assert result.image[..., 3].min() == 0


def test_a_file_is_that_of_the_short_form(animator: Animator, portrait: Path, tmp_path: Path) -> None:
    one = animator.animate(portrait, SURPRISE, tmp_path / "a.png")
    other = openportrait.animate(portrait, SURPRISE, tmp_path / "b.png", engine="mesh", max_crop=512)
    assert np.array_equal(read_image(one.path).image, read_image(other.path).image)
    assert one.keeper is None


def test_the_short_form_writes_into_animations(portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = openportrait.animate(read_image(portrait).image, SURPRISE, engine="mesh")
    assert result.path == Path("animations/source--surprise.jpg")
    assert result.path.is_file()


@pytest.mark.slow
def test_what_is_analysed_is_not_looked_at_again(
    animator: Animator, portrait: Path, short_talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One driving moves two portraits, one portrait follows two drivings: each is looked at when it is analysed."""
    other = portrait.with_name("astronaut.jpg")
    sources, drivings = (portrait, other), (short_talk, SURPRISE)
    expected = [pictures(animator.animate(source, driving)) for source in sources for driving in drivings]
    looks = 0
    find, follow = FaceFinder.find, FaceFinder.follow

    def counted(look: Any) -> Any:
        def called(*given: Any, **named: Any) -> Any:
            nonlocal looks
            looks += 1
            return look(*given, **named)

        return called

    monkeypatch.setattr(FaceFinder, "find", counted(find))
    monkeypatch.setattr(FaceFinder, "follow", counted(follow))
    portraits = [animator.portrait(source) for source in sources]
    measured = [animator.driving(driving) for driving in drivings]
    assert looks > 3
    looks = 0
    made = [pictures(one.animate(driving)) for one in portraits for driving in measured]
    assert looks == 0
    assert all(differ(some, others) == 0 for some, others in zip(made, expected, strict=True))


@pytest.mark.slow
def test_threads_share_an_animator_a_portrait_and_a_driving(
    animator: Animator, portrait: Path, short_talk: Path
) -> None:
    regions = ("all", "lip", "eyes", "pose")
    driving = animator.driving(short_talk)
    expected = [pictures(animator.animate(portrait, short_talk, region=region)) for region in regions]
    shared = animator.portrait(portrait)
    fresh = animator.portrait(portrait)

    def work(number: int) -> list[Image]:
        region = regions[number % len(regions)]
        if number < len(regions):
            return pictures(shared.animate(driving, region=region))
        if number < 2 * len(regions):
            return pictures(animator.animate(portrait, short_talk, region=region))
        return [fresh.edit(FaceEdit(smile=1.0))]

    with ThreadPoolExecutor(4) as pool:
        *made, one, other = list(pool.map(work, range(2 * len(regions) + 2)))
    assert all(differ(some, expected[n % len(regions)]) == 0 for n, some in enumerate(made))
    assert differ(one, other) == differ(one, [shared.edit(FaceEdit(smile=1.0))]) == 0


@pytest.mark.slow
def test_inputs_may_be_of_any_kind(animator: Animator, portrait: Path, short_talk: Path, place: Path) -> None:
    with open_clip(short_talk) as clip:
        frames = [frame.image for frame in clip]
    array = read_image(portrait).image
    expected = pictures(animator.animate(portrait, short_talk))
    kinds: list[Any] = [
        (array, Frames(frames, "25/2")),
        (Pillow.fromarray(array), Frames(iter(frames), 12.5)),
        (portrait.read_bytes(), short_talk.read_bytes()),
        (portrait.open("rb"), short_talk.open("rb")),
    ]
    for source, driving in kinds:
        assert differ(pictures(animator.animate(source, driving)), expected) == 0
    several = [Driving(io.BytesIO(short_talk.read_bytes())), Driving(Frames(frames, 12.5), region="lip")]
    assert differ(pictures(animator.animate(array, several)), expected) == 0
    gc.collect()
    assert not list(place.iterdir()), "nothing is left of the inputs"


def test_inputs_in_memory_serve_for_as_long_as_what_was_made_of_them(
    animator: Animator, short_talk: Path, portrait: Path, place: Path
) -> None:
    with open_clip(short_talk) as clip:
        frames = [frame.image for frame in islice(clip, 6)]
    still = read_image(portrait).image
    driving = animator.driving(Frames(frames, 10))
    with animator.portrait(Frames([still] * 4, 10)) as source:
        assert source.frames == 4
        assert source.animate(driving).frames == source.animate(SURPRISE).frames == 4
    del source, driving
    gc.collect()
    assert not list(place.iterdir())


def test_templates_drive_from_memory(animator: Animator, face: Portrait, short_talk: Path, tmp_path: Path) -> None:
    template = animator.template(short_talk)
    assert len(template.motions) == 12
    path = tmp_path / "talk.motion"
    openportrait.save_template(path, template)
    from_file, from_memory = face.animate(path), face.animate(load_template(path))
    assert differ(pictures(from_file), pictures(from_memory)) == 0
    assert face.animate(load_template(NOD), tmp_path).path == tmp_path / "officer--driving.mp4"


def test_a_portrait_is_edited_into_an_array_or_a_file(animator: Animator, portrait: Path, tmp_path: Path) -> None:
    wide = animator.portrait(portrait, source_scale=2.5)
    image = wide.edit(FaceEdit(smile=1.0))
    assert image.shape == (600, 512, 3)
    assert image.dtype == np.uint8
    assert np.array_equal(image, animator.edit(portrait, FaceEdit(smile=1.0)).image)
    result = wide.edit(FaceEdit(smile=1.0), tmp_path / "smile.png")
    assert np.array_equal(read_image(result.path).image, image)


@pytest.mark.slow
def test_a_timeline_and_a_clip_are_performed(
    animator: Animator, face: Portrait, portrait: Path, short_talk: Path
) -> None:
    assert (face.perform(BLINK).frames, animator.perform(portrait, BLINK).rate) == (4, Fraction(10))
    clip = animator.portrait(short_talk)
    smiling = clip.perform(FaceEdit(smile=1.0))
    assert smiling.frames == clip.frames == 12
    shut = RetargetOptions(lip=0.0)
    assert differ(pictures(clip.retarget(shut)), pictures(animator.retarget(short_talk, shut))) == 0
    with pytest.raises(OptionError, match="the portrait is a clip; give an output"):
        clip.edit(FaceEdit(smile=1.0))


def test_a_clip_in_a_file_has_its_sound(animator: Animator, face: Portrait, short_talk: Path, tmp_path: Path) -> None:
    driving = animator.driving(short_talk.read_bytes())
    assert probe(face.animate(driving, tmp_path / "out.mp4").path).has_audio


def test_a_portrait_follows_a_camera(face: Portrait, short_talk: Path) -> None:
    with open_clip(short_talk) as clip:
        camera = [frame.image for frame in clip]
    live = face.live(region="lip")
    shown = [live.drive(frame, n / 12.5) for n, frame in enumerate(camera)]
    assert all(picture.shape == (600, 512, 3) for picture in shown)
    assert max(int(np.abs(picture.astype(int) - shown[0]).max()) for picture in shown) > 20
    with pytest.raises(OptionError, match=r"^frame: an array of float32; give uint8"):
        live.drive(camera[0].astype(np.float32), 1.0)


@pytest.mark.slow
def test_faces_are_named_by_drivings(animator: Animator, portrait: Path, tmp_path: Path) -> None:
    array = read_image(portrait).image
    couple = animator.portrait(np.hstack([array, array]), face="all")
    assert len(couple.faces) == 2
    left, right = (Driving(NOD, face=name) for name in ("left", "right"))
    alone, both = pictures(couple.animate(left)), pictures(couple.animate([left, right]))
    assert differ([picture[:, :400] for picture in alone], [picture[:, :400] for picture in both]) == 0
    assert differ([picture[:, 600:] for picture in alone], [picture[:, 600:] for picture in both]) > 20
    single = animator.portrait(np.hstack([array, array]), face="left")
    with pytest.raises(OptionError, match="the face right was not chosen with the source"):
        single.animate(right)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, p: a.animate(p, SURPRISE, region="lpi"), "region: there is no region lpi"),
        (lambda a, p: a.animate(p, SURPRISE, face=7), "face is 7; give a short text"),
        (lambda a, p: a.animate(p, SURPRISE, face="7"), "face is 7, but there is 1 in"),
        (lambda a, p: a.animate(p, SURPRISE, regoin="lip"), "there is no option regoin; did you mean region?"),
        (lambda a, p: a.animate(p, SURPRISE, engine="mesh"), "engine is chosen when the animator is made"),
        (lambda a, p: a.portrait(p).animate(SURPRISE, face="left"), "face is chosen when the portrait is analysed"),
        (
            lambda a, p: a.animate(p, SURPRISE, side_by_side=True),
            "side_by_side=True and save_template=True write files",
        ),
        (lambda a, p: a.animate(p, []), "there is no driving; give at least one"),
        (lambda a, p: a.animate(p, [NOD, 5]), "driving[1]: 5 is no input"),
        (lambda a, p: a.animate(np.zeros((9, 9, 3)), NOD), "source: an array of float64; give uint8"),
        (lambda a, p: a.animate(np.zeros((99, 99, 3), np.uint8), NOD), "no face in source (array)"),
        (lambda a, p: a.animate(p, np.zeros((99, 99, 3), np.uint8)), "no face in driving (array)"),
        (lambda a, p: a.driving(b"nothing"), "driving (bytes): "),
        (
            lambda a, p: a.animate(p, Driving(a.driving(NOD), driving_face="left")),
            "is measured already; choose driving_face",
        ),
        (lambda a, p: a.portrait(p).edit(FaceEdit(), provenance=3), "provenance is 3; give true or false"),
        (lambda a, p: UNTYPED.animate(p, NOD, engine="mash"), "engine is 'mash'; choose one of"),
        (lambda a, p: UNTYPED.Animator(device=5), "device is 5; give a short text"),
    ],
)
def test_errors_name_arguments(animator: Animator, portrait: Path, call: Any, said: str) -> None:
    with pytest.raises(openportrait.OpenPortraitError) as caught:
        call(animator, portrait)
    assert said in str(caught.value)
    assert "--" not in str(caught.value)


def test_warnings_name_inputs_and_arguments(animator: Animator, face: Portrait, portrait: Path) -> None:
    driving = animator.driving(read_image(SURPRISE).image)
    for result in (face.animate(driving, region="pose"), animator.animate(portrait, SURPRISE, region="pose")):
        assert any("relative=False" in line for line in result.warnings)
        assert not any("--" in line or "/tmp" in line for line in result.warnings)
    with face.stream(driving, region="pose") as job:
        assert any("relative=False" in line for line in job.warnings)


def test_an_error_in_a_stream_names_arguments(animator: Animator, portrait: Path) -> None:
    with pytest.raises(OptionError, match=r"^face is 7, but"), animator.stream(portrait, NOD, face="7"):
        pytest.fail("there is no such face")


def test_a_closed_animator_says_so_and_its_portraits_go_on(portrait: Path) -> None:
    with Animator(engine="mesh") as animator:
        face = animator.portrait(portrait)
    with pytest.raises(OptionError, match="the animator is closed"):
        animator.animate(portrait, NOD)
    assert face.edit(FaceEdit(smile=1.0)).shape == (600, 512, 3)


def test_progress_is_told_and_a_job_is_stopped(
    animator: Animator, face: Portrait, short_talk: Path, place: Path
) -> None:
    told: list[Progress] = []
    driving = animator.driving(short_talk, progress=told.append)
    assert {now.title for now in told} == {"Reading the motion"}
    told.clear()
    with pytest.raises(openportrait.Cancelled):
        face.animate(driving, progress=told.append, cancel=lambda: len(told) > 3)
    assert {now.title for now in told} == {"Animating"}
    gc.collect()
    assert not list(place.iterdir())


CALLS = """
import numpy as np
import openportrait
from openportrait import Animator, FaceEdit, Frames

openportrait.animate("a.jpg", "b.mp4", region="lip", engine="mesh", multiplier=1)
with Animator(engine="mesh", weights="folder") as animator:
    portrait = animator.portrait(np.zeros((9, 9, 3), np.uint8), face="left")
    driving = animator.driving(Frames([], 25), driving_face="0")
    portrait.animate([driving, "b.mp4"], region="lip").image.shape
    portrait.edit(FaceEdit()).shape
    portrait.edit(FaceEdit(), "out.png").path
openportrait.animate("a.jpg", "b.mp4", regoin="lip")
animator.animate("a.jpg", "b.mp4", engine="mesh")
portrait.animate("b.mp4", face="left")
animator.driving("b.mp4", region="lip")
Animator(region="lip")
portrait.edit(FaceEdit()).path
"""


@pytest.mark.slow
def test_a_type_checker_knows_what_may_be_given(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "calls.py").write_text(CALLS)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            f"--config-file={ROOT / 'pyproject.toml'}",
            f"--cache-dir={ROOT / '.mypy_cache'}",
            "calls.py",
        ],
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("calls.py:") and "error" in line]
    due = ('"regoin" .* did you mean "region"', '"engine"', '"face"', '"region"', '"region"', '"path"')
    assert len(found) == len(due), done.stdout
    assert all(re.search(pattern, line) for pattern, line in zip(due, found, strict=True)), done.stdout
