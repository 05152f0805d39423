from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.records import Motion, Ratios, Template
from openportrait.templates import save_template
from tests.cli.conftest import Run


@pytest.fixture
def portable(tmp_path: Path) -> Path:
    """A template with the 21 keypoints that official ones have, 3 frames at 30000/1001."""
    random = np.random.default_rng(1)
    motions = tuple(
        Motion(
            np.eye(3), random.normal(0, 0.01, (21, 3)), 1.5, np.array([0.1, 0.0, 0.0]), random.normal(0, 0.2, (21, 3))
        )
        for _ in range(3)
    )
    template = Template(motions, (Ratios(0.3, 0.3, 0.1),) * 3, Fraction(30000, 1001), "liveportrait-21", "neural")
    path = tmp_path / "three.motion"
    save_template(path, template)
    return path


def test_info_states_what_is_in_it(run: Run, portable: Path) -> None:
    facts = json.loads(run("template", "info", portable, "--json").stdout)
    assert facts["frames"] == 3
    assert facts["rate"] == "30000/1001"
    assert facts["layout"] == "liveportrait-21"
    assert facts["engine"] == "neural"
    lines = run("template", "info", portable).stdout.splitlines()
    assert "rate     30000/1001" in lines


def test_convert_goes_both_ways(run: Run, portable: Path, tmp_path: Path) -> None:
    assert run("template", "convert", portable, "-o", "official.pkl").stdout == "official.pkl\n"
    assert run("template", "convert", "official.pkl", "-o", "back.motion").returncode == 0
    facts = json.loads(run("template", "info", "back.motion", "--json").stdout)
    assert facts["frames"] == 3
    assert facts["ratios"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.motion", "official.pkl", "three.motion"]


def test_convert_to_an_unknown_kind_is_wrong_usage(run: Run, portable: Path) -> None:
    done = run("template", "convert", portable, "-o", "other.zip")
    assert done.returncode == 2
    assert (
        done.stderr == "openportrait: error: other.zip: templates are written as .motion or .pkl; choose one of them\n"
    )


def test_a_file_that_is_no_template_is_refused(run: Run, files: Path) -> None:
    done = run("template", "info", files / "portrait.png")
    assert done.returncode == 1
    assert "portrait.png is no motion template" in done.stderr


def test_make_measures_a_clip(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("template", "make", "-d", files / "clip.mp4", "--engine", "mesh")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "clip.motion\n"
    facts = json.loads(run("template", "info", "clip.motion", "--json").stdout)
    assert (facts["frames"], facts["rate"], facts["engine"]) == (8, "24000/1001", "mesh")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.motion"]


def test_outputs_are_judged_before_the_work(run: Run, files: Path, tmp_path: Path, portable: Path) -> None:
    clip = tmp_path / "clip.motion"
    clip.write_bytes((files / "clip.mp4").read_bytes())
    (tmp_path / "folder.motion").mkdir()
    before = sorted(tmp_path.iterdir())
    for args, code, words in (
        (("template", "make", "-d", clip, "-o", "new.zip"), 2, "new.zip: templates are made as .motion; name it so"),
        (("template", "make", "-d", clip, "-o", "clip.motion"), 1, "clip.motion: is an input and the output at once"),
        (("template", "make", "-d", clip, "-o", "folder.motion"), 1, "folder.motion: is a folder; name a file in it"),
        (("template", "convert", portable, "-o", portable), 1, "three.motion: is an input and the output at once"),
        (("faces", clip, "--draw", "clip.motion"), 1, "clip.motion: pictures are not written as .motion; use .png"),
        (("faces", clip, "--draw", "new/drawn.mp4"), 1, "drawn.mp4: pictures are not written as .mp4; use .png"),
    ):
        done = run(*args)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert words in done.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert clip.read_bytes() == (files / "clip.mp4").read_bytes()
