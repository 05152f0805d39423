"""Pictures of the mesh engine: what moves, what stays, what is shown in eyes and mouth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from openportrait.engines.base import Shot
from openportrait.engines.mesh.render import build_appearance, render_shot
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import (
    EYES_LOWER,
    EYES_UPPER,
    INNER_LOWER,
    INNER_UPPER,
    IRISES,
    LIPS_LOWER,
    crop_pixels,
    motion_of,
)
from openportrait.motion import keypoints
from openportrait.records import FaceCrop, Floats, Image
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture, authored


def shot(crop: FaceCrop, gesture: Gesture, driver: FaceCrop | None = None) -> Shot:
    motion = motion_of(crop.face, crop.size)
    x_s, x_d = (keypoints(m, mesh_layout()) for m in (motion, authored(motion, gesture)))
    return Shot(build_appearance(crop), x_s, x_d, driver)


def inside(points: Floats, picture: Image) -> Image:
    """(N, 3) pixels within a closed line of points."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[:, :2]).astype(np.int32)], 1)
    return picture[mask > 0]


def with_clear_eyes(crop: FaceCrop) -> FaceCrop:
    """Wide white eyes with dark irises of the landmarks' size, none of them outside the lids."""
    image, points = crop.image.copy(), crop.face.landmarks
    around = image[int(points[EYES_UPPER, 1].min()) - 20 : int(points[EYES_LOWER, 1].max()) + 20]
    around[around.max(2) < 120] = (205, 165, 140)
    for upper, lower, iris in zip(EYES_UPPER, EYES_LOWER, IRISES, strict=True):
        lids, eye = np.zeros(image.shape[:2], np.uint8), np.full_like(image, (235, 235, 230))
        outline = points[np.concatenate([upper, lower[-2:0:-1]]), :2]
        cv2.fillPoly(lids, [np.round(outline).astype(np.int32)], 1)
        x, y = np.round(points[iris[0], :2]).astype(int)
        radius = np.linalg.norm(points[iris[1:], :2] - points[iris[0], :2], axis=1).mean()
        cv2.circle(eye, (int(x), int(y)), round(radius), (40, 60, 50), -1)
        image[lids > 0] = eye[lids > 0]
    return replace(crop, image=image)


def mouth(points: Floats) -> Floats:
    return np.asarray(points[np.concatenate([INNER_UPPER, INNER_LOWER[-2:0:-1]])])


@pytest.mark.parametrize("size", [200, 257, 512, 700, 1024])
@pytest.mark.parametrize("yaw_degrees", [0.0, 30.0])
def test_a_face_at_rest_is_the_source(size: int, yaw_degrees: float) -> None:
    crop = made_crop(size=size, yaw_degrees=yaw_degrees)
    resting = shot(crop, Gesture())
    np.testing.assert_array_equal(render_shot(resting), crop.image)
    hardly = render_shot(replace(resting, x_d=resting.x_s + 1e-9))
    assert np.abs(hardly.astype(int) - crop.image).max() <= 1


@pytest.mark.parametrize("size", [257, 700])
@pytest.mark.parametrize(
    "gesture",
    [
        Gesture(yaw_degrees=-30, jaw=1, blink_left=1, blink_right=1),
        Gesture(pitch_degrees=25, roll_degrees=20, smile=1),
        Gesture(yaw_degrees=60, pitch_degrees=-40),
    ],
)
def test_the_border_of_the_crop_stays(size: int, gesture: Gesture) -> None:
    crop = made_crop(size=size)
    picture = render_shot(shot(crop, gesture))
    for edge in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        np.testing.assert_array_equal(picture[edge], crop.image[edge])
    assert np.abs(picture.astype(int) - crop.image).mean() > 1


@pytest.mark.parametrize("size", [256, 700])
def test_a_place_on_the_skin_goes_where_its_vertex_goes(size: int) -> None:
    crop = made_crop(size=size)
    between_brows = 9
    x, y = np.round(crop.face.landmarks[between_brows, :2]).astype(int)
    image = crop.image.copy()
    cv2.circle(image, (int(x), int(y)), 4, (255, 0, 255), -1)
    marked = replace(crop, image=image)
    moving = shot(marked, Gesture(yaw_degrees=14, roll_degrees=10))
    moved = moving.x_d - moving.x_s
    where = np.array([x, y]) + moved[between_brows, :2] * size / 2
    assert np.linalg.norm(moved[between_brows, :2]) * size / 2 > 2
    magenta = (render_shot(moving).astype(int) @ (1, -2, 1)) > 200
    rows, columns = np.nonzero(magenta)
    np.testing.assert_allclose([columns.mean(), rows.mean()], where, atol=1.0)


