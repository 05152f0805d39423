"""What a face does beside its mouth while it speaks: it blinks, and the head moves with emphasis and pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from openportrait.speech.features import Signal

PITCH, YAW, ROLL = 0, 1, 2
_NOD_DEGREES = 3.0
"""How far the head goes down with a stressed syllable."""
_SWAY_DEGREES = (0.9, 1.6, 0.9)
"""How far it drifts, standard deviation while speaking: pitch, yaw, roll."""
_SWAY_HERTZ = (0.08, 0.45)
"""From how slowly to how fast: head movement of speakers lies below half a turn a second."""
_SWAYS = 7
_STILLNESS = 0.35
"""What is left of the drift where nobody speaks."""
_SYLLABLE_SECONDS, _PHRASE_SECONDS = 0.12, 1.2
"""Emphasis is what stands out of the phrase for as long as a syllable: standard deviations of the two."""
_BLINK_SECONDS = (1.8, 6.5)
"""From one blink to the next: 10 to 30 a minute, as of people who talk."""
_SHUT_SECONDS, _OPEN_SECONDS = 0.08, 0.18
"""How fast lids go down and up."""
_PAUSE_SECONDS = 0.3
"""After a pause as long, every second time, the eyes blink where it begins."""
_SETTLED_SECONDS = 1.0
"""In so long liveliness sets in: the first picture is the face at rest."""


@dataclass(frozen=True, eq=False)
class Liveliness:
    """One number for each picture."""

    blink: Signal
    """(N,) 0 open, 1 shut."""
    head_degrees: Signal
    """(N, 3) pitch down, yaw and roll."""


def lively(openness: Signal, voice: Signal, rate: float, strength: float, seed: int) -> Liveliness:
    """Of a speaker whose mouth is (N,) so far open, 0..1, while (N,) there is a voice, 0..1.

    `rate`: pictures a second. `strength`: 0 keeps still, 1 as a calm speaker. The same seed gives the same.
    """
    count = len(openness)
    if not strength or not count:
        return Liveliness(np.zeros(count, np.float32), np.zeros((count, 3), np.float32))
    chance = np.random.default_rng(seed)
    seconds = (np.arange(count) / rate).astype(np.float32)
    settled = np.clip(seconds / _SETTLED_SECONDS, 0, 1)
    settled *= settled * (3 - 2 * settled)
    head = _drift(seconds, chance) * (_STILLNESS + (1 - _STILLNESS) * gaussian_filter1d(voice, 0.6 * rate))[:, None]
    head[:, PITCH] += _NOD_DEGREES * _emphasis(openness, rate)
    head *= strength * settled[:, None]
    blink = _blinks(voice, rate, chance) * min(strength, 1.0)
    return Liveliness(blink.astype(np.float32), head.astype(np.float32))


def _drift(seconds: Signal, chance: np.random.Generator) -> Signal:
    """(N, 3) degrees."""
    slowest, fastest = _SWAY_HERTZ
    hertz = slowest * (fastest / slowest) ** chance.uniform(0, 1, (_SWAYS, 3))
    phase = chance.uniform(0, 2 * np.pi, (_SWAYS, 3))
    made = np.zeros((len(seconds), 3), np.float32)
    for one in range(_SWAYS):
        made += np.sin(2 * np.pi * hertz[one] * seconds[:, None] + phase[one]).astype(np.float32)
    return np.asarray(made * np.asarray(_SWAY_DEGREES, np.float32) * np.sqrt(2 / _SWAYS), np.float32)


def _emphasis(openness: Signal, rate: float) -> Signal:
    """(N,) 0 where the mouth opens as before, 1 and more where it opens much wider."""
    syllable, phrase = (gaussian_filter1d(openness, s * rate) for s in (_SYLLABLE_SECONDS, _PHRASE_SECONDS))
    return np.asarray(np.clip(2.5 * (syllable - phrase), 0, 1.5), np.float32)


def _blinks(voice: Signal, rate: float, chance: np.random.Generator) -> Signal:
    """(N,) lids, from open to shut."""
    count = len(voice)
    pauses = _pauses(voice > 0.5, round(_PAUSE_SECONDS * rate))
    times = [place for place in pauses if chance.random() < 0.5]
    place = int(chance.uniform(*_BLINK_SECONDS) * rate)
    while place < count:
        times.append(place)
        place += int(chance.uniform(*_BLINK_SECONDS) * rate)
    blink = np.zeros(count, np.float32)
    down, up = max(round(_SHUT_SECONDS * rate), 1), max(round(_OPEN_SECONDS * rate), 1)
    shape = np.concatenate([np.linspace(0, 1, down + 1)[1:], np.linspace(1, 0, up + 1)])
    last = -count
    for start in sorted(times):
        if start - last < rate:
            continue  # two at once look like a twitch
        last = start
        part = shape[: count - start]
        blink[start : start + len(part)] = np.maximum(blink[start : start + len(part)], part)
    return blink


def _pauses(speaks: np.ndarray, shortest: int) -> list[int]:
    """Where speech ends for as many pictures at least."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], speaks.astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    following = np.append(starts, len(speaks))[1:]
    return [int(end) for end, start in zip(ends, following, strict=True) if start - end >= shortest]
