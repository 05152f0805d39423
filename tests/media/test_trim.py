"""A part of a clip is what the whole clip shows and says there, found without decoding all before it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.errors import MediaError
from openportrait.media import Sound, open_clip, open_writer
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.trim import Trim

from .make import Video, count_decoded, index_of, picture
from .test_marks import CASES
from .test_sound import RATE, Clicks, played


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("start", "end"), [(0.5, 1.1), (1.7, None), (1.9, 50.0)])
def test_a_part_shows_what_the_whole_shows_there(tmp_path: Path, name: str, start: float, end: float | None) -> None:
    path, part = CASES[name].save(tmp_path / name), Trim.of(start, end)
    with open_clip(path) as clip:
        whole = list(clip)
        assert clip.info.rate is not None
        expected = [whole[number].image for number in part.frames(clip.info.rate, len(whole))]
    with open_clip(path, trim=part) as clip:
        seen = list(clip)
        assert [frame.index for frame in seen] == list(range(len(seen)))
        assert all(frame.pts_seconds == frame.index / (clip.info.rate or 1) for frame in seen)
        assert clip.info.frames == pytest.approx(len(seen), abs=1)
        again = list(clip.frames(3, clip.marks))
    assert [index_of(frame.image) for frame in seen] == [index_of(image) for image in expected]
    assert [index_of(frame.image) for frame in again] == [index_of(image) for image in expected[3:]]


def test_what_comes_before_a_part_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Video(250, size=(64, 64), options={"g": "25"}).save(tmp_path / "a.mp4")
    decoded = count_decoded(monkeypatch)
    with open_clip(path, trim=Trim.of(8, 8.4)) as clip:
        assert len(list(clip)) == 10
    assert len(decoded) < 80, "a second before it, and what is decoded ahead"


def test_time_is_counted_from_the_first_picture(tmp_path: Path) -> None:
    """The clip's clock says five seconds when its first picture is shown."""
    times = [450_000 + 3600 * n for n in range(60)]
    path = Video(60, options={"g": "12"}, times=times).save(tmp_path / "late.mkv")
    with open_clip(path, trim=Trim.of(1.6, 1.68)) as clip:
        assert [index_of(frame.image) for frame in clip] == [40 % 16, 41 % 16]


@pytest.mark.parametrize("name", ["a.mp4", "c.ts", "g.gif"])
def test_a_part_behind_the_end_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = CASES[name].save(tmp_path / name)
    with pytest.raises(MediaError, match=rf"{name}: ends .*before its part that begins at 7 s; let it"):
        list(open_clip(path, trim=Trim.of(7, None)))


def test_the_shortest_part_is_one_frame(tmp_path: Path) -> None:
    with open_clip(CASES["a.mp4"].save(tmp_path / "a.mp4"), trim=Trim.of(1.0, 1.001)) as clip:
        assert (len(list(clip)), clip.info.frames) == (1, 1)


@pytest.mark.parametrize("delay", [Fraction(0), Fraction(2), Fraction(-1)])
@pytest.mark.parametrize(
    ("codec", "given", "made"),
    [
        ("aac", "in.mp4", "o.mp4"),
        ("pcm_s16le", "in.mov", "o.mov"),
        ("aac", "in.mkv", "o.webm"),
        ("mp2", "in.ts", "o.mp4"),
    ],
)
def test_the_sound_of_a_part(tmp_path: Path, codec: str, given: str, made: str, delay: Fraction) -> None:
    """Clicks are at 0, 10 and 20 s: of what lies from 7 to 19 s the second alone is heard, and where it belongs."""
    source = Clicks(seconds=25, codec=codec).save(tmp_path / given)
    part = Trim(Fraction(7), Fraction(19))
    with open_writer(tmp_path / made, rate=RATE, sound=[Sound(source, delay, part)]) as writer:
        for _ in range(int(16 * RATE)):
            writer.write(picture())
    heard = played(writer.path)
    assert heard.clicks == pytest.approx([float(10 - 7 + delay)], abs=0.03)
    assert heard.sound_end == pytest.approx(float(12 + delay), abs=0.05)


def test_the_sound_of_a_part_is_in_step_with_its_pictures(tmp_path: Path) -> None:
    """The picture's clock begins 0.4 s before that of the sound."""
    source = Clicks(seconds=25, sound_start=Fraction(2, 5)).save(tmp_path / "in.mp4")
    with open_clip(source, trim=Trim.of(8.07, 23.0)) as clip:
        part = clip.trim
        with open_writer(tmp_path / "o.mp4", rate=RATE, sound=[Sound(source, trim=part)], quality=50) as writer:
            for frame in clip:
                writer.write(frame.image)
    heard = played(writer.path)
    assert heard.flashes == pytest.approx([2.0, 12.0])
    assert np.abs(heard.lags).max() < 0.03


@pytest.mark.parametrize(("codec", "name"), [("aac", "a.mp4"), ("mp2", "a.ts")])
def test_a_part_is_heard_to_the_sample(tmp_path: Path, codec: str, name: str) -> None:
    path = Clicks(seconds=25, codec=codec).save(tmp_path / name)
    whole, part = (np.concatenate(list(listen(path, trim))) for trim in (Trim(), Trim.of(8.5, 12.25)))
    assert len(part) == 3.75 * HEARD_RATE
    loud = [int(np.flatnonzero(np.abs(samples) > 0.3)[0]) for samples in (whole[int(8.5 * HEARD_RATE) :], part)]
    assert loud[0] == pytest.approx(loud[1], abs=2)
    with pytest.raises(MediaError, match="before its part that begins at 60 s"):
        list(listen(path, Trim.of(60, None)))
