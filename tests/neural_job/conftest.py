"""For whole jobs on the neural engine: clips, and what the engine was asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest

from openportrait.engines.base import Shot
from openportrait.media import Sound, open_clip, open_writer, read_image, write_image
from openportrait.records import FaceCrop, Motion


def command(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`openportrait ARGS` in a process of its own."""
    line = [sys.executable, "-m", "openportrait", *map(str, args)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session", autouse=True)
def packages(neural_packages: None) -> None:
    """All of it needs them."""


@pytest.fixture(scope="session")
def officer(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait, 273 × 320."""
    path = tmp_path_factory.mktemp("portrait") / "officer.png"
    write_image(path, read_image(portrait, max_size=320).image)
    return path


@pytest.fixture(scope="session")
def three(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three square frames of a talking face, the first one at rest, at 12.5 frames/s, with sound."""
    path = tmp_path_factory.mktemp("clip") / "three.mp4"
    with open_clip(talk, max_size=256) as clip, open_writer(path, rate=Fraction(25, 2), sound=[Sound(talk)]) as writer:
        for frame in islice(clip, 0, 24, 8):
            writer.write(frame.image)
    return path


@pytest.fixture(scope="session")
def motion_of_three(three: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their motion as a template, measured by the neural engine through the command line."""
    path = tmp_path_factory.mktemp("template") / "three.motion"
    done = command("template", "make", "-d", three, "-o", path, "--engine", "neural", "--weights", weights)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}\n"
    return path


@dataclass
class Asked:
    """What a job asked of the engine."""

    crops: list[FaceCrop] = field(default_factory=list)
    """Measured, in order: the source's first, then the driving's."""
    motions: list[Motion] = field(default_factory=list)
    """What was measured in them."""
    shots: list[Shot] = field(default_factory=list)
    """Pictures to render."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The engine measures with its networks, but every face it makes is grey, in no time."""
    import torch

    from openportrait.engines.neural.engine import NeuralEngine

    kept = Asked()
    measure = NeuralEngine.motion

    def motion(engine: NeuralEngine, crops: Sequence[FaceCrop]) -> list[Motion]:
        found = measure(engine, crops)
        kept.crops += crops
        kept.motions += found
        return found

    def made(engine: NeuralEngine, shots: Sequence[Shot]) -> list[torch.Tensor]:
        kept.shots += shots
        return [torch.full((512, 512, 3), 128, dtype=torch.uint8) for _ in shots]

    monkeypatch.setattr(NeuralEngine, "motion", motion)
    monkeypatch.setattr(NeuralEngine, "appearance", lambda engine, crop, *before: crop)
    monkeypatch.setattr(NeuralEngine, "_made", made)
    return kept
