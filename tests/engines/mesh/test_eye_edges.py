"""Eyes larger than the landmarks say: their outline is put where it is seen, and only there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from openportrait.engines.mesh.eyes.edges import snapped
from openportrait.engines.mesh.eyes.layers import eye_outline, eye_width
from openportrait.engines.mesh.render import render_shot
from openportrait.engines.mesh.shape.points import EYES_UPPER, SKIN_COUNT, crop_pixels, fitted
from openportrait.records import FaceCrop
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture
from tests.engines.mesh.test_render import shot

WIDE, HIGH = 0.55, 0.27
"""Half axes of a doll's eye, in widths of the landmarks' one."""


def doll(sides: tuple[int, ...] = (0, 1), white: tuple[int, int, int] = (245, 245, 245)) -> FaceCrop:
    """Round white eyes with a large iris and a black line around them."""
    crop = made_crop(size=512, scale=0.09)
    points, image = crop.face.landmarks, np.full_like(crop.image, (205, 165, 140))
    for side in sides:
        centre = tuple(np.round(eye_outline(points, side).mean(0)).astype(int).tolist())
        axes = tuple(round(half * eye_width(points, side)) for half in (WIDE, HIGH))
        cv2.ellipse(image, centre, axes, 0, 0, 360, white, -1, cv2.LINE_AA)
        cv2.ellipse(image, centre, axes, 0, 0, 360, (30, 20, 20), 2, cv2.LINE_AA)
        cv2.circle(image, centre, round(0.55 * axes[1]), (60, 90, 140), -1, cv2.LINE_AA)
    return replace(crop, image=image)


def test_the_outline_of_a_large_eye_is_where_it_is_seen() -> None:
    crop = doll()
    before = fitted(crop.face.landmarks)
    after = snapped(crop.image, before)
    for side in (0, 1):
        middle, width = eye_outline(before, side).mean(0), eye_width(before, side)
        away = (eye_outline(after, side) - middle) / width
        np.testing.assert_allclose(np.hypot(away[:, 0] / WIDE, away[:, 1] / HIGH), 1, atol=0.15)
    # The skin around goes along, so that nothing overlaps, and the rest of the face stays.
    far = np.abs(before[:SKIN_COUNT, 1] - before[EYES_UPPER[:, 4], 1].mean()) > 3 * eye_width(before, 0)
    np.testing.assert_array_equal(after[:SKIN_COUNT][far], before[:SKIN_COUNT][far])


@pytest.mark.parametrize("crop", [made_crop(size=512), doll(sides=(0,)), doll(sides=()), doll(white=(165, 160, 155))])
def test_other_eyes_keep_the_outline_of_the_landmarks(crop: FaceCrop) -> None:
    points = fitted(crop.face.landmarks)
    np.testing.assert_array_equal(snapped(crop.image, points), points)


def test_a_large_eye_that_shuts_leaves_nothing_of_its_white() -> None:
    shut = shot(doll(), Gesture(blink_left=1, blink_right=1))
    picture, points = render_shot(shut), crop_pixels(shut.x_d, 512)
    for side in (0, 1):
        middle, width = eye_outline(points, side).mean(0), eye_width(points, side)
        (x, y), half = np.round(middle).astype(int), round(0.6 * width)
        assert picture[y - half : y + half, x - half : x + half, 2].max() < 180
