"""The neural engine through the command line's own processes."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from openportrait.media import open_clip, open_writer, probe, read_image
from openportrait.templates import load_template
from tests.conftest import EXAMPLES
from tests.neural_job.conftest import command


@pytest.mark.slow
def test_animate_by_a_picture(officer: Path, weights: Path, tmp_path: Path) -> None:
    driving = EXAMPLES / "driving" / "surprise.jpg"
    done = command(
        "animate", "-s", officer, "-d", driving, "--engine", "neural", "--weights", weights, "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    stated = json.loads(done.stdout)
    assert (stated["engine"], stated["frames"], stated["path"]) == ("neural", 1, "animations/officer--surprise.jpg")
    assert read_image(tmp_path / stated["path"]).image.shape == read_image(officer).image.shape
    (noted,) = (line for line in done.stderr.splitlines() if "not all the published ones" in line)
    assert noted.startswith("openportrait: note: ")
    assert noted.removeprefix("openportrait: note: ") in stated["warnings"]


def test_a_template_goes_to_the_official_format_and_back_unchanged(motion_of_three: Path, tmp_path: Path) -> None:
    for given, written in ((motion_of_three, "official.pkl"), ("official.pkl", "back.motion")):
        done = command("template", "convert", given, "-o", written, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"{written}\n"), done.stderr
    first, *others = (load_template(path) for path in (motion_of_three, *sorted(tmp_path.iterdir())))
    assert (first.engine, first.layout, first.rate) == ("neural", "liveportrait-21", Fraction(25, 2))
    for other in others:
        assert (other.engine, other.layout, other.rate) == (first.engine, first.layout, first.rate)
        for motion, same in zip(first.motions, other.motions, strict=True):
            for name in ("rotation", "expression", "scale", "translation", "canonical"):
                np.testing.assert_array_equal(getattr(motion, name), getattr(same, name))
        np.testing.assert_allclose(
            [(r.eye_left, r.eye_right, r.lip) for r in first.ratios],
            [(r.eye_left, r.eye_right, r.lip) for r in other.ratios],
            rtol=1e-6,
        )


@pytest.mark.slow
def test_edit_changes_the_face(officer: Path, weights: Path, tmp_path: Path) -> None:
    done = command("edit", "-s", officer, "--engine", "neural", "--weights", weights, "--smile", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 picture in" in done.stderr
    assert "with the neural engine" in done.stderr
    made, source = read_image(tmp_path / done.stdout.strip()).image, read_image(officer).image
    assert made.shape == source.shape
    assert np.abs(made.astype(int) - source)[80:160, 90:180].mean() > 20


@pytest.mark.slow
def test_retarget_takes_a_clip(talk: Path, weights: Path, tmp_path: Path) -> None:
    with open_clip(talk, max_size=128) as clip, open_writer(tmp_path / "two.mp4", rate=Fraction(25)) as writer:
        for frame in islice(clip, 2):
            writer.write(frame.image)
    done = command(
        "retarget",
        "-s",
        "two.mp4",
        "--engine",
        "neural",
        "--weights",
        weights,
        "--lip",
        "0",
        "-o",
        "o.mp4",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert probe(tmp_path / "o.mp4").frames == 2


def test_without_weights_auto_says_in_one_line_how_to_get_them(
    officer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENPORTRAIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    driven = ("animate", "-s", officer, "-d", EXAMPLES / "driving" / "surprise.jpg")
    left_open, chosen = command(*driven, cwd=tmp_path), command(*driven, "--engine", "mesh", cwd=tmp_path)
    assert left_open.returncode == chosen.returncode == 0
    (line,) = [line for line in left_open.stderr.splitlines() if "weights download" in line]
    assert line.startswith("openportrait: for the neural engine: ")
    assert "weights" not in chosen.stderr
    assert "weights" not in command(*driven, cwd=tmp_path).stderr, "it was said once"
