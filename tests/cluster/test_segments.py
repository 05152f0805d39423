"""A longer clip whose segments are rendered by several machines: the same file as one process makes."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openportrait
from openportrait import BatchJob
from openportrait.media import Sound, open_clip, open_writer, probe, write_image
from openportrait.records import Image
from tests.batch.conftest import wait_for
from tests.batch.test_batch import hidden
from tests.cluster.conftest import Nodes

pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.slow]

FRAMES = 200
"""Five segments."""


@pytest.fixture(scope="module")
def clip(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small, with sound."""
    path = tmp_path_factory.mktemp("inputs") / "clip.mp4"
    with open_clip(talk, max_size=128) as read, open_writer(path, rate=Fraction(25), sound=[Sound(talk)]) as writer:
        frames = [frame.image for frame in islice(read, FRAMES // 2)]
        for image in (*frames, *reversed(frames)):
            writer.write(image)
    return path


@pytest.fixture(scope="module")
def job(clip: Path, face_image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("portrait")
    write_image(folder / "portrait.png", face_image[::2, ::2].copy())
    write_image(folder / "behind.png", np.full((60, 60, 3), (10, 200, 60), np.uint8))
    options = {"background": str(folder / "behind.png"), "side_by_side": True, "engine": "mesh"}
    return {"source": folder / "portrait.png", "driving": clip, "options": options}


@pytest.fixture(scope="module")
def alone(job: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What one process makes."""
    path = tmp_path_factory.mktemp("alone") / "out.mp4"
    return contents(openportrait.animate(job["source"], job["driving"], path, workers=1, **job["options"]).path)


def contents(path: Path) -> list[bytes]:
    return [path.read_bytes(), path.with_stem(f"{path.stem}_concat").read_bytes()]


def test_a_job_that_has_the_cluster_to_itself(
    nodes: Nodes, job: dict[str, Any], alone: list[bytes], tmp_path: Path
) -> None:
    nodes.fill()
    [outcome] = openportrait.batch([BatchJob(**job, output=tmp_path / "out.mp4")], cluster=nodes.address)
    assert outcome.result is not None, outcome.error
    assert (outcome.result.frames, outcome.attempts) == (FRAMES, 1)
    assert contents(outcome.result.path) == alone
    info = probe(outcome.result.path)
    assert info.has_audio
    assert not hidden(tmp_path)


def test_a_node_is_killed_and_its_segments_are_rendered_elsewhere(
    nodes: Nodes, job: dict[str, Any], alone: list[bytes], tmp_path: Path
) -> None:
    nodes.fill()
    options = [word for name, value in job["options"].items() for word in (f"--{name.replace('_', '-')}", value)]
    words = ["animate", "-s", job["source"], "-d", job["driving"], "-o", tmp_path / "out.mp4", "--json"]
    command = [sys.executable, "-m", "openportrait", *words, "--cluster", nodes.address]
    command += [word for word in options if word is not True]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.glob(".*/*.mp4")) or process.poll() is not None)
    nodes.kill_one()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert [line for line in err.splitlines() if not line.startswith("openportrait: ")] == []
    assert json.loads(out)["frames"] == FRAMES
    assert contents(tmp_path / "out.mp4") == alone
    assert not hidden(tmp_path)
