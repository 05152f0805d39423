from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from openportrait.media import open_clip, probe, read_image
from openportrait.records import Floats
from tests.cli.conftest import Run

MESH = ("--engine", "mesh", "--max-crop", "256")


def change(one: Path, other: Path) -> Floats:
    """Mean absolute difference of each pixel row, 0..255."""
    first, second = (read_image(path).image.astype(float) for path in (one, other))
    return np.asarray(np.abs(first - second).mean((1, 2)))


def test_a_slider_changes_the_picture_and_is_saved(run: Run, files: Path, tmp_path: Path) -> None:
    portrait = files / "portrait.png"
    done = run("edit", "-s", portrait, "-o", "open.png", "--lip-open", 60, "--save-expression", "e.json", *MESH)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "open.png\n"
    assert json.loads((tmp_path / "e.json").read_text())["edit"] == {"lip_open": 60}
    assert run("edit", "-s", portrait, "-o", "again.png", "--expression", "e.json", *MESH).returncode == 0
    assert change(tmp_path / "open.png", tmp_path / "again.png").max() == 0
    assert "no slider" not in done.stderr
    unmoved = run("edit", "-s", portrait, "-o", "same.png", *MESH)
    assert unmoved.returncode == 0
    assert "note: no slider is moved, so the face stays as it is" in unmoved.stderr
    opened, same = change(tmp_path / "open.png", portrait), change(tmp_path / "same.png", portrait)
    assert opened.max() > 10 * same.max()


def test_a_given_slider_replaces_that_of_the_expression(run: Run, files: Path, tmp_path: Path) -> None:
    content = {"openportrait": "expression", "version": 1, "edit": {"smile": 1.0, "yaw_degrees": 5.0}}
    (tmp_path / "e.json").write_text(json.dumps(content))
    done = run(
        *("edit", "-s", files / "portrait.png", "--expression", "e.json", "--yaw-degrees", "-5"),
        *("--save-expression", "new.json", *MESH),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "new.json").read_text())["edit"] == {"smile": 1.0, "yaw_degrees": -5.0}


def test_a_timeline_becomes_a_clip(run: Run, files: Path, tmp_path: Path) -> None:
    keys = [{"seconds": 0, "edit": {}}, {"seconds": 0.3, "edit": {"smile": 1.0}}]
    (tmp_path / "t.json").write_text(json.dumps({"openportrait": "timeline", "version": 1, "rate": "20", "keys": keys}))
    done = run("edit", "-s", files / "portrait.png", "--timeline", "t.json", "-o", "smile.mp4", *MESH)
    assert done.returncode == 0, done.stderr
    with open_clip(tmp_path / "smile.mp4") as clip:
        assert clip.info.rate == 20
        assert len(list(clip)) == 7
    both = run("edit", "-s", files / "portrait.png", "--timeline", "t.json", "--smile", "1")
    assert both.returncode == 2
    assert "leave out the sliders" in both.stderr


def test_a_clip_is_retargeted_at_its_rate(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("retarget", "-s", files / "clip.mp4", "--lip", "0.4", "-o", "open.mp4", *MESH)
    assert done.returncode == 0, done.stderr
    made, source = probe(tmp_path / "open.mp4"), probe(files / "clip.mp4")
    assert (made.rate, made.frames, made.width, made.height) == (
        source.rate,
        source.frames,
        source.width,
        source.height,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["open.mp4"]


def test_retarget_without_a_wish_is_wrong_usage(run: Run, files: Path) -> None:
    done = run("retarget", "-s", files / "clip.mp4")
    assert done.returncode == 2
    assert "nothing to retarget" in done.stderr


def test_picture_and_expression_are_both_written_or_none(run: Run, files: Path, tmp_path: Path) -> None:
    portrait = tmp_path / "portrait.png"
    portrait.write_bytes((files / "portrait.png").read_bytes())
    cases = {("out.png", "portrait.png"): 1, ("out.xyz", "e.json"): 1, ("same.png", "./same.png"): 2}
    for (output, expression), code in cases.items():
        done = run("edit", "-s", portrait, "-o", output, "--smile", 1, "--save-expression", expression, *MESH)
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["portrait.png"]
        assert portrait.read_bytes() == (files / "portrait.png").read_bytes()
