"""Memory does not grow with length: of a clip's pictures and appearances only a few live at any time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

import openportrait
from openportrait.engines.base import Shot
from openportrait.engines.neural.engine import NeuralEngine
from openportrait.media import open_clip, open_writer
from openportrait.records import FaceCrop, Image, Motion


class Held:
    """What the engine keeps of one source frame; counts how many of it live."""

    living: ClassVar[weakref.WeakSet[Held]] = weakref.WeakSet()
    most = made = 0

    def __init__(self) -> None:
        Held.living.add(self)
        Held.made += 1
        Held.most = max(Held.most, len(Held.living))


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine's seam without its networks."""

    def motion(engine: NeuralEngine, crops: Sequence[FaceCrop]) -> list[Motion]:
        still = np.zeros((21, 3))
        return [Motion(np.eye(3), still, 1.0, np.zeros(3), still) for _ in crops]

    def made(engine: NeuralEngine, shots: Sequence[Shot]) -> list[torch.Tensor]:
        return [torch.zeros((512, 512, 3), dtype=torch.uint8) for _ in shots]

    monkeypatch.setattr(NeuralEngine, "motion", motion)
    monkeypatch.setattr(NeuralEngine, "appearance", lambda engine, crop, *before: Held())
    monkeypatch.setattr(NeuralEngine, "_made", made)
    yield
    Held.most = Held.made = 0


def living(seen: list[weakref.ref[Image]]) -> int:
    return sum(ref() is not None for ref in seen)


@pytest.mark.usefixtures("light")
def test_few_source_frames_live_at_once(talk: Path, weights: Path, tmp_path: Path) -> None:
    source = tmp_path / "long.mp4"
    with open_clip(talk, max_size=128) as clip, open_writer(source, rate=Fraction(25)) as writer:
        for frame in islice(clip, 40):
            writer.write(frame.image)
    with openportrait.stream(source, source, engine="neural", weights=weights) as job:
        pictures: list[weakref.ref[Image]] = []
        alive = []
        for picture in job:
            pictures.append(weakref.ref(picture.source))
            alive.append(living(pictures))
    assert Held.made == len(pictures) == 40
    assert Held.most <= 9, "queued, in hand and just finished"
    assert max(alive) <= 9
