"""What happens to speech before a microphone and behind it: voices, rooms, noise, music, telephones, codecs."""

from __future__ import annotations

import io

import av
import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

RATE = 16000


def varied(samples: np.ndarray, chance: np.random.Generator) -> tuple[np.ndarray, float]:
    """Another throat and pitch, by playing slower or faster: (samples, factor of all times)."""
    percent = int(chance.integers(76, 128))
    return resample_poly(samples, 100, percent).astype(np.float32), 100 / percent


def recorded(samples: np.ndarray, others: list[np.ndarray], chance: np.random.Generator) -> np.ndarray:
    """One recording of it: room, timbre, level, noise or music or other people, and what a line does to it."""
    sound = samples
    if chance.random() < 0.4:
        sound = _in_room(sound, chance)
    sound = _coloured(sound, chance)
    sound = sound / (np.sqrt((sound**2).mean()) + 1e-9) * 10 ** (chance.uniform(-40, -12) / 20)
    kind = chance.random()
    level = chance.uniform(3, 35)
    if kind < 0.45:
        sound = _with(sound, _noise(len(sound), chance), level)
    elif kind < 0.6:
        sound = _with(sound, music(len(sound), chance), level)
    elif kind < 0.68:
        sound = _with(sound, _babble(len(sound), others, chance), max(level, 9))
    if chance.random() < 0.8:  # else digital silence between the words
        sound = sound + chance.standard_normal(len(sound)).astype(np.float32) * 10 ** (chance.uniform(-90, -55) / 20)
    line = chance.random()
    if line < 0.12:
        sound = _telephone(sound, chance)
    elif line < 0.2:
        sound = np.clip(sound, *np.percentile(sound, [0.5, 99.5]))
    elif line < 0.3:
        sound = _coded(sound, chance)
    return np.clip(sound, -1, 1).astype(np.float32)


def without_speech(count: int, chance: np.random.Generator) -> np.ndarray:
    """Noise, music, hum or clicks alone."""
    kind = chance.random()
    if kind < 0.5:
        sound = music(count, chance)
    elif kind < 0.8:
        sound = _noise(count, chance)
    elif kind < 0.9:
        sound = np.zeros(count, np.float32)
        sound[chance.integers(0, count - 200, 12)] = 1
        sound = lfilter([1], [1, -1.6 * np.cos(chance.uniform(0.1, 2)), 0.9], sound)
    else:
        sound = np.zeros(count, np.float32)
    sound = sound / (np.abs(sound).max() + 1e-9) * 10 ** (chance.uniform(-45, -3) / 20)
    start = int(chance.choice([0, 0, 1]) * chance.uniform(0.2, 0.8) * count)
    sound[:start] = 0  # it sets in all at once
    sound[start:] += chance.standard_normal(count - start) * 10 ** (chance.uniform(-90, -55) / 20)
    return sound.astype(np.float32)


def music(count: int, chance: np.random.Generator) -> np.ndarray:
    """Chords of decaying harmonics over a beat of noise."""
    sound = np.zeros(count, np.float32)
    beat = int(RATE * chance.uniform(0.15, 0.7))
    root = chance.uniform(80, 400)
    for start in range(0, count, beat):
        length = min(int(beat * chance.uniform(0.6, 2)), count - start)
        time = np.arange(length) / RATE
        decay = np.exp(-time * chance.uniform(0.5, 8)) * np.minimum(time * 200, 1)
        for step in chance.choice([0, 3, 4, 5, 7, 9, 12, 16], int(chance.integers(1, 4))):
            base = root * 2 ** (step / 12) * (1 + 0.004 * np.sin(2 * np.pi * chance.uniform(4, 6) * time))
            for harmonic in range(1, int(chance.integers(2, 9))):
                sound[start : start + length] += (
                    decay * np.sin(2 * np.pi * harmonic * np.cumsum(base) / RATE) / harmonic
                )
        if chance.random() < 0.4:
            drum = chance.standard_normal(min(1600, length)) * np.exp(-np.arange(min(1600, length)) / 300)
            sound[start : start + len(drum)] += 2 * drum
    return sound


def _with(sound: np.ndarray, other: np.ndarray, decibel: float) -> np.ndarray:
    power, own = (sound**2).mean(), (other**2).mean() + 1e-12
    return sound + other * np.sqrt(power / own) * 10 ** (-decibel / 20)


def _noise(count: int, chance: np.random.Generator) -> np.ndarray:
    noise = lfilter([1], [1, -chance.uniform(-0.3, 0.97)], chance.standard_normal(count))
    if chance.random() < 0.4:
        slow = np.interp(np.arange(count), np.linspace(0, count, 9), chance.uniform(0.1, 1, 9))
        noise = noise * slow
    if chance.random() < 0.15:
        noise = noise + 3 * noise.std() * np.sin(
            2 * np.pi * chance.choice([50, 60, 100, 120]) * np.arange(count) / RATE
        )
    return noise.astype(np.float32)


def _babble(count: int, others: list[np.ndarray], chance: np.random.Generator) -> np.ndarray:
    mixed = np.zeros(count, np.float32)
    for _ in range(int(chance.integers(3, 8))):
        one = np.resize(others[chance.integers(len(others))], count)
        mixed += np.roll(one, chance.integers(count))
    return mixed


def _in_room(sound: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    seconds = chance.uniform(0.1, 0.7)
    time = np.arange(int(seconds * RATE)) / RATE
    echo = chance.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    echo[: int(chance.uniform(0.002, 0.02) * RATE)] = 0
    echo *= chance.uniform(0.1, 0.7) / (np.sqrt((echo**2).sum()) + 1e-9)
    echo[0] = 1
    return fftconvolve(sound, echo)[: len(sound)].astype(np.float32)


def _coloured(sound: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    sound = lfilter([1, chance.uniform(-0.8, 0.8)], [1, chance.uniform(-0.4, 0.4)], sound)
    if chance.random() < 0.3:
        sound = sosfilt(butter(2, chance.uniform(2500, 7500), fs=RATE, output="sos"), sound)
    if chance.random() < 0.3:
        sound = sosfilt(butter(2, chance.uniform(50, 300), "high", fs=RATE, output="sos"), sound)
    return sound.astype(np.float32)


def _telephone(sound: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    band = sosfilt(butter(4, (300, 3400), "band", fs=RATE, output="sos"), sound)
    peak = np.abs(band).max() + 1e-9
    coded = np.sign(band) * np.log1p(255 * np.abs(band) / peak) / np.log(256)
    coded = np.round(coded * 127) / 127
    return (np.sign(coded) * (256 ** np.abs(coded) - 1) / 255 * peak).astype(np.float32)


def _coded(sound: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Through Opus at a low rate; its delay is told by the file and undone."""
    peak = np.abs(sound).max() + 1e-9
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as output:
        stream = output.add_stream("libopus", rate=16000)
        stream.layout = "mono"
        stream.bit_rate = int(chance.choice([8000, 12000, 20000]))
        frame = av.AudioFrame.from_ndarray((sound / peak * 30000).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    file.seek(0)
    with av.open(file) as opened:
        resampler = av.AudioResampler("s16", "mono", RATE)
        parts = [part.to_ndarray() for frame in opened.decode(audio=0) for part in resampler.resample(frame)]
    decoded = np.concatenate(parts, axis=1)[0].astype(np.float32) / 30000 * peak
    return np.resize(decoded, len(sound)) if len(decoded) < len(sound) else decoded[: len(sound)]
