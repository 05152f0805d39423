"""Frames of a clip from the middle on: those that reading from the start gives, without decoding what comes before."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.media import open_clip
from openportrait.records import Frame

from .make import Video, count_decoded

FRAMES = 60
KEYS = {"g": "12", "keyint_min": "12", "bf": "2"}
RESTS = [n * 3600 + 30 * (n % 3) + 9000 * (n > 30) for n in range(FRAMES)]
"""A phone's trembling clock at 25 frames/s, with a rest of 2.5 frames in the middle."""
CASES = {
    "a.mp4": Video(FRAMES, options=KEYS),
    "b.mkv": Video(FRAMES, rate=Fraction(30000, 1001), options=KEYS | {"x264-params": "open-gop=1"}),
    "c.ts": Video(FRAMES, options=KEYS),
    "d.webm": Video(FRAMES, codec="libvpx-vp9", options={"g": "12", "b": "400000"}),
    "e.mp4": Video(FRAMES, options=KEYS, times=RESTS),
    "f.avi": Video(FRAMES, codec="mjpeg", pixels="yuvj420p"),
    "g.gif": Video(FRAMES, codec="gif", pixels="rgb8"),
    "h.mp4": Video(FRAMES, options={"x264-params": "intra-refresh=1:keyint=12"}),
}


@pytest.mark.parametrize("name", CASES)
def test_frames_from_the_middle_on(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = CASES[name].save(tmp_path / name)
    with open_clip(path) as clip:
        whole = list(clip)
        marks = list(clip.marks)
    assert len(whole) >= FRAMES
    for first in (0, 1, 11, 12, 31, 40, len(whole) - 1, len(whole)):
        with open_clip(path) as clip:
            rest = list(clip.frames(first, marks))
        assert list(map(place, rest)) == list(map(place, whole[first:]))
        assert all(np.array_equal(one.image, other.image) for one, other in zip(rest, whole[first:], strict=True))
    if path.suffix in (".mp4", ".mkv", ".webm") and name != "h.mp4":
        assert len(marks) > 3
        decoded = count_decoded(monkeypatch)
        with open_clip(path) as clip:
            next(clip.frames(50, marks))
        assert len(decoded) < 20, "what comes before is not decoded"


def place(frame: Frame) -> tuple[int, Fraction]:
    return frame.index, frame.pts_seconds


def test_marks_of_another_file_do_no_harm(tmp_path: Path) -> None:
    with open_clip(CASES["a.mp4"].save(tmp_path / "a.mp4")) as clip:
        list(clip)
        marks = clip.marks
    other = Video(FRAMES, rate=Fraction(24), options={"g": "7"}).save(tmp_path / "b.mp4")
    with open_clip(other) as clip:
        assert [frame.index for frame in clip.frames(31, marks)] == list(range(31, FRAMES))
