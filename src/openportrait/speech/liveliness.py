"""What a speaking face does apart from its mouth: it blinks, and the head moves with emphasis and pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from openportrait.easing import ease
from openportrait.speech.features import Signal

PITCH, YAW, ROLL = 0, 1, 2
"""Axes of the head's turns."""
_NOD_DEGREES = 3.0
"""How far the head nods with a stressed syllable."""
_SWAY_DEGREES = (0.9, 1.6, 0.9)
"""How far it drifts, standard deviation while speaking: pitch, yaw, roll."""
_SWAY_HERTZ = (0.08, 0.45)
"""From how slowly to how fast: head movement of speakers lies below half a turn a second."""
_SWAYS = 7
"""Sine waves that make up the drift about each axis."""
_STILLNESS = 0.35
"""What is left of the drift where nobody speaks."""
_SYLLABLE_SECONDS, _PHRASE_SECONDS = 0.12, 1.2
"""Standard deviations of a syllable and a phrase: emphasis is a syllable that is louder than its phrase."""
_BLINK_SECONDS = (1.8, 6.5)
"""From one blink to the next: 10 to 30 a minute, as of people who talk."""
_SHUT_SECONDS, _OPEN_SECONDS = 0.08, 0.18
"""How fast lids go down and up."""
_PAUSE_SECONDS = 0.3
_BLINKS_OF_PAUSES = 0.5
"""Share of pauses of at least that length in which the eyes blink."""
_BETWEEN_BLINKS_SECONDS = 1.0
"""Two blinks that are closer look like a twitch."""
_SPEAKS = 0.5
"""From this likelihood on a voice counts as heard."""
_VOICE_SECONDS = 0.6
"""How slowly the head comes to rest where a voice ends: standard deviation."""
_SETTLED_SECONDS = 1.0
"""Time in which liveliness grows from nothing: the first picture is the face at rest."""


@dataclass(frozen=True, eq=False)
class Liveliness:
    """One number for each picture."""

    blink: Signal
    """(N,) 0 open, 1 shut."""
    head_degrees: Signal
    """(N, 3) pitch down, yaw and roll."""


def lively(openness: Signal, voice: Signal, rate: float, strength: float, seed: int) -> Liveliness:
    """The liveliness of a speaker, from (N,) how far the mouth is open, 0..1, and (N,) how likely there is a voice,
    0..1.

    `rate`: pictures a second. `strength`: 0 keeps still, 1 as a calm speaker. The same seed gives the same.
    """
    count = len(openness)
    if not strength or not count:
        return Liveliness(np.zeros(count, np.float32), np.zeros((count, 3), np.float32))
    chance = np.random.default_rng(seed)
    seconds = (np.arange(count) / rate).astype(np.float32)
    calm = gaussian_filter1d(voice, _VOICE_SECONDS * rate)
    syllable, phrase = (gaussian_filter1d(openness, s * rate) for s in (_SYLLABLE_SECONDS, _PHRASE_SECONDS))
    head = strength * _head(_Drift(chance)(seconds), calm, syllable, phrase, seconds)
    blink = _blinks(voice, rate, chance) * min(strength, 1.0)
    return Liveliness(blink.astype(np.float32), head.astype(np.float32))


