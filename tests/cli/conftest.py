"""The command line as a user meets it: real files, real processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from openportrait.media import open_writer, read_image, write_image
from openportrait.records import Image
from tests.conftest import ROOT, shared
from tests.forked import Forked

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, forked: Forked) -> Run:
    """`run("animate", "-s", ...)` in an empty folder."""
    out, err = (tmp_path_factory.getbasetemp() / name for name in ("out.txt", "err.txt"))

    def openportrait(*args: object, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        line = list(map(str, args))
        code = forked("command", cwd, out, err, args=line, env=dict(os.environ))["code"]
        return subprocess.CompletedProcess(line, code, out.read_text(), err.read_text())

    return openportrait


def portrait_file() -> Path:
    bundled = sorted((ROOT / "assets" / "examples" / "source").glob("*.jpg"))
    return bundled[0] if bundled else shared("examples/source/s6.jpg")


@pytest.fixture(scope="session")
def face_image() -> Image:
    """A portrait, 256 px."""
    image = read_image(portrait_file(), max_size=320).image
    side = min(image.shape[:2])
    return image[:side, :side]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, face_image: Image) -> Path:
    """A folder with portrait.png, clip.mp4 (a head that nods and tilts, 8 frames), blank.png and a damaged clip."""
    folder = tmp_path_factory.mktemp("files")
    write_image(folder / "portrait.png", face_image)
    side = face_image.shape[0]
    with open_writer(folder / "clip.mp4", rate=Fraction(24000, 1001)) as writer:
        for step in range(8):
            turn = cv2.getRotationMatrix2D((side / 2, side / 2), 2.0 * step, 1.0)
            writer.write(cv2.warpAffine(face_image, turn, (side, side), borderMode=cv2.BORDER_REFLECT).astype(np.uint8))
    write_image(folder / "blank.png", np.full((200, 300, 3), 128, np.uint8))
    clip = (folder / "clip.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(clip[: len(clip) // 3])
    (folder / "empty.mp4").touch()
    (folder / "words.jpg").write_text("This is no picture.\n")
    return folder
