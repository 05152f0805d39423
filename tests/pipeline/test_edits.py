"""Editing, performing and retargeting on the mesh engine."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import openportrait
from openportrait import FaceEdit, Key, RetargetOptions, Timeline
from openportrait.faces import FaceFinder, ratios
from openportrait.media import Sound, open_clip, open_writer, probe, read_image
from openportrait.pipeline import editing_options
from openportrait.pipeline.editor import Editor
from openportrait.records import Image, Ratios


@pytest.fixture(scope="module")
def speech(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first four seconds of the clip, with sound: lips and eyes open and close."""
    path = tmp_path_factory.mktemp("clips") / "speech.mp4"
    with open_clip(talk) as clip, open_writer(path, rate=Fraction(25), sound=[Sound(talk)]) as writer:
        for frame in islice(clip, 100):
            writer.write(frame.image)
    return path


@cache
def finder() -> FaceFinder:
    return FaceFinder()


def openness(image: Image) -> Ratios:
    return ratios(finder().find(image)[0])


def openness_over_time(path: Path, step: int = 1) -> list[Ratios]:
    with open_clip(path) as clip:
        return [openness(frame.image) for frame in islice(clip, 0, None, step)]


def test_targets_are_reached_in_the_picture(portrait: Path, tmp_path: Path) -> None:
    own = openness(read_image(portrait).image)
    result = openportrait.edit(portrait, FaceEdit(lip_ratio=0.4), tmp_path, engine="mesh")
    assert result.path == tmp_path / "officer--edit.jpg"
    assert result.rate is None
    edited = openness(read_image(result.path).image)
    assert own.lip < 0.1
    assert edited.lip == pytest.approx(0.4, abs=0.12)


def test_an_edit_that_changes_nothing_gives_the_source(portrait: Path) -> None:
    editor = Editor(portrait, editing_options(engine="mesh"))
    difference = np.abs(editor(FaceEdit()).image.astype(int) - editor.picture)
    assert difference.max() <= 1


@pytest.mark.parametrize(
    "edit", [FaceEdit(yaw_degrees=15), FaceEdit(smile=1.0), FaceEdit(wink=30), FaceEdit(eyebrow=20)]
)
def test_an_edit_moves_the_face_and_not_the_border(portrait: Path, edit: FaceEdit) -> None:
    editor = Editor(portrait, editing_options(engine="mesh"))
    edited = editor(edit).image
    assert np.abs(edited.astype(float) - editor.picture).mean() > 0.05
    assert (edited[-1] == editor.picture[-1]).all()


def test_a_timeline_becomes_a_clip_and_a_template(portrait: Path, tmp_path: Path) -> None:
    timeline = Timeline(
        (Key(0.0, FaceEdit()), Key(0.4, FaceEdit(lip_ratio=0.35)), Key(0.8, FaceEdit())), rate=Fraction(10)
    )
    result = openportrait.perform(portrait, timeline, tmp_path / "p.mp4", engine="mesh", save_template=True)
    assert (result.frames, result.rate) == (9, Fraction(10))
    lips = [found.lip for found in openness_over_time(result.path)]
    assert lips[4] > lips[0] + 0.15
    assert lips[8] == pytest.approx(lips[0], abs=0.05)
    assert result.template is not None
    other = openportrait.animate(
        portrait.with_name("astronaut.jpg"), result.template, tmp_path / "o.mp4", engine="mesh"
    )
    moved = [found.lip for found in openness_over_time(other.path)]
    assert moved[4] > moved[0] + 0.1


@pytest.mark.slow
def test_lips_of_a_clip_are_closed_and_its_sound_kept(speech: Path, tmp_path: Path) -> None:
    result = openportrait.retarget(speech, RetargetOptions(lip=0.0), tmp_path / "r.mp4", engine="mesh")
    before, after = openness_over_time(speech, 3), openness_over_time(result.path, 3)
    assert max(ratio.lip for ratio in before) > 0.2
    assert max(ratio.lip for ratio in after) < 0.1
    assert probe(result.path).has_audio


@pytest.mark.slow
def test_silence_stills_the_lips_and_keeps_the_eyes(speech: Path, tmp_path: Path) -> None:
    result = openportrait.retarget(speech, RetargetOptions(silent=True), tmp_path / "r.mp4", engine="mesh")
    before, after = openness_over_time(speech, 3), openness_over_time(result.path, 3)
    spoken, silent = (np.ptp([ratio.lip for ratio in found]) for found in (before, after))
    assert silent < 0.35 * spoken
    eyes_before, eyes_after = (np.array([ratio.eye_left for ratio in found]) for found in (before, after))
    assert np.ptp(eyes_before) > 0.1
    assert np.corrcoef(eyes_before, eyes_after)[0, 1] > 0.8


def test_what_cannot_be_retargeted_is_refused(portrait: Path, short_talk: Path) -> None:
    with pytest.raises(openportrait.OptionError, match="nothing to retarget"):
        openportrait.retarget(short_talk, RetargetOptions())
    with pytest.raises(openportrait.OptionError, match="is a picture"):
        openportrait.retarget(portrait, RetargetOptions(lip=0.0))
