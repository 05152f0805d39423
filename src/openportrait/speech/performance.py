"""What a face does in each picture while it speaks, in the units of the portrait editor's sliders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

import numpy as np
from scipy.ndimage import maximum_filter1d

from openportrait.easing import ease
from openportrait.records import FaceEdit, Ratios
from openportrait.speech.features import Signal
from openportrait.speech.liveliness import PITCH, ROLL, YAW, Liveliness, LiveLiveliness, lively
from openportrait.speech.network import OUTPUTS, RATE, Hearing

WIDEST_RATIO = 0.34
"""Lip ratio of openness 1: a clear, stressed `a`. People who talk reach 0.15 to 0.35, and the network is
cautious: it seldom says 1."""
EYES_AT_REST = 0.35
"""Eye ratio without a blink."""
_CLOSED = (0.25, 0.5)
"""How sure the network must be of closed lips: from nothing of it to wholly."""
_SPOKEN = (0.25, 0.6)
"""The same for a voice."""
_HELD_SECONDS = 0.08
"""The mouth may move for so long before and after a voice."""
_PURSED, _STRETCHED = 10.0, 9.0
"""Slider `pursing` of fully rounded lips, and the other way of fully spread ones."""
_GRIN_OF_F = 4.0
"""Slider `grin` where the lower lip is on the upper teeth."""
_SHUT = 25.0
"""Slider `wink` of a shut eye."""
_PRESSED_RATIO = 0.015
"""Lip ratio by which closing lips are pressed further than meeting, so that no gap stays open."""


_STILL = np.zeros(3, np.float32)
"""Degrees: a head that does not turn."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What a face does at one moment while it speaks. The defaults are a face at rest."""

    openness: float = 0.0
    """How far jaw and lips are open, 0..1; the next fields are 0..1 too."""
    closed: float = 0.0
    """How far the lips are pressed together."""
    rounding: float = 0.0
    spreading: float = 0.0
    lip_on_teeth: float = 0.0
    blink: float = 0.0
    head_degrees: Signal = field(default_factory=lambda: _STILL)
    """(3,) pitch down, yaw and roll."""

    def edit(self, lip_open_of_ratio: float) -> FaceEdit:
        """As sliders. `lip_open_of_ratio`: what the engine's slider `lip_open` must be for a lip ratio of 1."""
        shut = _SHUT * self.blink
        return FaceEdit(
            lip_open=lip_open_of_ratio * (WIDEST_RATIO * self.openness - _PRESSED_RATIO * self.closed),
            pursing=_PURSED * self.rounding - _STRETCHED * self.spreading,
            grin=_GRIN_OF_F * self.lip_on_teeth,
            wink_left=shut,
            wink_right=shut,
            pitch_degrees=_within(self.head_degrees[PITCH], 15),
            yaw_degrees=_within(self.head_degrees[YAW], 25),
            roll_degrees=_within(self.head_degrees[ROLL], 15),
        )

    @property
    def ratios(self) -> Ratios:
        """How open eyes and lips are."""
        eye = EYES_AT_REST * (1 - self.blink)
        return Ratios(eye, eye, WIDEST_RATIO * self.openness)


