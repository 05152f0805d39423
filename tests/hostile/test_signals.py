"""Signals at random moments of a job: it ends at once, says so in one line, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest

from openportrait.media import Sound, open_clip, open_writer
from tests.conftest import EXAMPLES

MOMENTS = 40
STOPPED = "openportrait: stopped; "
Process = subprocess.Popen[str]


@pytest.fixture(scope="module")
def clip(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of speech, small enough for forty jobs."""
    path = tmp_path_factory.mktemp("inputs") / "clip.mp4"
    with open_clip(talk, max_size=256) as read, open_writer(path, rate=Fraction(25), sound=[Sound(talk)]) as writer:
        for frame in islice(read, 25):
            writer.write(frame.image)
    return path


def jobs(clip: Path) -> list[list[str]]:
    """Commands that write `out.*` into the working folder."""
    mesh, portrait = ("--engine", "mesh", "--max-crop", "256"), str(EXAMPLES / "source" / "officer.jpg")
    followed = ["animate", "-s", portrait, "-d", str(clip), *mesh]
    return [
        [*followed, "-o", "made/out.mp4"],
        [*followed, "-o", "made/out.mp4", "--keep-partial"],
        [*followed, "-o", "made/%03d.png", "--side-by-side", "--save-template"],
        [*followed, "-o", "out.webm", "--keep-partial"],
        ["animate", "-s", str(clip), "-d", str(clip), "-o", "made/out.mp4", *mesh],
        ["retarget", "-s", str(clip), "--lip", "0", "-o", "out.gif", *mesh],
        ["template", "make", "-d", str(clip), "-o", "made/out.motion", "--engine", "mesh"],
        ["faces", str(clip), "--draw", "out.png"],
        # So long that processes render it.
        [*followed, "-d", f"lip={clip}@offset=3", "--length", "longest", "--workers", "2", "-o", "made/out.mp4"],
    ]


def started(args: list[str], folder: Path) -> Process:
    """The command, from the moment on at which it answers signals: its first line of code has run."""
    (folder / "work").mkdir()
    (folder / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "openportrait", *args],
        cwd=folder / "work",
        env=os.environ | {"TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and not answers(process.pid):
        time.sleep(0.002)
    return process


def answers(pid: int) -> bool:
    """Whether a process catches SIGTERM, which Python by itself does not."""
    try:
        caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        time.sleep(0.3)  # No /proc here: that long an interpreter may take to start.
        return True
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def seconds(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long the first job takes here and now."""
    process = started(jobs(clip)[0], tmp_path_factory.mktemp("whole"))
    start = time.monotonic()
    errors = process.communicate(timeout=300)[1]
    assert process.returncode == 0, errors
    return time.monotonic() - start


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_signal_at_any_moment(clip: Path, seconds: float, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    args = draw.choice(jobs(clip))
    sent = draw.choice([[signal.SIGINT], [signal.SIGINT], [signal.SIGINT] * 2, [signal.SIGTERM], [signal.SIGHUP]])
    # A quarter of the moments lies in the start-up.
    delay = draw.random() * seconds * (0.2 if seed % 4 == 0 else 1.0)
    before = clip.read_bytes()
    process = started(args, tmp_path)
    time.sleep(delay)
    for number in sent:
        process.send_signal(number)
        time.sleep(draw.random() * 0.1 if len(sent) > 1 else 0)
    output, errors = process.communicate(timeout=120)
    told = f"{' '.join(args)}: {sent} after {delay:.2f} s of {seconds:.2f}: {process.returncode}\n{errors}"

    assert "Traceback" not in errors, told
    assert clip.read_bytes() == before, told
    assert files(tmp_path / "tmp") == [], told
    made = files(tmp_path / "work")
    if process.returncode == 0:
        assert output, told
        assert made, told
        return
    assert process.returncode == 128 + sent[-1], told
    assert output == "", told
    assert errors.startswith(STOPPED), told
    assert errors.count("\n") == 1, told
    kept = re.search(r"the first (\d+) frames are kept in (.*)\n", errors)
    if kept is None:
        assert errors == f"{STOPPED}nothing was written\n", told
        assert made == [], told
        return
    assert "--keep-partial" in args, told
    with open_clip(tmp_path / "work" / kept[2]) as read:
        assert sum(1 for _ in read) == int(kept[1]), told
    assert [name for name in made if not (tmp_path / "work" / name).is_dir()] == [kept[2]], told


def test_what_was_made_is_kept_at_an_interrupt(clip: Path, tmp_path: Path) -> None:
    process = started([*jobs(clip)[1]], tmp_path)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        # The hidden file grows only once pictures are written.
        if any(path.stat().st_size > 0 for path in (tmp_path / "work").glob("made/.*")):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130, errors
    kept = re.fullmatch(rf"{STOPPED}the first (\d+) frames are kept in made/out\.mp4\n", errors)
    assert kept, errors
    with open_clip(tmp_path / "work" / "made" / "out.mp4") as read:
        assert sum(1 for _ in read) == int(kept[1])
