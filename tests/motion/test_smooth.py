"""The streaming smoother is the textbook's; the live filter is calm at rest and quick in motion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from openportrait.motion import OneEuro, smooth
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


def test_one_euro_calms_a_still_face() -> None:
    noise = np.random.default_rng(0).normal(0, 0.28, (600, 4))
    smoother = OneEuro(30)
    calm = np.array([smoother(value) for value in noise])[60:]
    assert calm.std() < 0.5 * noise.std()


def test_one_euro_follows_a_quick_move() -> None:
    smoother = OneEuro(30)
    track = [smoother(np.array([min(max(0, i - 10) * 20.0, 200.0)])) for i in range(40)]
    assert track[10][0] == 0
    # 600 px a second: two frames after the stop less than a tenth of the way is missing.
    assert track[22][0] > 180
    smoother.reset()
    assert smoother(np.array([7.0]))[0] == 7
