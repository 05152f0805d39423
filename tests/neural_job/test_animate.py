"""`animate` on the neural engine: every kind of source and driving, and what reaches the networks."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openportrait
from openportrait import Driving
from openportrait.engines import load
from openportrait.engines.neural.engine import NeuralEngine
from openportrait.errors import Cancelled
from openportrait.faces import ratios
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.media import open_clip, open_writer, probe, read_image
from openportrait.options import EngineOptions
from openportrait.records import Floats, Motion, Progress
from tests.conftest import EXAMPLES
from tests.neural_job.conftest import Asked
from tests.neural_job.formulas import LIPS, MOVING, as_it_is, by_clip, points, stitched

PLAIN: dict[str, Any] = {"driving_option": "pose-friendly", "stitching": False}
"""Without what changes the keypoints after the transfer."""


def official(path: Path, motions: Sequence[Motion], *, old: bool) -> Path:
    """A template as the released project writes it now, or wrote it before mid-2024."""
    items: list[dict[str, Any]] = []
    for motion in motions:
        items.append(
            {
                "scale": np.array([[motion.scale]], np.float32),
                "R_d" if old else "R": motion.rotation[None].astype(np.float32),
                "exp": motion.expression[None].astype(np.float32),
                "t": motion.translation[None].astype(np.float32),
            }
        )
        if not old:
            items[-1]["kp"] = motion.canonical[None].astype(np.float32)
            items[-1]["x_s"] = points(motion)[None].astype(np.float32)
    eyes, lip = ("c_d_eyes_lst", "c_d_lip_lst") if old else ("c_eyes_lst", "c_lip_lst")
    content = {
        "n_frames": len(items),
        "output_fps": 25,
        "motion": items,
        eyes: [np.array([[0.3, 0.31]], np.float32) for _ in items],
        lip: [np.array([[0.1 * i]], np.float32) for i, _ in enumerate(items)],
    }
    path.write_bytes(pickle.dumps(content))
    return path


def driven(asked: Asked) -> list[Floats]:
    return [shot.x_d for shot in asked.shots]


@pytest.mark.slow
def test_image_by_video_through_the_networks(officer: Path, three: Path, weights: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    result = openportrait.animate(
        officer, three, tmp_path, engine="neural", weights=weights, side_by_side=True, progress=told.append
    )
    assert (result.frames, result.rate, result.engine, result.faces) == (3, Fraction(25, 2), "neural", 1)
    info = probe(result.path)
    source = read_image(officer).image
    assert (info.rate, info.frames, info.has_audio) == (Fraction(25, 2), 3, True)
    assert abs(info.width - source.shape[1]) <= 1
    with open_clip(result.path) as clip:
        pictures = [frame.image[:, :272].astype(int) for frame in clip]
    still = source[: pictures[0].shape[0], :272].astype(int)
    assert all(np.abs(picture - still)[-20:].mean() < 6 for picture in pictures), "the chest is the source's"
    assert all(np.abs(picture - still)[60:160, 80:190].mean() > 20 for picture in pictures), "the face is a stand-in's"
    assert result.side_by_side is not None
    assert probe(result.side_by_side).width > 2 * info.width
    assert [now.done for now in told if now.stage == "render"] == [1, 2, 3]
    assert [line for line in result.warnings if "not all the published ones" in line], "these weights are stand-ins"


@pytest.mark.parametrize("region", MOVING)
def test_each_region_moves_its_own_keypoints(
    officer: Path, motion_of_three: Path, weights: Path, asked: Asked, region: str
) -> None:
    wanted: dict[str, Any] = {"engine": "neural", "weights": weights, "region": region, **PLAIN}
    with openportrait.stream(officer, motion_of_three, **wanted) as job:
        assert any("face crop" in line for line in job.warnings), "nothing is pasted back without stitching"
        assert [picture.image.shape for picture in job] == [(512, 512, 3)] * 3
    (source,), driving_motions = asked.motions, openportrait.load_template(motion_of_three).motions
    first = driving_motions[0]
    for shot, driving in zip(asked.shots, driving_motions, strict=True):
        np.testing.assert_allclose(shot.x_s, points(source), atol=1e-6)
        np.testing.assert_allclose(shot.x_d, by_clip(source, driving, first, region), atol=2e-5)
    np.testing.assert_allclose(asked.shots[0].x_d, asked.shots[0].x_s, atol=2e-5)
    assert np.abs(asked.shots[2].x_d - asked.shots[2].x_s).max() > 1e-3


def test_absolute_motion_is_the_drivings_own(officer: Path, motion_of_three: Path, weights: Path, asked: Asked) -> None:
    wanted: dict[str, Any] = {"engine": "neural", "weights": weights, "relative": False, **PLAIN}
    with openportrait.stream(officer, motion_of_three, **wanted) as job:
        list(job)
    (source,) = asked.motions
    for shot, motion in zip(asked.shots, openportrait.load_template(motion_of_three).motions, strict=True):
        np.testing.assert_allclose(shot.x_d, as_it_is(source, motion), atol=2e-5)


def test_each_driving_moves_its_own_keypoints(
    officer: Path, motion_of_three: Path, weights: Path, tmp_path: Path, asked: Asked
) -> None:
    clip = openportrait.load_template(motion_of_three).motions
    other = official(tmp_path / "other.pkl", clip[::-1], old=False)
    drivings = [Driving(motion_of_three), Driving(other, region="lip")]
    with openportrait.stream(officer, drivings, engine="neural", weights=weights, **PLAIN) as job:
        list(job)
    (source,) = asked.motions
    for i, shot in enumerate(asked.shots):
        expression = source.expression + clip[i].expression - clip[0].expression
        # The other has twice as many frames a second, and holds its last one.
        spoken = clip[::-1][min(2 * i, 2)]
        expression[LIPS] = source.expression[LIPS] + spoken.expression[LIPS] - clip[2].expression[LIPS]
        moved = by_clip(replaced(source, expression), clip[i], clip[0], "all")
        moved -= source.scale * clip[i].scale / clip[0].scale * (clip[i].expression - clip[0].expression)
        np.testing.assert_allclose(shot.x_d, moved, atol=2e-5)


@pytest.mark.parametrize("options", [{"region": "gaze"}, {"strength": "lids=0.5"}, {"neutralise": "gaze"}])
def test_what_the_keypoints_cannot_tell_apart_is_refused(
    officer: Path, motion_of_three: Path, weights: Path, asked: Asked, options: dict[str, str]
) -> None:
    wanted: dict[str, Any] = {"engine": "neural", "weights": weights, **options}
    with (
        pytest.raises(openportrait.OptionError, match="do not tell lids and gaze apart; give eyes"),
        openportrait.stream(officer, motion_of_three, **wanted) as job,
    ):
        list(job)


def test_stitching_is_its_network_on_both_sets_of_keypoints(
    officer: Path, motion_of_three: Path, weights: Path, asked: Asked
) -> None:
    wanted: dict[str, Any] = {"engine": "neural", "weights": weights, "driving_option": "pose-friendly"}
    with openportrait.stream(officer, motion_of_three, **wanted) as job:
        list(job)
    (source,), drivings = asked.motions, openportrait.load_template(motion_of_three).motions
    for shot, driving in zip(asked.shots, drivings, strict=True):
        x = by_clip(source, driving, drivings[0], "all")
        np.testing.assert_allclose(shot.x_d, stitched(shot.x_s, x), atol=1e-4)


def test_a_clip_by_a_clip_is_as_long_as_the_shorter_and_keeps_its_size(
    talk: Path, three: Path, weights: Path, tmp_path: Path, asked: Asked
) -> None:
    source = tmp_path / "four.mp4"
    with open_clip(talk, max_size=200) as clip, open_writer(source, rate=Fraction(25, 2)) as writer:
        for frame in islice(clip, 40, 44):
            writer.write(frame.image)
    result = openportrait.animate(source, three, tmp_path / "o.mp4", engine="neural", weights=weights)
    info = probe(result.path)
    assert (result.frames, info.width, info.height, info.has_audio) == (3, 200, 200, True)
    assert len(asked.motions) == 4 + 3
    assert len({id(shot.appearance) for shot in asked.shots}) == 3, "each frame is a source of its own"


def test_a_clip_by_an_image_is_all_of_the_clip(three: Path, weights: Path, tmp_path: Path, asked: Asked) -> None:
    driving = EXAMPLES / "driving" / "surprise.jpg"
    result = openportrait.animate(
        three, driving, tmp_path / "o.mp4", engine="neural", weights=weights, audio="source", **PLAIN
    )
    assert (result.frames, probe(result.path).has_audio) == (3, True)
    *sources, smile = asked.motions
    for shot, source in zip(asked.shots, sources, strict=True):
        moved = as_it_is(source, replaced(source, source.expression + smile.expression - neutral()))
        np.testing.assert_allclose(shot.x_d, moved, atol=2e-5)


def neutral() -> Floats:
    """N of SPEC §4."""
    nowhere = Motion(np.eye(3), np.zeros((21, 3)), 1.0, np.zeros(3), np.zeros((21, 3)))
    return LIVEPORTRAIT_21.neutral(nowhere)


def replaced(motion: Motion, expression: Floats) -> Motion:
    return Motion(motion.rotation, expression, motion.scale, motion.translation, motion.canonical)


def test_templates_drive_as_the_clip_they_were_made_from(
    officer: Path, three: Path, weights: Path, tmp_path: Path, asked: Asked
) -> None:
    wanted: dict[str, Any] = {"engine": "neural", "weights": weights}
    by_video = openportrait.animate(officer, three, tmp_path / "a.mp4", save_template=True, **wanted)
    assert by_video.template is not None
    own, motions = driven(asked), asked.motions[1:]
    drivings = [
        by_video.template,
        official(tmp_path / "new.pkl", motions, old=False),
        official(tmp_path / "old.pkl", motions, old=True),
    ]
    for driving in drivings:
        asked.shots.clear()
        result = openportrait.animate(officer, driving, tmp_path / "b.mp4", **wanted)
        assert result.frames == 3
        assert not any("was made by" in line for line in result.warnings)
        for x, other in zip(driven(asked), own, strict=True):
            np.testing.assert_allclose(x, other, atol=2e-5)


@pytest.mark.parametrize("old", [False, True])
def test_an_official_templates_openness_opens_the_lips(
    officer: Path, motion_of_three: Path, weights: Path, tmp_path: Path, asked: Asked, old: bool
) -> None:
    template = official(tmp_path / "t.pkl", openportrait.load_template(motion_of_three).motions, old=old)
    with openportrait.stream(officer, template, engine="neural", weights=weights, lip_retargeting=True, **PLAIN) as job:
        list(job)
    engine, lip = engine_of(weights), ratios(asked.crops[0].face).lip
    assert len(asked.shots) == 3
    for i, shot in enumerate(asked.shots):
        np.testing.assert_allclose(shot.x_d, shot.x_s + engine.open_lips(shot.x_s, lip, 0.1 * i), atol=1e-5)


def engine_of(weights: Path) -> NeuralEngine:
    engine = load(EngineOptions(engine="neural", weights=weights))
    assert isinstance(engine, NeuralEngine)
    return engine


def test_templates_of_one_engine_drive_the_other_with_a_notice(
    officer: Path, three: Path, weights: Path, tmp_path: Path, asked: Asked
) -> None:
    neural: dict[str, Any] = {"engine": "neural", "weights": weights}
    mesh: dict[str, Any] = {"engine": "mesh", "max_crop": 256}
    for maker, taker in ((neural, mesh), (mesh, neural)):
        made = openportrait.animate(officer, three, tmp_path / "a.mp4", save_template=True, **maker)
        assert made.template is not None
        asked.shots.clear()
        taken = openportrait.animate(officer, made.template, tmp_path / "b.mp4", **taker)
        notices = [line for line in taken.warnings if "was made by" in line]
        assert len(notices) == 1
        assert f"made by the {maker['engine']} engine" in notices[0]
        assert (taken.engine, taken.frames) == (taker["engine"], 3)
    first, *_, last = driven(asked)
    assert np.abs(last - first).max() > 1e-3, "the mesh's template moves the neural engine's keypoints"


def test_auto_is_neural_where_the_environment_names_weights(
    officer: Path, three: Path, weights: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENPORTRAIT_WEIGHTS", str(weights))
    with openportrait.stream(officer, three) as job:
        assert job.engine == "neural"
        assert next(iter(job)).image.shape == read_image(officer).image.shape
    assert asked.shots


def test_cancelling_leaves_nothing(officer: Path, three: Path, weights: Path, tmp_path: Path, asked: Asked) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        openportrait.animate(
            *(officer, three, tmp_path / "new" / "o.mp4"),
            engine="neural",
            weights=weights,
            progress=told.append,
            cancel=lambda: any(now.stage == "render" for now in told),
        )
    assert list(tmp_path.iterdir()) == []
    assert asked.shots


def test_sliders_move_the_keypoints_that_they_name(officer: Path, weights: Path, tmp_path: Path, asked: Asked) -> None:
    smile = openportrait.FaceEdit(smile=1.0)
    result = openportrait.edit(officer, smile, tmp_path / "o.png", engine="neural", weights=weights, stitching=False)
    assert (result.engine, result.frames) == ("neural", 1)
    (shot,) = asked.shots
    change = (shot.x_d - shot.x_s) / asked.motions[0].scale
    assert sorted(np.flatnonzero(np.abs(change).max(1) > 1e-6)) == [3, 7, 13, 14, 16, 17, 20]
    assert change[20, 1] == pytest.approx(-0.01)


def test_lips_of_a_clip_are_retargeted(three: Path, weights: Path, tmp_path: Path, asked: Asked) -> None:
    result = openportrait.retarget(
        three,
        openportrait.RetargetOptions(lip=0.0, retarget_smoothing=0.0),
        tmp_path / "o.mp4",
        engine="neural",
        weights=weights,
        stitching=False,
    )
    assert (result.frames, probe(result.path).has_audio) == (3, True)
    engine = engine_of(weights)
    for shot, crop in zip(asked.shots, asked.crops, strict=True):
        closed = shot.x_s + engine.open_lips(shot.x_s, ratios(crop.face).lip, 0.0)
        np.testing.assert_allclose(shot.x_d, closed, atol=1e-4)