def test_what_does_not_move_stays_to_the_pixel() -> None:
    crop = made_crop(size=512)
    talking = shot(crop, Gesture())
    x_d = talking.x_s.copy()
    lips = np.unique(LIPS_LOWER[:, 1:-1])
    x_d[lips, 1] += 0.05
    picture = render_shot(replace(talking, x_d=x_d))
    changed = np.abs(picture.astype(int) - crop.image).max(2) > 0
    rows, columns = np.nonzero(changed)
    reach = crop.face.landmarks[lips, :2]
    assert changed.sum() > 500
    assert rows.min() > reach[:, 1].min() - 25
    assert rows.max() < reach[:, 1].max() + 55
    assert columns.min() > reach[:, 0].min() - 30
    assert columns.max() < reach[:, 0].max() + 30


def test_shut_eyes_show_neither_white_nor_iris() -> None:
    crop = with_clear_eyes(made_crop(size=512))
    closing = shot(crop, Gesture(blink_left=1, blink_right=1))
    picture = render_shot(closing)
    for side in (0, 1):
        x, y = np.round(crop_pixels(closing.x_d, 512)[IRISES[side, 0], :2]).astype(int)
        before = crop.image[y - 14 : y + 14, x - 20 : x + 20].reshape(-1, 3)
        after = picture[y - 14 : y + 14, x - 20 : x + 20].reshape(-1, 3)
        assert (before.min(1) > 185).mean() > 0.03
        assert (after.min(1) > 185).mean() < 0.005
        assert np.median(after, 0) == pytest.approx((205, 165, 140), abs=25)


def test_a_shut_lid_is_skin_with_a_line_of_lashes_even_where_the_eye_is_larger_than_its_outline() -> None:
    crop = with_clear_eyes(made_crop(size=512))
    image = crop.image.copy()
    for upper in EYES_UPPER:
        lid = np.round(crop.face.landmarks[upper[1:-1], :2] - (0, 2)).astype(np.int32)
        cv2.polylines(image, [lid], False, (30, 20, 20), 4)
    closing = shot(replace(crop, image=image), Gesture(blink_left=1, blink_right=1))
    picture, points = render_shot(closing), crop_pixels(closing.x_d, 512)
    for upper, lower in zip(EYES_UPPER[:, 4], EYES_LOWER[:, 4], strict=True):
        was = crop.face.landmarks[upper, 1]
        x, y = np.round((points[upper, :2] + points[lower, :2]) / 2).astype(int)
        column = picture[round(was) : y + 4, x].mean(1)
        assert column[:-8].min() > 130
        assert column[-8:].min() < 110


@pytest.mark.parametrize("direction", [-1, 1])
def test_the_iris_follows_the_gaze_and_leaves_white_behind(direction: int) -> None:
    crop = with_clear_eyes(made_crop(size=512))
    looking = shot(crop, Gesture())
    x_d = looking.x_s.copy()
    shift = 5.0 * direction
    x_d[IRISES, 0] += shift * 2 / 512
    picture = render_shot(replace(looking, x_d=x_d))
    for iris in IRISES[:, 0]:
        x, y = np.round(crop.face.landmarks[iris, :2]).astype(int)
        behind, ahead = (picture[y, x + direction * step] for step in (-5, 9))
        assert crop.image[y, x - direction * 5].max() < 100
        assert behind.min() > 150
        assert crop.image[y, x + direction * 9].min() > 180
        assert ahead.max() < 130


def test_a_turned_face_shows_the_mirrored_cheek_when_it_turns_back() -> None:
    turned = made_crop(size=512, yaw_degrees=28)
    backwards = shot(turned, Gesture(yaw_degrees=-24))
    points = crop_pixels(backwards.x_d, 512)
    share = backwards.appearance.other_side.share
    assert not share(np.eye(3)).any()
    picture = render_shot(backwards)
    # Vertices between ear and cheek of both sides: skin everywhere, none of the blueish background.
    cheeks = np.round(points[[147, 187, 123, 376, 411, 352], :2]).astype(int)
    colours = picture[cheeks[:, 1], cheeks[:, 0]].astype(int)
    assert (colours[:, 0] > colours[:, 2]).all()
    assert np.abs(colours - (205, 165, 140)).max() < 70
