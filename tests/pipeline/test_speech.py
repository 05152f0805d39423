"""A sound as a driving: a portrait speaks it, alone and beside other drivings."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import openportrait
from openportrait import Animator, Driving, Samples, load_template, save_template
from openportrait.drivings import written
from openportrait.errors import MediaError
from openportrait.faces import FaceFinder, ratios
from openportrait.media import open_clip, probe
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.speech import OUTPUTS, RATE, hear
from tests.media.make import Video


@pytest.fixture(scope="module")
def words(speech: Path) -> Samples:
    """2.4 s of the example, one that begins with a pause."""
    return Samples(np.concatenate(list(listen(speech)))[: int(2.4 * HEARD_RATE)], HEARD_RATE)


@pytest.fixture(scope="module")
def spoken(small: Path, speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openportrait.animate(
        small, speech, tmp_path_factory.mktemp("spoken") / "out.mp4", engine="mesh", liveliness=0.0
    ).path


def test_a_portrait_speaks_as_long_as_the_sound_and_carries_it(spoken: Path, speech: Path) -> None:
    info = probe(spoken)
    assert info.rate == 25
    assert info.frames == pytest.approx(5.3 * 25, abs=2)
    with av.open(str(spoken)) as container:
        assert container.streams.audio[0].codec_context.name in ("opus", "aac")
    heard, own = (np.concatenate(list(listen(path))) for path in (spoken, speech))
    shared = min(len(heard), len(own))
    assert np.corrcoef(np.abs(heard[:shared]), np.abs(own[:shared]))[0, 1] > 0.9


def test_the_mouth_is_as_open_as_the_sound_says(spoken: Path, speech: Path, finder: FaceFinder) -> None:
    """Measured in the picture, by the network that finds faces."""
    with open_clip(spoken) as clip:
        seen = np.array([ratios(finder.find(frame.image)[0]).lip for frame in clip])
    frames = hear(np.concatenate(list(listen(speech))))
    at = (np.arange(len(seen)) + 0.5) / 25 * RATE
    openness = np.interp(at, np.arange(len(frames)), frames[:, OUTPUTS.index("openness")])
    assert np.corrcoef(seen, openness)[0, 1] > 0.8
    assert seen.max() > 0.12
    assert np.median(seen[:5]) < 0.03, "shut before the first word"


def test_a_sound_dubs_a_driven_clip(small: Path, short_talk: Path, words: Samples, tmp_path: Path) -> None:
    with (
        Animator(engine="mesh") as animator,
        animator.stream(small, [short_talk, Driving(words, region="lip")], liveliness=0.0) as job,
    ):
        assert job.rate == Fraction(25, 2)
        assert next(sound.path.suffix for sound in job.sound) == ".wav"
        assert len([picture for picture in job if picture.driving is not None]) == job.frames


def test_a_clip_speaks_with_a_neutral_mouth(short_talk: Path, tmp_path: Path, finder: FaceFinder) -> None:
    """Silence: what the person in the clip said is not to be seen any more."""
    silence = Samples(np.zeros(HEARD_RATE), HEARD_RATE)
    with Animator(engine="mesh") as animator:
        result = animator.animate(short_talk, silence, liveliness=0.0, region="lip")
        assert any("no speech is heard" in warning for warning in result.warnings)
        after = [ratios(finder.find(picture)[0]).lip for picture in result.pictures()]
    with open_clip(short_talk) as clip:
        before = [ratios(finder.find(frame.image)[0]).lip for frame in clip]
    assert max(before) > 0.1
    assert max(after) < 0.04


def test_a_template_of_a_sound_moves_as_the_sound_does(small: Path, words: Samples, tmp_path: Path) -> None:
    with Animator(engine="mesh") as animator:
        template = animator.template(words, seed=5)
        save_template(tmp_path / "words.motion", template)
        kept = load_template(tmp_path / "words.motion")
        assert len(kept.motions) == 60
        by_sound = animator.animate(small, words, seed=5, neutralise="lip=1")
        by_template = animator.animate(small, tmp_path / "words.motion", neutralise="lip=1")
        pairs = zip(by_sound.pictures(), by_template.pictures(), strict=True)
        worst = max(float(np.abs(a.astype(int) - b).mean()) for a, b in pairs)
    assert worst < 1.0


def test_rate_and_liveliness_are_options(words: Samples) -> None:
    with Animator(engine="mesh") as animator:
        still = animator.driving(words, liveliness=0.0, speech_rate=30)
        lively = animator.driving(words, liveliness=1.0, speech_rate=30)
    assert still.rate == 30
    assert len(still.motions) == 72

    def turned(driving: MeasuredDriving) -> float:
        return float(max(np.abs(motion.rotation - np.eye(3)).max() for motion in driving.motions))

    assert turned(still) == 0 < turned(lively) < 0.2


def test_how_a_sound_is_written(tmp_path: Path) -> None:
    assert written("lip=sound:clip.mp4") == Driving(Path("clip.mp4"), region="lip", sound=True)
    assert written("left:sound:clip.mp4@offset=1") == Driving(
        Path("clip.mp4"), face="left", sound=True, offset_seconds=1.0
    )
    assert not written("lip=words.wav").sound


def test_a_clip_without_sound_cannot_be_spoken(small: Path, tmp_path: Path) -> None:
    silent = Video().save(tmp_path / "silent.mp4")
    with pytest.raises(MediaError, match=r"silent.mp4: it has no sound; give a WAV"):
        openportrait.animate(small, Driving(silent, sound=True), tmp_path / "out.mp4", engine="mesh", liveliness=0.0)
    assert not (tmp_path / "out.mp4").exists()


def test_a_sound_is_no_source(words: Samples, short_talk: Path) -> None:
    with Animator(engine="mesh") as animator, pytest.raises(MediaError, match=r"source \(samples\): holds no picture"):
        animator.animate(words, short_talk)
