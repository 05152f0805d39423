"""The streaming smoother is the textbook's; the live filter is calm at rest and quick in motion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from openportrait.motion import LiveSmoother, smooth
from openportrait.records import Floats


def by_the_book(values: Floats, observation: float, process: float = 1e-5) -> Floats:
    """Kalman filter and Rauch-Tung-Striebel pass over the whole clip at once."""
    means, variances, predicted = [values[0]], [observation / (1 + observation)], [1.0]
    for value in values[1:]:
        predicted.append(variances[-1] + process)
        gain = predicted[-1] / (predicted[-1] + observation)
        means.append(means[-1] + gain * (value - means[-1]))
        variances.append((1 - gain) * predicted[-1])
    for i in range(len(values) - 2, -1, -1):
        means[i] = means[i] + variances[i] / predicted[i + 1] * (means[i + 1] - means[i])
    return np.array(means)


@pytest.mark.parametrize("frames", [1, 2, 30, 700])
@pytest.mark.parametrize("observation", [1e-9, 3e-7, 1e-4, 1e-2])
def test_streaming_gives_the_whole_clips_result(frames: int, observation: float) -> None:
    values = np.cumsum(np.random.default_rng(frames).normal(0, 1, (frames, 2)), axis=0)
    found = np.array(list(smooth(iter(values), observation)))
    np.testing.assert_allclose(found, by_the_book(values, observation), atol=1e-6)


def test_no_variance_changes_nothing() -> None:
    values = [np.array([1.0]), np.array([5.0])]
    assert list(smooth(values, 0)) == values


def test_few_frames_are_held() -> None:
    taken = 0

    def counted() -> Iterator[Floats]:
        nonlocal taken
        for taken in range(1, 1000):
            yield np.array([float(taken)])

    next(smooth(counted(), 3e-7))
    assert taken <= 20


RATES = [5, 15, 30]


@pytest.mark.parametrize("rate", RATES)
def test_live_a_still_face_is_calmed_at_any_rate(rate: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.28, (600, 4))
    smoother = LiveSmoother()
    calm = np.array([smoother(value, i / rate) for i, value in enumerate(noise)])[60:]
    assert calm.std() < 0.44 * noise.std()


@pytest.mark.parametrize("rate", RATES)
def test_live_a_quick_move_is_followed_at_once(rate: int) -> None:
    smoother = LiveSmoother()
    track = [smoother(np.array([min(max(0, i - 10) * 20.0, 200.0)]), i / rate)[0] for i in range(40)]
    assert track[10] == 0
    assert track[11] > 19.9
    assert track[20] > 199.9
    smoother.reset()
    assert smoother(np.array([7.0]), 0.0)[0] == 7


def test_live_a_pause_or_a_clock_that_stands_does_no_harm() -> None:
    smoother = LiveSmoother()
    smoother(np.zeros(1), 100.0)
    assert 0 < smoother(np.full(1, 0.5), 100.0)[0] < 0.05
    assert 0 < smoother(np.full(1, 0.5), 99.0)[0] < 0.1
    assert smoother(np.full(1, 0.5), 200.0)[0] > 0.49
