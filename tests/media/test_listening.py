"""Sounds of every kind as one channel at 16 kHz."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from openportrait.errors import MediaError, OptionError
from openportrait.media import Samples, open_clip
from openportrait.media.listening import HEARD_RATE, is_sound, listen

from .make import Video
from .test_sound import Clicks


def tone(path: Path, codec: str, rate: int = 44100, layout: str = "stereo", seconds: float = 1.5) -> Path:
    """A beep from 0.5 s on, in every channel."""
    times = np.arange(int(rate * seconds)) / rate
    wave = np.where(times > 0.5, 0.4 * np.sin(2 * np.pi * 300 * times), 0)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = layout
        channels = len(av.AudioLayout(layout).channels)
        samples = np.repeat((wave * 32767).astype(np.int16)[None], channels, axis=0)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def heard(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(listen(path)))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 8000, "mono"),
        ("a.wav", "pcm_s24le", 96000, "7.1"),
        ("a.mp3", "libmp3lame", 44100, "stereo"),
        ("a.m4a", "aac", 48000, "5.1"),
        ("a.flac", "flac", 44100, "stereo"),
        ("a.ogg", "libopus", 48000, "stereo"),
    ],
)
def test_every_kind_is_heard_in_time(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    path = tone(tmp_path / name, codec, rate, layout)
    assert is_sound(path)
    samples = heard(path)
    assert len(samples) / HEARD_RATE == pytest.approx(1.5, abs=0.06)
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    assert loud[0] / HEARD_RATE == pytest.approx(0.5, abs=0.03)
    assert 0.2 < np.abs(samples).max() <= 1


def test_the_sound_of_a_clip_counts_from_its_first_picture(tmp_path: Path) -> None:
    clip = Clicks(seconds=2, picture_start=Fraction(1, 5)).save(tmp_path / "late.mp4")
    assert not is_sound(clip)
    loud = np.flatnonzero(np.abs(heard(clip)) > 0.3)
    assert loud[0] / HEARD_RATE < 0.03


def test_what_has_no_sound_is_refused(tmp_path: Path) -> None:
    silent = Video().save(tmp_path / "silent.mp4")
    with pytest.raises(MediaError, match=r"silent\.mp4: it has no sound; give a WAV"):
        heard(silent)
    words = tmp_path / "words.wav"
    words.write_text("no sound at all, but long enough to be looked at")
    assert not is_sound(words)
    with pytest.raises(MediaError, match=r"words\.wav: its sound cannot be read"):
        heard(words)


def test_a_damaged_sound_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    content = tone(tmp_path / "a.mp3", "libmp3lame", seconds=4).read_bytes()
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(content[: len(content) // 2] + bytes(200))
    assert 1 < len(heard(broken)) / HEARD_RATE < 3


def test_samples_in_memory_become_a_file(tmp_path: Path) -> None:
    wave = np.sin(np.arange(24000) / 9).astype(np.float32)
    Samples(np.stack([wave, -wave], axis=1), 24000).write(tmp_path / "a.wav")
    assert np.abs(heard(tmp_path / "a.wav")).max() < 0.01, "both channels cancel out"
    Samples((wave * 32767).astype(np.int16), 24000).write(tmp_path / "b.wav")
    assert len(heard(tmp_path / "b.wav")) / HEARD_RATE == pytest.approx(1, abs=0.01)
    with pytest.raises(MediaError, match="holds no picture track"):
        open_clip(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros(10), 100, "rate"),
        (np.zeros((2, 3, 4)), 16000, "shape"),
        (np.zeros(0), 16000, "shape"),
        (np.full(10, 3.0), 16000, "from -1 to 1"),
        (np.array([0.0, np.nan]), 16000, "from -1 to 1"),
        (np.zeros(10, np.int64), 16000, "int16"),
        ([0.0, 1.0], 16000, "array"),
    ],
)
def test_samples_that_are_none_are_refused(samples: object, rate: int, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Samples(samples, rate)  # type: ignore[arg-type]  # what callers do wrong


@pytest.mark.parametrize("tag", [b"drms", b"enca"])
def test_a_sound_that_is_locked_says_so(tmp_path: Path, tag: bytes) -> None:
    path = tone(tmp_path / "a.m4a", "aac")
    head, _, entry = path.read_bytes().partition(b"stsd")
    path.write_bytes(head + b"stsd" + entry.replace(b"mp4a", tag, 1))
    with pytest.raises(MediaError, match=r"a\.m4a: its sound is encrypted or of an unknown kind; give a WAV"):
        heard(path)
