"""`openportrait live`, with a clip as its camera."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from openportrait.cli import main
from openportrait.media import open_clip, open_writer, probe, read_image
from openportrait.media.provenance import said
from tests.pipeline.test_animate import change, frames_of, parts

VIRTUAL_CAMERA = """\
import json, pathlib
class Camera:
    def __init__(self, **asked):
        self.asked, self.sent = asked, []
    def send(self, frame):
        self.sent.append(frame.shape)
    def close(self):
        pathlib.Path("sent.json").write_text(json.dumps([self.asked, self.sent]))
"""
"""Stands in for the package of that name, which users install themselves."""


@contextmanager
def following(folder: Path, *args: object) -> Iterator[subprocess.Popen[str]]:
    """`openportrait live ARGS` in `folder`, where no window can be shown."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    paths = [str(folder), *filter(None, [environment.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-m", "openportrait", "live", *map(str, args)],
        cwd=folder,
        env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, *args: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    with following(folder, *args) as process:
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


def test_a_clip_as_camera_drives_the_portrait_in_its_time(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    (tmp_path / "pyvirtualcam.py").write_text(VIRTUAL_CAMERA)
    shown = ("--no-preview", "--virtual-camera", "-o", "live.webm", "--max-size", 300, "--background", "#102030")
    code, out, err = run(tmp_path, "-s", portrait, "--camera", short_talk, *shown)
    assert (code, out) == (0, "live.webm\n"), err
    assert "frames/s; from camera to picture" in err
    made = probe(tmp_path / "live.webm")
    assert made.rate == Fraction(25, 2), "that of the camera"
    # Twelve frames at 12.5 a second: 0.96 s. A busy machine leaves some out or shows them late.
    assert 4 <= (made.frames or 0) <= 14
    assert (made.width, made.height) == (256, 300)
    assert said(tmp_path / "live.webm").term == "compositeWithTrainedAlgorithmicMedia"
    pictures = frames_of(tmp_path / "live.webm")
    assert (
        max(
            change(picture, pictures[0], parts(read_image(portrait, max_size=300).image)["mouth"])
            for picture in pictures
        )
        > 3
    )
    assert np.abs(pictures[0][2, 2].astype(int) - (16, 32, 48)).max() < 12, "the background"
    asked, sent = json.loads((tmp_path / "sent.json").read_text())
    assert asked == {"width": 256, "height": 300, "fps": 12.5}
    assert len(sent) >= 2 and set(map(tuple, sent)) == {(300, 256, 3)}


def test_an_interrupt_ends_it_and_keeps_the_recording(portrait: Path, talk: Path, tmp_path: Path) -> None:
    with following(tmp_path, "-s", portrait, "--camera", talk, "--no-preview", "-o", "live.mp4") as process:
        assert process.stderr is not None
        assert "following" in process.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "live.mp4\n"), err
    assert 0 < len(frames_of(tmp_path / "live.mp4")) < 150


def test_a_camera_that_is_lost_is_told_and_the_recording_kept(portrait: Path, talk: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with open_clip(talk, max_size=256) as clip, open_writer(whole, rate=Fraction(25)) as writer:
        for frame in islice(clip, 40):
            writer.write(frame.image)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 9 // 10])
    code, out, err = run(tmp_path, "-s", portrait, "--camera", cut, "--no-preview", "-o", "live.mp4")
    assert (code, out) == (1, "live.mp4\n"), err
    assert "cut.mp4: breaks off" in err.splitlines()[-1]
    assert frames_of(tmp_path / "live.mp4")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ("--camera 987 --no-preview -o a.mp4", 1, "camera 987: cannot be opened; see that it is connected"),
        ("--camera nowhere.mp4 --no-preview -o a.mp4", 1, "nowhere.mp4: there is no such file"),
        ("--camera {talk}", 1, "no window can be shown"),
        ("--no-preview", 2, "nothing would show the portrait"),
        ("--camera {talk} --no-preview --virtual-camera", 1, "needs pyvirtualcam"),
        ("--camera {talk} --no-preview -o {talk}", 1, "is an input and the output at once"),
        ("--camera {talk} --no-preview -o a.png", 1, "clips are not written as .png"),
    ],
)
def test_what_cannot_be_is_one_line(
    portrait: Path,
    short_talk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(["live", "-s", str(portrait), *args.format(talk=short_talk).split()]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
