"""Eyes that shut: lids with the skin's texture and the lid's colours."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from openportrait.engines.base import Shot
from openportrait.engines.mesh.colours import LUMA
from openportrait.engines.mesh.drawing.stand_in import draw_line
from openportrait.engines.mesh.eyes.layers import eye_outline
from openportrait.engines.mesh.render import build_appearance, render_shot
from openportrait.engines.mesh.shape import movements
from openportrait.engines.mesh.shape.controls import eye_offsets
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import EYES_LOWER, EYES_UPPER
from openportrait.motion import keypoints
from openportrait.records import FaceCrop, Floats, Image, Ratios
from tests.engines.faces import made_crop, made_motion
from tests.engines.gestures import Gesture
from tests.engines.mesh.test_render import shot, with_clear_eyes

SHUT = Gesture(blink_left=1, blink_right=1)


def _drawn(crop: FaceCrop, gesture: Gesture) -> Image:
    x_s, x_d = (keypoints(made_motion(wanted), mesh_layout()) for wanted in (Gesture(), gesture))
    return render_shot(Shot(build_appearance(crop), x_s, x_d, None))


def _lid(picture: Image, crop: FaceCrop, side: int) -> Floats:
    """Where the middle of the open eye was, above the line of the lashes."""
    upper, lower = crop.face.landmarks[EYES_UPPER[side], :2], crop.face.landmarks[EYES_LOWER[side], :2]
    width = np.linalg.norm(upper[0] - upper[-1])
    x, top, bottom = upper[4, 0], upper[4, 1], lower[4, 1]
    half = 0.2 * width
    rows = slice(round(top), round(top + 0.5 * (bottom - top)))
    return picture[rows, round(x - half) : round(x + half)].astype(float)


@pytest.mark.parametrize("side", [0, 1])
def test_the_texture_of_a_shut_lid_is_not_stretched(side: int) -> None:
    crop = with_clear_eyes(made_crop(size=512))
    grain = np.random.default_rng(5).normal(0, 9, crop.image.shape)
    grainy = np.clip(crop.image + grain, 0, 255).astype(np.uint8)
    lid = _lid(_drawn(replace(crop, image=grainy), SHUT), crop, side)
    down, across = (float(np.abs(np.diff(lid, axis=axis)).mean()) for axis in (0, 1))
    assert down > 0.75 * across
    assert down > 4


@pytest.mark.parametrize("side", [0, 1])
def test_make_up_comes_down_with_the_lid(side: int) -> None:
    crop = with_clear_eyes(made_crop(size=512))
    painted, face = crop.image.copy(), crop.face.landmarks
    for upper in face[EYES_UPPER, :2]:
        width = np.linalg.norm(upper[0] - upper[-1])
        band = np.vstack([upper, upper[::-1] - (0, 0.2 * width)])
        cv2.fillPoly(painted, [np.round(band).astype(np.int32)], (120, 130, 210))
    plain, coloured = (
        _lid(_drawn(replace(crop, image=image), SHUT), crop, side).mean((0, 1)) for image in (crop.image, painted)
    )
    assert plain[0] > plain[2] + 20
    assert coloured[2] > coloured[0] + 5


def test_a_crease_does_not_stay_above_a_shut_lid() -> None:
    crop = with_clear_eyes(made_crop(size=512))
    creased, face = crop.image.copy(), crop.face.landmarks
    for upper in face[EYES_UPPER, :2]:
        width = np.linalg.norm(upper[0] - upper[-1])
        crease = np.round(upper[1:-1] - (0, 0.14 * width)).astype(np.int32)
        cv2.polylines(creased, [crease], False, (120, 85, 70), 2, cv2.LINE_AA)
    plain, without = (_drawn(replace(crop, image=image), SHUT).astype(float) for image in (crop.image, creased))
    for upper in face[EYES_UPPER, :2]:
        width = np.linalg.norm(upper[0] - upper[-1])
        x, y = upper[4]
        part = (slice(round(y - 0.2 * width), round(y + 0.1 * width)), slice(round(x) - 8, round(x) + 8))
        darker = (plain[part] - without[part]).mean((1, 2))
        assert darker.max() - np.median(darker) < 10


def test_a_line_may_be_thickest_beside_its_middle() -> None:
    picture = np.full((40, 120, 3), 200, np.uint8)
    line = np.column_stack([np.linspace(10, 110, 21), np.full(21, 20.0)])
    draw_line(picture, line, np.zeros(3), 8, 1.0, 0.3)
    ink = 200 - picture[..., 0].astype(float).mean(0)
    assert ink[30:50].mean() > 1.2 * ink[70:90].mean()


def _shut_crop() -> FaceCrop:
    """A face whose lids are shut: skin and a line of dark lashes."""
    crop = with_clear_eyes(made_crop(SHUT, size=512))
    image, face = crop.image.copy(), crop.face.landmarks
    for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True):
        width = np.linalg.norm(face[upper[0], :2] - face[upper[-1], :2])
        middle = tuple(np.round((face[upper[4], :2] + face[lower[4], :2]) / 2).astype(int).tolist())
        cv2.ellipse(image, middle, (round(0.6 * width), round(0.3 * width)), 0, 0, 360, (205, 165, 140), -1)
        lashes = np.round((face[upper, :2] + face[lower, :2]) / 2).astype(np.int32)
        cv2.polylines(image, [lashes], False, (50, 30, 20), 2, cv2.LINE_AA)
    return replace(crop, image=image)


def _openings(picture: Image, face: Floats) -> list[Image]:
    """What is around the middle of each eye."""
    parts = []
    for upper in face[EYES_UPPER, :2]:
        (x, y), half = np.round((upper[0] + upper[-1]) / 2).astype(int), round(0.3 * (abs(upper[0, 0] - upper[-1, 0])))
        parts.append(picture[y - half // 2 : y + half // 2, x - half : x + half])
    return parts


def test_a_shut_eye_opens_to_a_white_and_an_iris() -> None:
    crop = _shut_crop()
    x_s = keypoints(made_motion(SHUT), mesh_layout())
    moved = eye_offsets(x_s, Ratios(eye_left=0.05, eye_right=0.05, lip=0.0), 0.3)
    picture = render_shot(Shot(build_appearance(crop), x_s, x_s + moved, None))
    white = float(np.array([205, 165, 140]) @ LUMA)
    for eye in _openings(picture, crop.face.landmarks):
        grey = eye @ LUMA
        blue_share = eye[..., 2] / np.maximum(eye.sum(2), 1)
        assert np.percentile(grey, 10) < 0.45 * white
        # The white is less yellow than skin, and not brighter.
        assert np.percentile(blue_share, 80) > 140 / 510 + 0.02
        assert np.percentile(grey, 95) < 1.05 * white


def test_a_shut_eye_that_looks_aside_stays_shut() -> None:
    crop = _shut_crop()
    x_s, x_d = (
        keypoints(made_motion(gesture), mesh_layout())
        for gesture in (SHUT, Gesture(blink_left=1, blink_right=1, gaze=(0.2, 0.0)))
    )
    picture = render_shot(Shot(build_appearance(crop), x_s, x_d, None))
    for before, after in zip(*(_openings(image, crop.face.landmarks) for image in (crop.image, picture)), strict=True):
        assert np.abs(after.astype(float) - before).mean() < 3


def test_a_shut_eye_opens_as_far_as_what_is_made_up_looks_right() -> None:
    x_s = keypoints(made_motion(SHUT), mesh_layout())
    widths = []
    for target in (0.15, 0.25, 0.8):
        moved = eye_offsets(x_s, Ratios(eye_left=0.05, eye_right=0.05, lip=0.0), target)
        widths.append(movements.openness(x_s + moved))
    np.testing.assert_allclose(widths[0], 0.15, atol=0.04)
    np.testing.assert_allclose(widths[1], 0.25, atol=0.05)
    np.testing.assert_allclose(widths[2], widths[1], atol=0.02)


def test_eyes_opened_wide_keep_their_lashes() -> None:
    crop = with_clear_eyes(made_crop(size=512))
    image, face = crop.image.copy(), crop.face.landmarks
    for upper in face[EYES_UPPER, :2]:
        cv2.polylines(image, [np.round(upper).astype(np.int32)], False, (50, 30, 20), 2, cv2.LINE_AA)
    x_s = keypoints(made_motion(), mesh_layout())
    moved = eye_offsets(x_s, Ratios(eye_left=0.35, eye_right=0.35, lip=0.0), 0.5)
    picture = render_shot(Shot(build_appearance(replace(crop, image=image)), x_s, x_s + moved, None))
    for upper in (x_s + moved)[EYES_UPPER, :2]:
        x, y = np.round((upper[4] + 1) * 256 - 0.5).astype(int)
        assert (picture[y - 3 : y, x] @ LUMA).min() < 140


def test_shut_lashes_lie_on_one_even_arc_whatever_the_outline_of_the_open_eye() -> None:
    crop = made_crop(size=512, scale=0.09)
    points = crop.face.landmarks.copy()
    outer, inner = points[EYES_UPPER[0, [0, -1]], 0]
    width = inner - outer
    points[EYES_UPPER[0, 0], 1] -= 0.15 * width
    image = np.full_like(crop.image, (205, 165, 140))
    cv2.fillPoly(image, [np.round(eye_outline(points, 0)).astype(np.int32)], (60, 40, 30))
    shut = shot(replace(crop, image=image, face=replace(crop.face, landmarks=points)), SHUT)
    middle = round(points[EYES_UPPER[0, 4], 1])
    dark = 205.0 - render_shot(shut)[middle - 15 : middle + 40, :, 0]
    columns = np.linspace(outer + 0.1 * width, inner - 0.2 * width, 8).round().astype(int)
    rows = np.arange(len(dark))[:, None]
    line = (dark[:, columns] ** 4 * rows).sum(0) / (dark[:, columns] ** 4).sum(0)
    assert np.abs(np.diff(line, 2)).max() < 0.02 * width
