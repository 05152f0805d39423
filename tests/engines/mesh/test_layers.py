"""A portrait told apart into person and background, and what that does to a moving head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from openportrait.engines.base import Shot
from openportrait.engines.mesh.engine import MeshEngine
from openportrait.engines.mesh.layers.background import continued, smoothly
from openportrait.engines.mesh.layers.person import shown_through
from openportrait.engines.mesh.render import MeshAppearance, build_appearance, render_shot
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import motion_of
from openportrait.engines.mesh.shape.surround import build_surround
from openportrait.faces import FaceFinder, crop_face
from openportrait.media import read_image
from openportrait.motion import keypoints
from openportrait.options import EngineOptions
from openportrait.records import CropRule, FaceCrop, Image
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture, authored


@pytest.fixture(scope="module")
def crop(portrait: Path) -> FaceCrop:
    image = read_image(portrait).image
    rule = CropRule(size=1024, rotate=False, native=True)
    return crop_face(image, FaceFinder().find(image)[0], scale=2.3, shift_x=0, shift_y=-0.125, rule=rule)


@pytest.fixture(scope="module")
def look(crop: FaceCrop) -> MeshAppearance:
    return build_appearance(crop)


def turned(crop: FaceCrop, look: MeshAppearance, gesture: Gesture) -> Image:
    motion = motion_of(crop.face, crop.size)
    x_s, x_d = (keypoints(m, mesh_layout()) for m in (motion, authored(motion, gesture)))
    return render_shot(Shot(look, x_s, x_d))


def test_person_and_plate_are_the_picture(crop: FaceCrop, look: MeshAppearance) -> None:
    layers = look.layers
    assert layers.plate is not None
    together = cv2.add(layers.person[..., :3], shown_through(layers.plate, layers.alpha))
    np.testing.assert_array_equal(together, crop.image)
    x, y = np.round(crop.face.landmarks[[1, 10, 152], :2]).astype(int).T
    assert (layers.alpha[y, x] == 255).all()
    assert not layers.alpha[:20].any()
    assert 0.3 < (layers.alpha > 127).mean() < 0.6


def test_the_background_stays_to_the_pixel_while_hat_and_head_go(crop: FaceCrop, look: MeshAppearance) -> None:
    picture = turned(crop, look, Gesture(yaw_degrees=20, roll_degrees=8))
    size = crop.size
    away = cv2.distanceTransform((look.layers.alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
    change = np.abs(picture.astype(int) - crop.image).max(2)
    assert not change[away > 0.12 * size].any()
    assert (away > 0.12 * size).mean() > 0.15
    hat = slice(round(0.1 * size), round(0.3 * size)), slice(round(0.35 * size), round(0.65 * size))
    assert change[hat].mean() > 10


def test_a_person_that_cannot_be_told_apart_stays_one_layer_and_the_user_hears_of_it() -> None:
    engine = MeshEngine(EngineOptions(engine="mesh"))
    drawn = engine.appearance(made_crop(size=256))
    assert drawn.layers.plate is None
    (line,) = engine.remarks(drawn)
    assert "background" in line


def test_patterns_go_on_behind_the_head() -> None:
    y, x = np.mgrid[:240, :240]
    image = np.where(((y // 20) % 2 == 0)[..., None], (200, 180, 90), (40, 60, 120)).astype(np.uint8)
    image[:, 110:114] = (230, 30, 30)
    hole = np.hypot(y - 130, x - 120) < 60
    covered = np.where(hole[..., None], np.uint8(0), image).astype(np.uint8)
    wanted = hole & (np.hypot(y - 130, x - 120) > 30)
    made, plain = (
        np.abs(picture - image)[wanted].mean()
        for picture in (continued(covered, hole, wanted), smoothly(covered, hole))
    )
    assert made < 10
    assert plain > 40
    np.testing.assert_array_equal(continued(covered, hole, wanted)[~hole], image[~hole])


def test_a_hole_without_surroundings_is_left() -> None:
    image = np.full((64, 64, 3), 90, np.uint8)
    everything = np.ones((64, 64), bool)
    assert np.isfinite(continued(image, everything, everything)).all()
    assert np.isfinite(smoothly(image, everything)).all()


def test_all_of_a_head_that_ends_before_the_border_goes_along() -> None:
    face = made_crop(size=300).face.landmarks
    alpha = np.zeros((300, 300), np.uint8)
    cv2.ellipse(alpha, (155, 150), (75, 110), 0, 0, 360, 255, -1)
    alpha[220:, 40:260] = 255
    within, all_over = build_surround(face, alpha), build_surround(face, np.full_like(alpha, 255))
    up = np.s_[:6, [0, 1, 2, 33, 34, 35]]
    assert within.free[[0, 1, 2, 33, 34, 35]].all()
    np.testing.assert_allclose(within.turning.reshape(7, 36)[up], 1)
    assert not all_over.free.any()
    assert all_over.turning.reshape(7, 36)[up].min() < 0.5
    chin = 18
    assert not within.free[chin]
    shares = within.shifting.reshape(7, 36)[1:, chin]
    assert (np.diff(shares) < 0).all()
    assert shares[1] > 0.5


def test_a_head_goes_no_further_than_its_hair_can_be_pressed() -> None:
    face = made_crop(size=300).face.landmarks
    alpha = np.zeros((300, 300), np.uint8)
    cv2.ellipse(alpha, (155, 160), (80, 130), 0, 0, 360, 255, -1)
    surround = build_surround(face, alpha)
    rest = surround.vertices[:, :2]
    np.testing.assert_array_equal(surround.back_inside(rest, 300), 0)
    back = surround.back_inside(rest - (0, 100), 300)
    assert 50 < back[1] < 100
    assert back[0] == 0


def test_what_was_seen_behind_a_head_is_remembered_while_the_camera_is_still(
    crop: FaceCrop, look: MeshAppearance
) -> None:
    layers = look.layers
    assert layers.plate is not None
    plate = np.where((layers.alpha > 0)[..., None], np.array((10, 250, 10), np.uint8), layers.plate).astype(np.uint8)
    earlier = replace(look, layers=replace(layers, plate=plate))
    sure = layers.alpha == 255

    def behind(now: FaceCrop) -> Image:
        found = build_appearance(now, earlier).layers.plate
        assert found is not None
        return found

    assert (behind(crop)[sure] == (10, 250, 10)).all()
    brighter = replace(crop, image=np.minimum(crop.image, 230) + np.uint8(25))
    assert not (behind(brighter)[sure] == (10, 250, 10)).all(1).any()
