"""`openportrait animate` through its process, on the mesh engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.media import open_clip, open_writer, probe, read_image, write_image
from openportrait.records import Image
from tests.cli.conftest import Run

MESH = ("--engine", "mesh", "--max-crop", "256")


def leftovers(folder: Path, *expected: str) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name not in expected
    )


def test_a_picture_driven_by_a_clip_becomes_a_clip_of_its_length_and_rate(
    run: Run, files: Path, tmp_path: Path, face_image: Image
) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", *MESH)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "animations/portrait--clip.mp4\n"
    assert leftovers(tmp_path, "portrait--clip.mp4") == []
    with open_clip(tmp_path / done.stdout.strip()) as clip:
        assert clip.info.rate == Fraction(24000, 1001)
        frames = [frame.image for frame in clip]
    assert len(frames) == 8
    difference = np.abs(frames[-1].astype(int) - frames[0].astype(int)).mean()
    assert difference > 1, "the head turned 14 degrees; the picture should show it"


def test_json_states_what_was_made(run: Run, files: Path, tmp_path: Path) -> None:
    done = run(
        *("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", "-o", "out/result.mp4", *MESH),
        *("--side-by-side", "--save-template", "--json"),
    )
    assert done.returncode == 0, done.stderr
    stated = json.loads(done.stdout)
    assert stated["path"] == "out/result.mp4"
    assert (stated["frames"], stated["rate"], stated["engine"], stated["faces"]) == (8, "24000/1001", "mesh", 1)
    strip = probe(tmp_path / stated["side_by_side"])
    assert strip.width > 2 * strip.height
    template = tmp_path / stated["template"]
    shown = json.loads(run("template", "info", template, "--json").stdout)
    assert (shown["frames"], shown["rate"]) == (8, "24000/1001")
    again = run("animate", "-s", files / "portrait.png", "-d", template, "-o", "again.mp4", *MESH)
    assert again.returncode == 0, again.stderr
    assert leftovers(tmp_path, "result.mp4", "result_concat.mp4", template.name, "again.mp4") == []


def test_a_picture_driven_by_a_picture_becomes_a_picture(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", files / "portrait.png", *MESH)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "animations/portrait--portrait.jpg\n"
    made, source = read_image(tmp_path / done.stdout.strip()).image, read_image(files / "portrait.png").image
    assert made.shape == source.shape


def test_a_region_and_a_switch_reach_the_picture(run: Run, files: Path, tmp_path: Path) -> None:
    driven = ("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", *MESH)
    assert run(*driven, "-o", "still.gif", "--multiplier", "0").returncode == 0
    assert run(*driven, "-o", "crop.mp4", "--no-paste-back").returncode == 0
    with open_clip(tmp_path / "still.gif") as clip:
        frames = [frame.image.astype(int) for frame in clip]
    assert np.abs(frames[-1] - frames[0]).mean() < 1, "a multiplier of 0 moves nothing"
    crop = probe(tmp_path / "crop.mp4")
    assert crop.width == crop.height


def test_a_face_lost_half_way_is_reported_by_frame_numbers(
    run: Run, files: Path, tmp_path: Path, face_image: Image
) -> None:
    with open_writer(tmp_path / "lost.mp4", rate=Fraction(10)) as writer:
        for number in range(30):
            writer.write(face_image if number < 10 else np.full_like(face_image, 128))
    done = run("animate", "-s", files / "portrait.png", "-d", "lost.mp4", "-o", "made.mp4", *MESH)
    assert done.returncode == 0, done.stderr
    assert "lost.mp4: no face in frames 10 to 29" in done.stderr
    assert probe(tmp_path / "made.mp4").frames == 30


def test_a_missing_face_number_names_what_there_is(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", "--face", "7", *MESH)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "7" in done.stderr
    assert leftovers(tmp_path) == []


def _has_files(folder: Path) -> bool:
    """Whether a file lies anywhere in a folder whose own folders come and go."""
    return any(files for _, _, files in os.walk(folder))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(
    files: Path, tmp_path: Path, face_image: Image, sent: signal.Signals, code: int
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    for number in range(200):
        write_image(folder / f"{number:04}.jpg", face_image)
    work = tmp_path / "work"
    work.mkdir()
    inputs = ("-s", str(files / "portrait.png"), "-d", str(folder))
    command = [sys.executable, "-m", "openportrait", "animate", *inputs, *MESH]
    with subprocess.Popen(command, cwd=work, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not _has_files(work) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(sent)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert output == ""
    assert leftovers(work) == []
