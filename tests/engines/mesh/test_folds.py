"""Folds of skin: where they belong, as deep as the skin bears."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from openportrait.engines.base import Shot
from openportrait.engines.mesh.drawing.folds import amounts, build_folds
from openportrait.engines.mesh.render import build_appearance, render_shot
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import FACE_OVAL
from openportrait.motion import keypoints
from openportrait.records import FaceCrop, Floats
from tests.engines.faces import made_crop, made_motion
from tests.engines.gestures import Gesture

BESIDE_MOUTH, BESIDE_EYES, FOREHEAD, BETWEEN_BROWS = slice(0, 2), slice(2, 4), 4, 5


def _rough(crop: FaceCrop) -> FaceCrop:
    """The same face with lines and pores."""
    noise = np.random.default_rng(3).normal(0, 1, crop.image.shape[:2]).astype(np.float32)
    lines = cv2.GaussianBlur(noise, (0, 0), 2.0)
    lines *= 14 / lines.std()
    return replace(crop, image=np.clip(crop.image + lines[..., None], 0, 255).astype(np.uint8))


def _flat(crop: FaceCrop, colour: tuple[int, int, int] = (205, 165, 140)) -> FaceCrop:
    """A face of skin alone, without eyes and mouth."""
    image = crop.image.copy()
    cv2.fillPoly(image, [np.round(crop.face.landmarks[FACE_OVAL, :2]).astype(np.int32)], colour)
    return replace(crop, image=image)


def _shading(crop: FaceCrop, gesture: Gesture) -> tuple[Floats, Floats]:
    """(S, S, 3) how much light folds take from each pixel of the drawn gesture, and the moved landmarks px."""
    x_s, x_d = (keypoints(made_motion(wanted), mesh_layout()) for wanted in (Gesture(), gesture))
    look = build_appearance(crop)
    plain = replace(look, folds=replace(look.folds, redness=np.zeros(3, np.float32)))
    with_folds, without = (render_shot(Shot(appearance, x_s, x_d, None)).astype(float) for appearance in (look, plain))
    return without - with_folds, (x_d + 1) * (crop.size / 2) - 0.5


@pytest.mark.parametrize(("gesture", "middles"), [(Gesture(smile=1), (206, 426)), (Gesture(brow=1), (108, 151, 337))])
def test_a_gesture_throws_its_folds_and_leaves_the_rest(gesture: Gesture, middles: tuple[int, ...]) -> None:
    darker, moved = _shading(_rough(_flat(made_crop(size=512))), gesture)
    places = np.round(moved[list(middles), :2]).astype(int)
    around = [darker[y - 12 : y + 13, x - 12 : x + 13].max() for x, y in places]
    assert min(around) > 4
    x, y = np.round(moved[4, :2]).astype(int)
    assert np.abs(darker[y - 5 : y + 5, x - 5 : x + 5]).max() <= 1


def test_rough_skin_folds_deeper_than_smooth() -> None:
    crop = _flat(made_crop(size=512))
    smooth, rough = (np.percentile(_shading(face, Gesture(brow=1))[0], 99.5) for face in (crop, _rough(crop)))
    assert rough > 2 * smooth
    assert smooth < 8


def test_hair_over_a_forehead_has_no_lines() -> None:
    crop = _flat(made_crop(size=512))
    covered, face = crop.image.copy(), crop.face.landmarks
    y = round(float(face[[105, 334], 1].min()) - 8)
    covered[:y] = (50, 40, 35)
    darker, _ = _shading(replace(crop, image=covered), Gesture(brow=1))
    assert np.abs(darker[: y - 60]).max() <= 2


def test_folds_of_a_picture_without_colours_have_none() -> None:
    darker, _ = _shading(_flat(made_crop(size=512), (160, 160, 160)), Gesture(smile=1))
    assert np.abs(darker[..., 0] - darker[..., 2]).max() <= 1
    assert darker.max() > 4


@pytest.mark.parametrize(
    ("gesture", "which"),
    [
        (Gesture(smile=1), BESIDE_MOUTH),
        (Gesture(smile=1), BESIDE_EYES),
        (Gesture(brow=1), FOREHEAD),
        (Gesture(frown=1), BETWEEN_BROWS),
    ],
)
def test_amounts_follow_the_gesture(gesture: Gesture, which: slice | int) -> None:
    crop = made_crop(size=256)
    look = build_folds(crop.image, crop.face.landmarks)
    x_s, x_d = (keypoints(made_motion(wanted), mesh_layout()) for wanted in (Gesture(), gesture))
    depths = amounts(look, x_d - x_s)
    assert np.min(depths[which]) > 0.4


@pytest.mark.parametrize("gesture", [Gesture(), Gesture(jaw=1), Gesture(pucker=1), Gesture(blink_left=1)])
def test_other_gestures_throw_no_folds(gesture: Gesture) -> None:
    crop = made_crop(size=256)
    look = build_folds(crop.image, crop.face.landmarks)
    x_s, x_d = (keypoints(made_motion(wanted), mesh_layout()) for wanted in (Gesture(), gesture))
    assert amounts(look, x_d - x_s).max() < 0.05


def test_a_fold_has_the_hue_that_the_skin_has_in_shade() -> None:
    crop = _flat(made_crop(size=512))
    light = np.interp(np.arange(512), [220, 290], [1.0, 0.5])[:, None]
    # Of this skin shade leaves more of the red, and less of the blue.
    shaded = replace(crop, image=(crop.image * light ** (0.5, 1.2, 1.8)).astype(np.uint8))
    redness = build_folds(shaded.image, shaded.face.landmarks).redness
    even = build_folds(crop.image, crop.face.landmarks).redness
    grey = replace(shaded, image=np.repeat(shaded.image[..., 1:2], 3, 2))
    assert redness[0] < 0.7 < even[0] < 1
    assert redness[2] > 1.5 > even[2] > 1
    np.testing.assert_allclose(build_folds(grey.image, grey.face.landmarks).redness, 1, atol=0.02)
