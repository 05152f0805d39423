"""What was recorded, and what is made of it for training and for measuring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import augment
import numpy as np
import texts
from phonemes import OUTPUTS, RATE, targets
from record import KOKORO_HELD_OUT

from openportrait.speech.features import SAMPLE_RATE, WINDOW, log_mel

KINDS = ("espeak", "hibari", "kokoro", "joe")


class Utterance(NamedTuple):
    tag: str
    """Voice and language."""
    samples: np.ndarray
    events: list[tuple[float, float, str]]
    """Start and end in seconds, phoneme."""

    @property
    def held_out(self) -> bool:
        voice, language = self.tag.split(":")
        return voice in ("joe", f"kokoro-{KOKORO_HELD_OUT}") or language in texts.HELD_OUT


def utterances(folder: Path, kinds: tuple[str, ...] = KINDS) -> Iterator[Utterance]:
    for kind in kinds:
        if not (folder / f"{kind}.npz").exists():
            continue
        with np.load(folder / f"{kind}.npz") as file:
            kept = {name: file[name] for name in file.files}
        ends = np.cumsum(kept["lengths"])
        owners = kept["events"][:, 0].astype(int)
        for place, (tag, end, length) in enumerate(zip(kept["tags"], ends, kept["lengths"], strict=True)):
            rows = np.flatnonzero(owners == place)
            events = [(*map(float, kept["events"][row, 1:]), str(kept["names"][row])) for row in rows]
            yield Utterance(str(tag), kept["samples"][end - length : end].astype(np.float32) / 32768, events)


def heard(samples: np.ndarray) -> np.ndarray:
    """(N, 40) features, window k about the time k · 10 ms, as the package computes them."""
    return log_mel(np.pad(samples, (WINDOW // 2, WINDOW)))[: 2 * frames(samples)]


def frames(samples: np.ndarray) -> int:
    return -(-len(samples) * RATE // SAMPLE_RATE)


def nothing(samples: np.ndarray) -> np.ndarray:
    """The targets of a sound in which nobody speaks."""
    return np.zeros((frames(samples), len(OUTPUTS)), np.float32)


def varied(one: Utterance, others: list[np.ndarray], chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(features, targets) of one more recording of it, by another throat."""
    samples, factor = augment.varied(one.samples, chance)
    quiet = np.zeros(int(chance.uniform(0, 0.9) * SAMPLE_RATE), np.float32)
    shift = len(quiet) / SAMPLE_RATE
    samples = np.concatenate([quiet, samples, np.zeros(int(chance.uniform(0, 0.8) * SAMPLE_RATE), np.float32)])
    events = [(start * factor + shift, end * factor + shift, name) for start, end, name in one.events]
    return heard(augment.recorded(samples, others, chance)), targets(events, frames(samples))
