"""A portrait that follows a camera, on the mesh engine."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from openportrait.errors import OptionError
from openportrait.faces import FaceFinder, ratios
from openportrait.media import Samples, open_clip, probe, read_image
from openportrait.media.listening import HEARD_RATE, Listener, listen
from openportrait.motion import LiveTransfer
from openportrait.options import MotionOptions, Options
from openportrait.pipeline.live import RECORDING_RATE, LiveSession, Recorder
from openportrait.records import Image
from tests.conftest import EXAMPLES
from tests.pipeline.test_animate import change, frames_of, parts


@pytest.fixture(scope="module")
def camera(talk: Path) -> list[Image]:
    """Every third of the first 48 frames of the talking face."""
    with open_clip(talk, max_size=360) as clip:
        return [frame.image for frame in islice(clip, 0, 48, 3)]


def session(portrait: Path, **options: object) -> LiveSession:
    return LiveSession(portrait, Options.of(engine="mesh", max_size=512, max_crop=512, **options))


def test_the_mouth_follows_and_the_chest_stays(portrait: Path, camera: list[Image]) -> None:
    live, source = session(portrait), read_image(portrait, max_size=512).image
    pictures = [live(frame) for frame in camera]
    assert all(picture.face_seen for picture in pictures)
    assert change(pictures[0].image, source) < 1, "the first face counts as at rest"
    assert max(change(picture.image, source, parts(source)["mouth"]) for picture in pictures) > 8
    assert all(np.array_equal(picture.image[490:], source[490:]) for picture in pictures)


def test_the_last_picture_stands_still_without_a_face(portrait: Path, camera: list[Image]) -> None:
    live = session(portrait)
    shown = [live(frame) for frame in camera[:6]][-1]
    lost = live(np.zeros_like(camera[0]))
    assert not lost.face_seen
    assert np.array_equal(lost.image, shown.image)


def test_smoothing_of_keypoints_starts_anew_after_a_lost_face(
    portrait: Path, camera: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = session(portrait)
    starts: list[None] = []
    for frame in camera[:2]:
        live(frame)
    monkeypatch.setattr(LiveTransfer, "start_anew", lambda _: starts.append(None))
    for frame, expected in ((camera[2], 0), (np.zeros_like(camera[0]), 0), (camera[3], 1), (camera[4], 1)):
        live(frame)
        assert len(starts) == expected


def test_the_neutral_moment_can_be_chosen(portrait: Path, camera: list[Image]) -> None:
    live, source = session(portrait), read_image(portrait, max_size=512).image
    mouth = parts(source)["mouth"]
    moved = max(camera, key=lambda frame: change(live(frame).image, source, mouth))
    for _ in range(4):
        before = change(live(moved).image, source, mouth)
    live.recentre()
    assert before > 4
    assert change(live(moved).image, source, mouth) < 1


def test_region_and_strength_change_while_it_runs(portrait: Path, camera: list[Image]) -> None:
    live, source = session(portrait), read_image(portrait, max_size=512).image
    for frame in camera[:4]:
        live(frame)
    live.configure(MotionOptions(multiplier=0.0))
    assert max(change(live(frame).image, source) for frame in camera) < 0.1
    live.configure(MotionOptions(region="lip"))
    pictures = [live(frame).image for frame in camera]
    boxes = parts(source)
    assert max(change(picture, source, boxes["mouth"]) for picture in pictures) > 5
    assert max(change(picture, source, boxes["eyes"]) for picture in pictures) < 1


def test_a_recording_keeps_time_whatever_the_camera_does(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", 90, max_seconds=2.0)
    for seconds, shade in ((10.0, 0), (10.21, 120), (11.0, 240)):
        recorder.write(np.full((64, 64, 3), shade, np.uint8), seconds)
    assert recorder.finish() == 26
    shades = [int(picture.mean()) for picture in frames_of(tmp_path / "a.mp4")]
    assert len(shades) == 26
    assert probe(tmp_path / "a.mp4").rate == RECORDING_RATE
    assert shades[0] < 20
    assert abs(shades[1] - 120) < 12
    assert shades[-1] > 225
    longer = Recorder(tmp_path / "b.mp4", 90, max_seconds=2.0)
    for seconds in (0.0, 1.0, 2.0, 60.0):
        longer.write(np.zeros((64, 64, 3), np.uint8), seconds)
    assert longer.finish() == 50, "the limit holds"


def test_a_pause_of_the_camera_is_cut_to_a_second(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", 90, max_seconds=600.0)
    for seconds, shade in ((0.0, 20), (0.25, 60), (600.25, 200), (600.5, 240)):
        recorder.write(np.full((64, 64, 3), shade, np.uint8), seconds)
    assert recorder.finish() == 39, "a quarter of a second, a second, a quarter, and the last picture"


def test_a_recording_of_nothing_leaves_nothing(portrait: Path, tmp_path: Path) -> None:
    live = session(portrait)
    live.record(tmp_path / "a.mp4")
    assert live.finish() == 0
    assert not list(tmp_path.iterdir())


def test_a_clip_is_no_portrait(talk: Path) -> None:
    with pytest.raises(OptionError, match="live animation takes a picture"):
        session(talk)


@pytest.mark.parametrize("relative", [True, False])
def test_sliders_are_added_and_the_own_expression_taken_away(
    camera: list[Image], finder: FaceFinder, relative: bool
) -> None:
    astronaut = EXAMPLES / "source" / "astronaut.jpg"
    plain, changed = (
        session(astronaut, relative=relative, region="pose", **options)(camera[0]).image
        for options in ({}, {"neutralise": "lip", "edit": "wink_right=39"})
    )
    own, made = (ratios(finder.find(image)[0]) for image in (plain, changed))
    assert own.lip > 0.15 and made.lip < 0.5 * own.lip
    assert made.eye_right < 0.7 * made.eye_left


def test_it_speaks_the_microphone_and_follows_the_camera_again(
    portrait: Path, camera: list[Image], speech: Path
) -> None:
    live, source = session(portrait, liveliness=0.0), read_image(portrait, max_size=512).image
    mouth = parts(source)["mouth"]
    samples = np.concatenate(list(listen(speech)))
    pieces = [Samples(samples[start : start + 1600], HEARD_RATE) for start in range(0, len(samples), 1600)]
    pictures = [live.speak(piece).image for piece in pieces]
    assert max(change(picture, source, mouth) for picture in pictures) > 8
    assert all(np.array_equal(picture[490:], source[490:]) for picture in pictures)
    quiet = [live.speak(Samples(np.zeros(1600, np.float32), HEARD_RATE)).image for _ in range(10)]
    assert np.array_equal(quiet[-1], quiet[-2]), "silence keeps the mouth still"
    with pytest.raises(OptionError, match="8000 a second"):
        live.speak(Samples(np.zeros(800, np.float32), 8000))
    assert change(live(camera[0]).image, source) < 1, "the camera's first face counts as at rest again"


def test_a_sound_in_pieces_of_any_rate_is_the_same_sound(speech: Path) -> None:
    whole = np.concatenate(list(listen(speech)))[: 2 * HEARD_RATE]
    fast = np.interp(np.arange(len(whole) * 3) / 3, np.arange(len(whole)), whole).astype(np.float32)
    listener = Listener()
    heard = np.concatenate(
        [listener(Samples(fast[start : start + 1000], 48_000)) for start in range(0, len(fast), 1000)]
    )
    assert len(whole) - 100 < len(heard) <= len(whole)
    best = max(
        float(np.corrcoef(heard[late : len(heard) - 40], whole[: len(heard) - 40 - late])[0, 1]) for late in range(40)
    )
    assert best > 0.97
