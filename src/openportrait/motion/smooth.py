"""Smoothing over time: a whole clip (SPEC §4) and, for live use, one frame at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import tee

import numpy as np

from openportrait.motion.layout import KeypointLayout
from openportrait.records import Floats, Motion

PROCESS_VARIANCE = 1e-5
NEGLIGIBLE = 1e-9
"""Share of a later frame that no longer counts; it decides how far the smoother looks ahead."""


def smooth(values: Iterable[Floats], observation_variance: float) -> Iterator[Floats]:
    """Kalman filter of the local level, then the Rauch-Tung-Striebel pass, for each scalar on its own.

    Takes and gives arrays of one shape. The backward pass forgets what lies far ahead, so no more
    frames are held than that takes: about a dozen at the default 3e-7.
    """
    if observation_variance <= 0:
        yield from values
        return
    look_ahead = _look_ahead(observation_variance)
    held: list[tuple[Floats, float]] = []
    mean: Floats | None = None
    variance = 1.0
    for value in values:
        gain = variance / (variance + observation_variance)
        mean = value if mean is None else mean + gain * (value - mean)
        filtered = variance * (1 - gain)
        variance = filtered + PROCESS_VARIANCE
        held.append((mean, filtered / variance))
        if len(held) == 2 * look_ahead:
            yield from _backward(held)[:look_ahead]
            del held[:look_ahead]
    yield from _backward(held)


def _look_ahead(observation_variance: float) -> int:
    predicted = (PROCESS_VARIANCE + math.sqrt(PROCESS_VARIANCE * (PROCESS_VARIANCE + 4 * observation_variance))) / 2
    share = 1 - PROCESS_VARIANCE / predicted
    return max(1, math.ceil(math.log(NEGLIGIBLE) / math.log(share))) if share > 0 else 1


def _backward(held: list[tuple[Floats, float]]) -> list[Floats]:
    smoothed: list[Floats] = []
    for mean, share in reversed(held):
        smoothed.append(mean + share * (smoothed[-1] - mean) if smoothed else mean)
    return smoothed[::-1]


def smooth_motions(
    motions: Iterable[Motion], layout: KeypointLayout, weights: Floats | None, *, rotation: bool, variance: float
) -> Iterator[Motion]:
    """Motions of a clip with expression (where `weights` (K, 3) > 0) and rotation smoothed.

    The rotation is smoothed element by element, as SPEC §4 has it.
    """
    plain, scalars = tee(motions)
    smoothed = smooth((np.concatenate([m.expression.ravel(), m.rotation.ravel()]) for m in scalars), variance)
    for motion, values in zip(plain, smoothed, strict=True):
        expression = motion.expression
        if weights is not None:
            expression = expression + weights * (values[:-9].reshape(layout.count, 3) - expression)
        yield replace(
            motion, expression=expression, rotation=values[-9:].reshape(3, 3) if rotation else motion.rotation
        )


class OneEuro:
    """One-Euro filter (Casiez, Roussel, Vogel 2012) of an array: still when at rest, quick when moving.

    Made for px of a picture about 512 wide: `beta` is hertz for each px a second. Values in a larger
    unit need a `beta` as many times larger.
    """

    def __init__(self, rate: float, *, min_cutoff: float = 1.5, beta: float = 0.1, speed_cutoff: float = 1.0) -> None:
        """`rate` frames a second; the cutoffs are in hertz."""
        self.rate = rate
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.speed_cutoff = speed_cutoff
        self._value: Floats | None = None
        self._speed: Floats | None = None

    def __call__(self, value: Floats) -> Floats:
        """The next value, filtered; the first passes unchanged."""
        if self._value is None or self._speed is None:
            self._value, self._speed = value, np.zeros_like(value)
            return value
        speed = (value - self._value) * self.rate
        self._speed = self._speed + self._share(np.asarray(self.speed_cutoff)) * (speed - self._speed)
        share = self._share(self.min_cutoff + self.beta * np.abs(self._speed))
        self._value = self._value + share * (value - self._value)
        return self._value

    def reset(self) -> None:
        """Forget the past, as after a lost face."""
        self._value = self._speed = None

    def _share(self, cutoff: Floats) -> Floats:
        return 1 / (1 + self.rate / (2 * math.pi * cutoff))
