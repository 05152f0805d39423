"""A part of a source or driving does what a file of that part alone would do, in Python and on the command line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait import Animator, Driving, Frames, OptionError
from openportrait.batches.worker import request
from openportrait.media import Sound, open_clip, probe
from openportrait.records import Image
from openportrait.trim import Trim
from tests.cli.conftest import Run, run  # noqa: F401 - a fixture

RATE = Fraction(25, 2)
START, END = 0.24, 0.72
"""Seconds of frames 3 to before 9."""


@pytest.fixture(scope="module")
def cut(short_talk: Path) -> Frames:
    """That part alone, as exact pictures."""
    with open_clip(short_talk) as clip:
        return Frames([frame.image for frame in clip][3:9], RATE)


def same(one: list[Image], other: list[Image]) -> bool:
    return len(one) == len(other) == 6 and all(map(np.array_equal, one, other))


def test_a_part_of_a_driving_or_source_is_as_a_clip_of_its_own(small: Path, short_talk: Path, cut: Frames) -> None:
    animator = Animator(engine="mesh")
    wanted = list(animator.animate(small, cut).pictures())
    of_all = animator.animate(small, short_talk, driving_start=START, driving_end=END)
    own = Driving(short_talk, start_seconds=START, end_seconds=END)
    with animator.stream(small, own, driving_start=0.5, driving_end=3) as job:
        assert same([picture.image for picture in job], wanted), "a driving's own part counts"
        assert job.sound == (Sound(short_talk, trim=Trim(Fraction(6, 25), Fraction(18, 25))),)
    assert same(list(of_all.pictures()), wanted)
    moved = list(animator.animate(short_talk, small, max_size=128, source_start=START, source_end=END).pictures())
    alone = list(animator.animate(cut, small, max_size=128).pictures())
    assert len(moved) == len(alone) == 6
    off = [[np.abs(one.astype(int) - other).mean() for other in alone] for one in moved]
    assert [int(np.argmin(row)) for row in off] == list(range(6))
    assert max(map(min, off)) < 1, "but for the rounding of what is reduced from other pixels"


def test_a_part_of_a_template_or_a_sound(small: Path, short_talk: Path, speech: Path, tmp_path: Path) -> None:
    animator = Animator(engine="mesh")
    template = animator.template(short_talk)
    part = animator.template(Driving(template, start_seconds=START, end_seconds=END))
    assert [motion.scale for motion in part.motions] == [motion.scale for motion in template.motions][3:9]
    spoken = animator.animate(
        small, speech, tmp_path / "spoken.mp4", driving_start=1, driving_end=1.5, speech_rate=10, save_template=True
    )
    assert spoken.frames == 5
    assert spoken.template is not None
    again = animator.animate(small, spoken.template, driving_start=0.2)
    assert again.frames == 3
    measured = animator.driving(short_talk, driving_end=0.4)
    assert len(measured.motions) == 5
    with pytest.raises(OptionError, match="measured already; choose the part of it where it is"):
        animator.animate(small, Driving(measured, start_seconds=0.1))


def test_parts_on_the_command_line(run: Run, small: Path, short_talk: Path, tmp_path: Path) -> None:  # noqa: F811
    mesh = ("--engine", "mesh")
    made = run("animate", "-s", small, "-d", f"{short_talk}@from={START},to={END}", "-o", "a.mp4", "--json", *mesh)
    assert json.loads(made.stdout)["frames"] == 6, made.stderr
    assert probe(tmp_path / "a.mp4").has_audio
    source = ("--source-start", START, "--source-end", END, "--max-size", 128)
    assert run("edit", "-s", short_talk, *source, "--smile", 1, "-o", "e.mp4", *mesh).returncode == 0
    assert probe(tmp_path / "e.mp4").frames == 6
    assert run("template", "make", "-d", short_talk, "--driving-start", START, "-o", "t.motion", *mesh).returncode == 0
    assert json.loads(run("template", "info", "t.motion", "--json").stdout)["frames"] == 9
    before = sorted(tmp_path.iterdir())
    for options, words in (
        (("--driving-start", 9), "short_talk.mp4: ends after 0.96 s, before its part that begins at 9 s; let it"),
        (("--driving-start", 2, "--driving-end", 1), "--driving-end is 1 and --driving-start 2; give an end behind"),
        (("--source-end", 0), "--source-end is 0 and --source-start 0; give an end behind the start"),
        (("--driving-start", "nan"), "--driving-start is nan; give a finite number"),
        (("--source-start", -1), "--source-start is -1; give a number from 0 to 86400"),
    ):
        done = run("animate", "-s", small, "-d", short_talk, *options, "-o", "bad.mp4", *mesh)
        assert done.returncode != 0
        assert words in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_worker_is_told_all_of_a_driving(small: Path, short_talk: Path, tmp_path: Path) -> None:
    given = Driving(short_talk, sound=True, region="lip", start_seconds=0.5, end_seconds=1, offset_seconds=2)
    [sent] = json.loads(json.dumps(request(small, (given,), tmp_path / "out.mp4", {})))["drivings"]
    assert Driving(**sent) == given