class Performance:
    """One expression a picture. The first one is the face at rest, from which motion is counted."""

    def __init__(self, heard: Signal, rate: Fraction, liveliness: float, seed: int) -> None:
        """`heard`: (N, 6) as `speech.Hearing` gives it. `rate`: pictures a second. The others as `lively`."""
        count = max(ceil(Fraction(len(heard), RATE) * rate), 1)
        columns: Signal = heard.T if len(heard) else np.zeros((len(OUTPUTS), 1), np.float32)
        named = dict(zip(OUTPUTS, columns, strict=True))
        voice = _sure(maximum_filter1d(named["voice"], 2 * round(_HELD_SECONDS * RATE) + 1), _SPOKEN)
        closed = _sure(named["closure"], _CLOSED) * voice
        at = _middles(count, rate)
        self.closed = _most(closed, count, rate)
        """(N,) how far the lips are pressed together, 0..1."""
        self.openness = _at(named["openness"] * voice, at) * (1 - self.closed)
        """(N,) how far jaw and lips are open, 0..1."""
        self.rounding, self.spreading, self.lip_on_teeth = (
            _at(named[name] * voice, at) for name in ("rounding", "spreading", "lip_on_teeth")
        )
        for track in (self.closed, self.openness, self.rounding, self.spreading, self.lip_on_teeth):
            track[0] = 0
        self.life: Liveliness = lively(self.openness, _at(voice, at), float(rate), liveliness, seed)

    def __len__(self) -> int:
        return len(self.openness)

    def moment(self, i: int) -> Moment:
        """Picture i."""
        return Moment(
            openness=float(self.openness[i]),
            closed=float(self.closed[i]),
            rounding=float(self.rounding[i]),
            spreading=float(self.spreading[i]),
            lip_on_teeth=float(self.lip_on_teeth[i]),
            blink=float(self.life.blink[i]),
            head_degrees=self.life.head_degrees[i],
        )


class LivePerformance:
    """The same for a sound as it comes in: after each piece, what the face does now."""

    def __init__(self, liveliness: float, seed: int) -> None:
        """As `Performance`."""
        self._hearing = Hearing()
        self._life = LiveLiveliness(liveliness, seed)
        self._voices = np.zeros(round(_HELD_SECONDS * RATE), np.float32)
        self._frames = 0
        self._moment = Moment()

    def __call__(self, samples: Signal) -> Moment:
        """The newest moment about which enough is known after (N,) further samples: it lies `LOOK_AHEAD_SECONDS`
        back."""
        heard = self._hearing(samples)
        if len(heard):
            self._moment = self._after(dict(zip(OUTPUTS, heard.T, strict=True)), len(heard))
        return self._moment

    def _after(self, named: Mapping[str, Signal], count: int) -> Moment:
        """The moment after `count` further frames of the network; a short closure among them still shows."""
        self._frames += count
        voices = np.concatenate([self._voices, named["voice"]])
        self._voices = voices[count:]
        voice = float(_sure(voices.max(keepdims=True), _SPOKEN)[0])
        closed = float(_sure(named["closure"], _CLOSED).max()) * voice
        openness = float(named["openness"][-1]) * voice * (1 - closed)
        blink, head_degrees = self._life(self._frames / RATE, openness, voice)
        return Moment(
            openness=openness,
            closed=closed,
            rounding=float(named["rounding"][-1]) * voice,
            spreading=float(named["spreading"][-1]) * voice,
            lip_on_teeth=float(named["lip_on_teeth"][-1]) * voice,
            blink=blink,
            head_degrees=head_degrees,
        )


def _within(value: float, most: float) -> float:
    return float(min(max(value, -most), most))


def _sure(values: Signal, limits: tuple[float, float]) -> Signal:
    low, high = limits
    part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(ease(part), np.float32)


def _middles(count: int, rate: Fraction) -> Signal:
    """(N,) when each picture is half over, in frames of the network."""
    return np.asarray((np.arange(count) + 0.5) * float(RATE / rate), np.float32)


def _at(values: Signal, places: Signal) -> Signal:
    return np.interp(places, np.arange(len(values)), values).astype(np.float32)


def _most(values: Signal, count: int, rate: Fraction) -> Signal:
    """(N,) the largest of each picture's time: a short closure is not lost between two pictures."""
    starts = np.arange(count) * float(RATE / rate)
    first = np.clip(np.ceil(starts).astype(int), 0, len(values) - 1)
    last = np.clip(np.ceil(starts + float(RATE / rate)).astype(int), first + 1, None)
    return np.array([values[a:b].max() for a, b in zip(first, last, strict=True)], np.float32)
