"""Sound stays in step: a click sounds whenever the picture flashes, measured in what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openportrait.media import Sound, open_clip, open_writer, probe
from openportrait.records import Floats

from .make import Video, picture

RATE = Fraction(5)
EVERY = 10
"""Seconds between clicks."""


@dataclass
class Clicks:
    """A clip that flashes and clicks every ten seconds of its picture."""

    seconds: int = 30
    codec: str = "aac"
    video: str = "libx264"
    sample_rate: int = 48000
    sound_start: Fraction = Fraction(0)
    picture_start: Fraction = Fraction(0)

    def save(self, path: Path) -> Path:
        with av.open(str(path), "w") as output:
            video = output.add_stream(self.video, rate=RATE)
            sound = output.add_stream(self.codec, rate=self.sample_rate)
            assert isinstance(video, VideoStream)
            assert isinstance(sound, AudioStream)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            sound.codec_context.layout = "mono"
            sound.codec_context.open()
            fit = AudioResampler(
                sound.codec_context.format.name, "mono", self.sample_rate, sound.codec_context.frame_size
            )
            for index in range(int(self.seconds * RATE)):
                image = np.full((64, 64, 3), 255 if index % (EVERY * RATE) == 0 else 0, np.uint8)
                frame = VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index + int(self.picture_start * RATE), 1 / RATE
                output.mux(video.encode(frame))
                if index % RATE == 0:
                    for part in fit.resample(self._second(int(index / RATE))):
                        output.mux(sound.encode(part))
            output.mux(video.encode(None))
            for part in fit.resample(None):
                output.mux(sound.encode(part))
            output.mux(sound.encode(None))
        return path

    def _second(self, number: int) -> AudioFrame:
        """One second of sound: a click of 20 ms where the picture flashes."""
        start = float(self.sound_start + number - self.picture_start)
        times = start + np.arange(self.sample_rate) / self.sample_rate
        since = times % EVERY
        wave = np.where((since < 0.02) & (times > -0.001), np.sin(since * 2 * np.pi * 1000) * 0.9, 0)
        frame = AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = self.sample_rate
        frame.pts = number * self.sample_rate + int(self.sound_start * self.sample_rate)
        frame.time_base = Fraction(1, self.sample_rate)
        return frame


@dataclass
class Heard:
    """What a player of the file would see and hear."""

    flashes: list[float]
    clicks: list[float]
    picture_end: float
    sound_end: float
    codec: str

    @property
    def lags(self) -> Floats:
        """Seconds from each flash to its click."""
        nearest = [min((click - flash for click in self.clicks), key=abs) for flash in self.flashes]
        return np.array(nearest)


def played(path: Path) -> Heard:
    flashes: list[float] = []
    clicks: list[float] = []
    sound_end = picture_end = 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture_end = float(frame.time) + float(1 / RATE)
            if frame.to_ndarray(format="gray")[20:40, 20:40].mean() > 128:
                flashes.append(float(frame.time))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for part in container.decode(stream):
            wave = np.abs(part.to_ndarray().astype(np.float64)).max(0)
            wave /= 32768 if part.format.name.startswith("s16") else 1
            start = float(part.time or 0)
            loud = np.flatnonzero(wave > 0.3)
            if len(loud) and (not clicks or start - clicks[-1] > 1):
                clicks.append(start + loud[0] / part.sample_rate)
            sound_end = start + part.samples / part.sample_rate
        codec = stream.codec_context.codec.canonical_name
    return Heard(flashes, clicks, picture_end, sound_end, codec)


def copied(source: Path, target: Path) -> Heard:
    with open_clip(source) as clip, open_writer(target, rate=RATE, sound=[Sound(source)], quality=50) as writer:
        for frame in clip:
            writer.write(frame.image)
        assert clip.truncated is None
    assert writer.sound == Sound(source)
    return played(target)


def payloads(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]


@pytest.mark.parametrize(("codec", "name"), [("aac", "long.mp4"), ("pcm_s16le", "long.mov")])
def test_ten_minutes_stay_in_step(tmp_path: Path, codec: str, name: str) -> None:
    """AAC is copied, PCM encoded anew."""
    source = Clicks(seconds=600, codec=codec, sample_rate=16000).save(tmp_path / name)
    heard = copied(source, tmp_path / "out.mp4")
    assert len(heard.flashes) == len(heard.clicks) == 60
    assert np.abs(heard.lags).max() < 1 / 60
    assert heard.picture_end - 0.1 < heard.sound_end <= heard.picture_end


@pytest.mark.parametrize(
    ("given", "codec", "taken"),
    [
        ("mp4", "aac", ("mp4", "mov", "mkv")),
        ("mkv", "libmp3lame", ("mp4", "mkv")),
        ("webm", "libopus", ("webm", "mkv", "mp4")),
        ("mov", "pcm_s16le", ("mov", "mkv")),
        ("mkv", "flac", ("mkv",)),
    ],
)
def test_sound_is_copied_where_the_container_takes_it(
    tmp_path: Path, given: str, codec: str, taken: tuple[str, ...]
) -> None:
    video = "libvpx-vp9" if given == "webm" else "libx264"
    source = Clicks(codec=codec, video=video).save(tmp_path / f"in.{given}")
    original = payloads(source)
    for suffix in taken:
        heard = copied(source, tmp_path / f"out.{suffix}")
        assert b"".join(payloads(tmp_path / f"out.{suffix}")) in b"".join(original), suffix
        assert np.abs(heard.lags).max() < 1 / 60
        assert heard.sound_end <= heard.picture_end + 0.001


@pytest.mark.parametrize(
    ("given", "codec", "suffix", "becomes"),
    [("mov", "pcm_s16le", "mp4", "aac"), ("mp4", "aac", "webm", "opus"), ("mkv", "libopus", "mov", "aac")],
)
def test_other_sound_is_encoded_anew(tmp_path: Path, given: str, codec: str, suffix: str, becomes: str) -> None:
    heard = copied(Clicks(codec=codec).save(tmp_path / f"in.{given}"), tmp_path / f"out.{suffix}")
    assert heard.codec == becomes
    assert len(heard.clicks) == 3
    assert np.abs(heard.lags).max() < 1 / 60
    assert heard.sound_end <= heard.picture_end + 0.001


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize(
    ("sound_start", "picture_start"), [(Fraction(3, 2), Fraction(0)), (Fraction(0), Fraction(8, 5))]
)
def test_the_offset_of_sound_and_picture_is_kept(
    tmp_path: Path, suffix: str, sound_start: Fraction, picture_start: Fraction
) -> None:
    source = Clicks(sound_start=sound_start, picture_start=picture_start).save(tmp_path / "in.mkv")
    heard = copied(source, tmp_path / f"out.{suffix}")
    assert np.abs(heard.lags[1:]).max() < 1 / 60
    assert heard.sound_end <= heard.picture_end + 0.001


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_sound_is_never_longer_than_a_shorter_picture(tmp_path: Path, suffix: str) -> None:
    source = Clicks().save(tmp_path / "in.mp4")
    with open_writer(tmp_path / f"out.{suffix}", rate=RATE, sound=[Sound(source)]) as writer:
        for _ in range(12):
            writer.write(picture())
    heard = played(writer.path)
    assert heard.picture_end - 0.1 < heard.sound_end <= heard.picture_end + 0.001


def test_sound_may_end_before_the_picture(tmp_path: Path) -> None:
    source = Clicks(seconds=2).save(tmp_path / "in.mp4")
    with open_writer(tmp_path / "out.mp4", rate=RATE, sound=[Sound(source)]) as writer:
        for _ in range(30):
            writer.write(picture())
    heard = played(writer.path)
    assert heard.picture_end == pytest.approx(6)
    assert heard.sound_end == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("delay", [Fraction(13, 10), Fraction(-7, 2)])
@pytest.mark.parametrize(("codec", "name"), [("aac", "o.mp4"), ("pcm_s16le", "o.mov"), ("aac", "o.webm")])
def test_sound_comes_later_or_from_further_in(tmp_path: Path, delay: Fraction, codec: str, name: str) -> None:
    source = Clicks(seconds=16, codec=codec).save(tmp_path / ("in.mov" if codec != "aac" else "in.mp4"))
    with open_writer(tmp_path / name, rate=RATE, sound=[Sound(source, delay)]) as writer:
        for _ in range(int(15 * RATE)):
            writer.write(picture())
    clicks = played(writer.path).clicks
    expected = [time + float(delay) for time in (0, EVERY) if 0 <= time + delay < 15]
    assert clicks == pytest.approx(expected, abs=0.03)


def test_the_first_candidate_with_sound_gives_it(tmp_path: Path) -> None:
    silent = Video().save(tmp_path / "silent.mp4")
    speaking = Clicks(seconds=2).save(tmp_path / "speaking.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"no clip at all")
    paths = [tmp_path / "missing.mp4", tmp_path, tmp_path / "broken.mp4", silent, speaking]
    candidates = [Sound(path) for path in paths]
    assert probe(speaking).has_audio
    assert not probe(silent).has_audio
    with open_writer(tmp_path / "out.mp4", rate=RATE, sound=candidates) as writer:
        writer.write(picture())
    assert writer.sound == Sound(speaking)
    with open_writer(tmp_path / "none.mp4", rate=RATE, sound=candidates[:-1]) as writer:
        writer.write(picture())
    assert writer.sound is None
    assert not probe(tmp_path / "none.mp4").has_audio


def test_sound_with_a_broken_clock_ends_there(tmp_path: Path) -> None:
    """One packet's time is three hours late: no silence of that length is made, and the picture goes on."""
    source = tmp_path / "late.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=48000, layout="mono")
        assert isinstance(stream, AudioStream)
        for index in range(20):
            frame = AudioFrame.from_ndarray(np.full((1, 4800), 1000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, index * 4800 + (3 * 3600 * 48000 if index >= 10 else 0)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_writer(tmp_path / "o.webm", rate=Fraction(25), sound=[Sound(source)]) as writer:
        for _ in range(50):
            writer.write(picture())
    with av.open(str(tmp_path / "o.webm")) as made:
        assert sum(frame.samples for frame in made.decode(audio=0)) < 1.2 * 48000
