"""What a face does in each picture while it speaks, in the units of the portrait editor's sliders."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
from scipy.ndimage import maximum_filter1d

from openportrait.records import FaceEdit, Ratios
from openportrait.speech.features import Signal
from openportrait.speech.liveliness import PITCH, ROLL, YAW, Liveliness, lively
from openportrait.speech.network import OUTPUTS, RATE

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
"""So long before and behind a voice the mouth is free to move."""
_PURSED, _STRETCHED = 10.0, 9.0
"""Slider `pursing` of fully rounded lips, and the other way of fully spread ones."""
_GRIN_OF_F = 4.0
"""Slider `grin` where the lower lip is on the upper teeth."""
_SHUT = 25.0
"""Slider `wink` of a shut eye."""
_PRESSED_RATIO = 0.015
"""Lips that close are brought as much beyond meeting, lip ratio, so that none of them stays open."""


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

    def edit(self, i: int, lip_open_of_ratio: float) -> FaceEdit:
        """Picture i. `lip_open_of_ratio`: what the engine's slider `lip_open` must be for a lip ratio of 1."""
        ratio = WIDEST_RATIO * float(self.openness[i]) - _PRESSED_RATIO * float(self.closed[i])
        shut = _SHUT * float(self.life.blink[i])
        head = self.life.head_degrees[i]
        return FaceEdit(
            lip_open=lip_open_of_ratio * ratio,
            pursing=_PURSED * float(self.rounding[i]) - _STRETCHED * float(self.spreading[i]),
            grin=_GRIN_OF_F * float(self.lip_on_teeth[i]),
            wink_left=shut,
            wink_right=shut,
            pitch_degrees=_within(head[PITCH], 15),
            yaw_degrees=_within(head[YAW], 25),
            roll_degrees=_within(head[ROLL], 15),
        )

    def ratios(self, i: int) -> Ratios:
        """How open eyes and lips are in picture i."""
        eye = EYES_AT_REST * (1 - float(self.life.blink[i]))
        return Ratios(eye, eye, WIDEST_RATIO * float(self.openness[i]))


def _within(value: float, most: float) -> float:
    return float(min(max(value, -most), most))


def _sure(values: Signal, limits: tuple[float, float]) -> Signal:
    low, high = limits
    part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


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
