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
"""By how much a motion may change from frame to frame, squared units of the motion (SPEC §4)."""
NEGLIGIBLE = 1e-9
"""Share of a later frame that no longer counts; it decides how far the smoother looks ahead."""

FACE_PX = 512 / 2.2
"""Height of a face in a picture of 512 px: the driving crop of SPEC §1 is 2.2 faces wide."""
HALF_STEP_PX = 1.3
REST_CUTOFF_HZ = 0.15
"""Measured in px of such a picture: landmarks of a face at rest tremble by 0.1 to 0.4 (standard deviation, sensor
noise and JPEG), a lid closes by about 10, lips move by 4 and more in speech. With these two a third of the tremor
stays at 5 to 30 frames a second, 0.97 of a blink and 0.96 of speech at 4 Hz."""


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


class LiveSmoother:
    """Filters an array that comes at any times: values at rest stay still, moving ones follow quickly.

    A low-pass whose cutoff grows with the speed, as of the One-Euro filter (Casiez, Roussel, Vogel 2012). That
    one judges by a speed which is itself filtered, and so is late by as long as a whole blink takes. Here a
    value's own step away from what was last given decides, so a blink of a single frame passes, at any rate.

    Made for px of a picture about 512 wide, which shows the face `FACE_PX` high.
    """

    def __init__(self, *, half_step: float = HALF_STEP_PX, rest_cutoff: float = REST_CUTOFF_HZ) -> None:
        """`half_step`, in the unit of the values: of a step so large half is taken, of larger ones nearly all.

        `rest_cutoff`: hertz, for steps that are much smaller.
        """
        self.half_step = half_step
        self.rest_cutoff = rest_cutoff
        self._value: Floats | None = None
        self._seconds = 0.0

    def __call__(self, value: Floats, seconds: float) -> Floats:
        """The value of the moment `seconds`, filtered; the first passes unchanged."""
        if self._value is None:
            self._value = value
        else:
            passed = max(seconds - self._seconds, 0.0)
            step = value - self._value
            push = 2 * math.pi * self.rest_cutoff * passed + (np.abs(step) / self.half_step) ** 3
            self._value = self._value + push / (1 + push) * step
        self._seconds = seconds
        return self._value

    def reset(self) -> None:
        """Forget the past, as after a lost face."""
        self._value = None
