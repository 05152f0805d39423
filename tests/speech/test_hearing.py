"""What the network makes of sounds: the shipped weights, real speech, and sounds that are none."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from openportrait.media.listening import HEARD_RATE, listen
from openportrait.speech import LOOK_AHEAD_SECONDS, OUTPUTS, RATE, Hearing, hear

CLOSURE, OPENNESS, VOICE = (OUTPUTS.index(name) for name in ("closure", "openness", "voice"))
LIPS_MEET = (
    (0.53, 0.56), (0.83, 0.86), (1.36, 1.41), (1.48, 1.53), (2.13, 2.19), (2.66, 2.71), (2.98, 3.04), (3.26, 3.31),
    (3.51, 3.56), (4.76, 5.13),
)  # fmt: skip
"""Seconds of m, b and p in the example, as the voice that spoke it says (training/speech/example.py)."""


@pytest.fixture(scope="module")
def samples(speech: Path) -> NDArray[np.float32]:
    return np.concatenate(list(listen(speech)))


@pytest.fixture(scope="module")
def heard(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return hear(samples)


def test_lips_close_where_they_do_in_speech(heard: NDArray[np.float32]) -> None:
    closed = heard[:, CLOSURE] > 0.45
    found = [closed[int((start - 0.04) * RATE) : int((end + 0.04) * RATE) + 1].any() for start, end in LIPS_MEET]
    assert sum(found) >= len(LIPS_MEET) - 2
    assert closed.mean() < 0.45


def test_vowels_open_the_mouth_and_a_pause_has_no_voice(heard: NDArray[np.float32]) -> None:
    frames = {
        name: slice(int(start * RATE), int(end * RATE))
        for name, start, end in (("my", 0.42, 0.50), ("before the sound", 0.0, 0.2))
    }
    assert heard[frames["my"], OPENNESS].mean() > 0.3
    assert heard[frames["my"], OPENNESS].mean() > 3 * heard[frames["before the sound"], OPENNESS].max()
    assert heard[frames["my"], VOICE].min() > 0.6
    assert heard[frames["before the sound"], VOICE].max() < 0.3


def test_sound_in_pieces_is_heard_as_in_one(samples: NDArray[np.float32], heard: NDArray[np.float32]) -> None:
    hearing, sizes, parts, place = Hearing(), np.random.default_rng(0), [], 0
    while place < len(samples):
        count = int(sizes.integers(1, 4000))
        parts.append(hearing(samples[place : place + count]))
        place += count
    found = np.concatenate([*parts, hearing.end()])
    assert found.shape == heard.shape == (-(-len(samples) * RATE // HEARD_RATE), len(OUTPUTS))
    np.testing.assert_allclose(found, heard, atol=1e-4)


def test_nothing_later_than_the_look_ahead_is_waited_for(samples: NDArray[np.float32]) -> None:
    assert LOOK_AHEAD_SECONDS <= 0.12
    hearing, frame = Hearing(), 60
    needed = int((frame / RATE + LOOK_AHEAD_SECONDS) * HEARD_RATE)
    assert len(hearing(samples[:needed])) == frame + 1


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "chords"])
def test_what_is_no_speech_has_no_voice(kind: str) -> None:
    times, chance = np.arange(4 * HEARD_RATE) / HEARD_RATE, np.random.default_rng(1)
    sounds = {
        "silence": np.zeros_like(times),
        "noise": 0.05 * chance.standard_normal(len(times)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * times),
        "chords": 0.1
        * sum(np.sin(2 * np.pi * hertz * times) for hertz in (261.6, 329.6, 392.0, 523.3))
        * np.exp(-3 * (times % 0.5)),
    }
    voice = hear(sounds[kind].astype(np.float32))[:, VOICE]
    assert (voice > 0.5).mean() < 0.02


def test_the_weights_are_small_and_need_no_pickle() -> None:
    file = resources.files("openportrait") / "assets" / "speech" / "speech.npz"
    assert len(file.read_bytes()) < 2_000_000