class LiveLiveliness:
    """The same for a voice that is still coming in, so that only its past is known."""

    def __init__(self, strength: float, seed: int) -> None:
        """As `lively`."""
        self._strength = strength
        self._chance = np.random.default_rng(seed)
        self._drift = _Drift(self._chance)
        self._calm = self._syllable = self._phrase = self._seconds = 0.0
        self._silent_since = 0.0
        self._is_pause = True
        self._blink, self._next_blink = -np.inf, self._chance.uniform(*_BLINK_SECONDS)

    def __call__(self, seconds: float, openness: float, voice: float) -> tuple[float, Signal]:
        """(blink, (3,) degrees of the head) at a time that is later than the last, from the start of the sound."""
        passed, self._seconds = seconds - self._seconds, seconds
        self._calm = _approached(self._calm, voice, passed / _VOICE_SECONDS)
        self._syllable = _approached(self._syllable, openness, passed / _SYLLABLE_SECONDS)
        self._phrase = _approached(self._phrase, openness, passed / _PHRASE_SECONDS)
        now = np.array([seconds], np.float32)
        calm, syllable, phrase = np.array([[self._calm], [self._syllable], [self._phrase]], np.float32)
        head = self._strength * _head(self._drift(now), calm, syllable, phrase, now)[0]
        return self._blinked(seconds, voice) * min(self._strength, 1.0), head.astype(np.float32)

    def _blinked(self, seconds: float, voice: float) -> float:
        """How far the lids are shut."""
        if voice > _SPEAKS:
            self._silent_since, self._is_pause = seconds, False
        pause = not self._is_pause and seconds - self._silent_since >= _PAUSE_SECONDS
        self._is_pause = self._is_pause or pause
        wanted = seconds >= self._next_blink or (pause and self._chance.random() < _BLINKS_OF_PAUSES)
        if wanted and seconds - self._blink >= _BETWEEN_BLINKS_SECONDS:
            self._blink = seconds
            self._next_blink = seconds + self._chance.uniform(*_BLINK_SECONDS)
        since = seconds - self._blink
        shut = since / _SHUT_SECONDS if since < _SHUT_SECONDS else 1 - (since - _SHUT_SECONDS) / _OPEN_SECONDS
        return float(max(shut, 0.0))


class _Drift:
    """How a head sways."""

    def __init__(self, chance: np.random.Generator) -> None:
        slowest, fastest = _SWAY_HERTZ
        self._hertz = slowest * (fastest / slowest) ** chance.uniform(0, 1, (_SWAYS, 3))
        self._phase = chance.uniform(0, 2 * np.pi, (_SWAYS, 3))

    def __call__(self, seconds: Signal) -> Signal:
        """(N, 3) degrees at (N,) times."""
        made = np.zeros((len(seconds), 3), np.float32)
        for one in range(_SWAYS):
            made += np.sin(2 * np.pi * self._hertz[one] * seconds[:, None] + self._phase[one]).astype(np.float32)
        return np.asarray(made * np.asarray(_SWAY_DEGREES, np.float32) * np.sqrt(2 / _SWAYS), np.float32)


def _head(drift: Signal, calm: Signal, syllable: Signal, phrase: Signal, seconds: Signal) -> Signal:
    """(N, 3) degrees: it drifts less where nobody speaks, and nods where the mouth opens wider than in the phrase."""
    settled = ease(np.clip(seconds / _SETTLED_SECONDS, 0, 1))
    head = drift * (_STILLNESS + (1 - _STILLNESS) * calm)[:, None]
    head[:, PITCH] += _NOD_DEGREES * np.clip(2.5 * (syllable - phrase), 0, 1.5)
    return np.asarray(head * settled[:, None], np.float32)


def _approached(state: float, value: float, passed: float) -> float:
    """One step of a running mean; times in seconds."""
    return value + (state - value) * float(np.exp(-passed))


def _blinks(voice: Signal, rate: float, chance: np.random.Generator) -> Signal:
    """(N,) lids, from open to shut."""
    count = len(voice)
    pauses = _pauses(voice > _SPEAKS, round(_PAUSE_SECONDS * rate))
    times = [place for place in pauses if chance.random() < _BLINKS_OF_PAUSES]
    place = int(chance.uniform(*_BLINK_SECONDS) * rate)
    while place < count:
        times.append(place)
        place += int(chance.uniform(*_BLINK_SECONDS) * rate)
    blink = np.zeros(count, np.float32)
    down, up = max(round(_SHUT_SECONDS * rate), 1), max(round(_OPEN_SECONDS * rate), 1)
    shape = np.concatenate([np.linspace(0, 1, down + 1)[1:], np.linspace(1, 0, up + 1)])
    last = -count
    for start in sorted(times):
        if start - last < _BETWEEN_BLINKS_SECONDS * rate:
            continue
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
