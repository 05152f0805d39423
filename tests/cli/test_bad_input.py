"""Whatever is given, there is one clear line, an exit code, and nothing left behind."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
import wave
import zipfile
from pathlib import Path

import av
import pytest
from PIL import Image as Pillow

from openportrait.media import read_image, write_image
from tests.cli.conftest import Run


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hacked",)


@pytest.fixture(scope="module")
def bad(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file for each way to be bad."""
    folder = tmp_path_factory.mktemp("bad")
    for name in ("empty.mp4", "truncated.mp4", "words.jpg", "blank.png"):
        (folder / name).write_bytes((files / name).read_bytes())
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with av.open(str(folder / "frameless.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    with zipfile.ZipFile(folder / "archive.mp4", "w") as archive:
        archive.writestr("inside.txt", "no clip")
    (folder / "evil.pkl").write_bytes(pickle.dumps({"motion": _Evil()}))
    (folder / "gaps").mkdir()
    picture = read_image(files / "portrait.png").image
    for number in (1, 2, 4):
        write_image(folder / "gaps" / f"{number:04}.jpg", picture)
    (folder / "no_pictures").mkdir()
    Pillow.new("L", (60_000, 10_000)).save(folder / "huge.png", compress_level=1)
    return folder


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of the error."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("openportrait: error: ")]
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


CASES = {
    "missing.png": "no such file",
    "empty.mp4": "empty",
    "truncated.mp4": "truncated.mp4",
    "words.jpg": "words.jpg",
    "sound.wav": "sound.wav",
    "frameless.mp4": "frameless.mp4",
    "archive.mp4": "archive.mp4",
    "huge.png": "huge.png",
    "blank.png": "no face",
    "gaps": "3",
    "no_pictures": "no_pictures",
}


ROLES = [(role, name) for role in ("source", "driving") for name in CASES if (role, name) != ("driving", "sound.wav")]
"""A sound may drive."""


@pytest.mark.parametrize(("role", "name"), ROLES)
def test_a_bad_file_is_named_in_one_line(
    run: Run, files: Path, bad: Path, tmp_path: Path, role: str, name: str
) -> None:
    pair = {"source": files / "portrait.png", "driving": files / "clip.mp4"} | {role: bad / name}
    done = run("animate", "-s", pair["source"], "-d", pair["driving"], "--engine", "mesh")
    assert done.returncode == 1
    line = complaint(done)
    assert str(bad / name) in line
    assert CASES[name] in line
    assert not list(tmp_path.iterdir())


def test_a_pickle_with_code_is_refused_by_the_name_of_what_it_asked_for(
    run: Run, files: Path, bad: Path, tmp_path: Path
) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", bad / "evil.pkl", "--engine", "mesh")
    assert done.returncode == 1
    assert "system" in complaint(done)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("/proc/result.mp4", "/proc"),
        ("words.txt/result.mp4", "words.txt"),
        ("result.exe", ".exe"),
    ],
)
def test_an_output_that_cannot_be_written(run: Run, files: Path, tmp_path: Path, output: str, reason: str) -> None:
    (tmp_path / "words.txt").write_text("a file, no folder")
    done = run("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", "-o", output, "--engine", "mesh")
    assert done.returncode in (1, 2)
    assert reason in complaint(done)
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


def test_an_input_is_never_overwritten(run: Run, files: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((files / "clip.mp4").read_bytes())
    done = run("animate", "-s", files / "portrait.png", "-d", clip, "-o", clip, "--engine", "mesh")
    assert done.returncode in (1, 2)
    assert "clip.mp4" in complaint(done)
    assert clip.read_bytes() == (files / "clip.mp4").read_bytes()


def test_a_full_disk_leaves_nothing(files: Path, tmp_path: Path) -> None:
    """The limit on the size of a file stands in for a disk without room."""
    command = [sys.executable, "-m", "openportrait", "animate", "--engine", "mesh"]
    done = subprocess.run(
        [*command, "-s", files / "portrait.png", "-d", files / "clip.mp4", "-o", "result.mp4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
    )
    assert done.returncode == 1
    assert "result" in complaint(done)
    assert not list(tmp_path.iterdir())
