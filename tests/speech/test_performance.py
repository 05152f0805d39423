"""From what was heard to what a face does in each picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from openportrait.media.listening import listen
from openportrait.speech import LOOK_AHEAD_SECONDS, OUTPUTS, RATE, LivePerformance, Performance, hear
from openportrait.speech.features import SAMPLE_RATE
from openportrait.speech.liveliness import LiveLiveliness


def said(seconds: float, **tracks: NDArray[np.float64] | float) -> NDArray[np.float32]:
    """Frames of a voice that does these things."""
    count = round(seconds * RATE)
    frames = np.zeros((count, len(OUTPUTS)), np.float32)
    for name, values in {"voice": 1.0, **tracks}.items():
        frames[:, OUTPUTS.index(name)] = values
    return frames


def test_a_short_closure_is_not_lost_between_two_pictures() -> None:
    heard = said(4, openness=0.8)
    heard[101, OUTPUTS.index("closure")] = 1.0  # 20 ms, at 2.02 s
    for rate in (Fraction(12), Fraction(25), Fraction(60)):
        performance = Performance(heard, rate, 0.0, 0)
        place = int(2.02 * rate)
        assert performance.openness[place] < 0.05
        assert performance.openness[place - 2] == pytest.approx(0.8, abs=0.05)
        assert performance.moment(place).edit(100).lip_open < 0 < performance.moment(place - 2).edit(100).lip_open


def test_silence_shuts_the_mouth_and_keeps_it_still() -> None:
    performance = Performance(said(4, openness=0.3, rounding=0.4, voice=0.1), Fraction(25), 0.0, 0)
    edits = [performance.moment(i).edit(300) for i in range(len(performance))]
    assert len(edits) == 100
    assert all(edit == edits[0] for edit in edits)
    assert edits[0].lip_open == edits[0].pursing == 0


def test_the_first_picture_is_at_rest() -> None:
    performance = Performance(said(2, openness=0.9, spreading=0.5), Fraction(25), 1.0, 3)
    first, later = performance.moment(0).edit(300), performance.moment(10).edit(300)
    assert (first.lip_open, first.pursing, first.wink_left, first.pitch_degrees) == (0, 0, 0, 0)
    assert later.lip_open > 50
    assert later.pursing < -3


def test_liveliness_is_the_same_for_a_seed_and_none_at_nought() -> None:
    wave = 0.5 + 0.4 * np.sin(np.arange(20 * RATE) / 6)

    def moved(strength: float, seed: int) -> NDArray[np.float32]:
        life = Performance(said(20, openness=wave), Fraction(25), strength, seed).life
        return np.column_stack([life.blink, life.head_degrees])

    assert np.array_equal(moved(1, 7), moved(1, 7))
    assert not np.array_equal(moved(1, 7), moved(1, 8))
    assert not moved(0, 7).any()
    blink, pitch, yaw, roll = moved(1, 7).T
    assert 2 <= (np.diff((blink > 0.9).astype(int)) == 1).sum() <= 14  # in 20 s
    assert 0.3 < np.abs(yaw).max() < 8
    assert np.abs(np.diff(np.stack([pitch, yaw, roll]))).max() < 1.2, "degrees in a picture"


def test_a_sound_without_frames_is_one_picture() -> None:
    assert len(Performance(np.zeros((0, len(OUTPUTS)), np.float32), Fraction(25), 1.0, 0)) == 1


def test_a_sound_as_it_comes_in_does_what_it_does_as_a_whole(speech: Path) -> None:
    samples = np.concatenate(list(listen(speech)))
    whole = Performance(hear(samples), Fraction(RATE), 0.0, 0)
    live = LivePerformance(0.0, 0)
    frames = range(0, len(samples), SAMPLE_RATE // RATE)
    moments = [live(samples[start : start + SAMPLE_RATE // RATE]) for start in frames]
    late = int(LOOK_AHEAD_SECONDS * RATE)
    openness = np.array([moment.openness for moment in moments])[late:]
    assert openness.max() > 0.4
    assert np.corrcoef(openness, whole.openness[: len(openness)])[0, 1] > 0.98
    assert max(moment.closed for moment in moments) > 0.9


def test_a_closure_in_a_long_piece_is_seen(speech: Path) -> None:
    samples = np.concatenate(list(listen(speech)))
    live = LivePerformance(0.0, 0)
    closed = [live(samples[start : start + 3200]).closed for start in range(0, len(samples), 3200)]  # 200 ms
    assert max(closed) > 0.9


def test_a_voice_as_it_comes_in_blinks_and_nods() -> None:
    def lived(strength: float) -> NDArray[np.float64]:
        life = LiveLiveliness(strength, 7)
        times = np.arange(20 * 25) / 25
        made = [life(float(t), 0.5 + 0.4 * float(np.sin(8 * t)), 1.0 if t % 6 < 4 else 0.0) for t in times]
        return np.array([[blink, *head] for blink, head in made])

    blink, *head = lived(1).T
    assert 2 <= (np.diff((blink > 0.5).astype(int)) == 1).sum() <= 14
    assert blink.min() == 0
    assert 0.3 < np.abs(head[1]).max() < 8
    assert np.abs(np.diff(head)).max() < 1.2, "degrees in a picture"
    assert not lived(0).any()
