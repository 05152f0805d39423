"""Faces are found whatever their size, place and direction, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.faces import FaceFinder
from openportrait.faces.detect import Region
from openportrait.faces.finder import region_of, steadied
from openportrait.media import read_image
from openportrait.records import Face, Image
from tests.conftest import shared
from tests.faces.conftest import apart, backdrop, moved, shift, turn


def test_landmarks_lie_where_the_face_is(officer_face: Face) -> None:
    left, top, right, bottom = officer_face.box
    assert (left, top, right, bottom) == pytest.approx((170, 132, 356, 334), abs=6)
    assert officer_face.landmarks.shape == (478, 3)
    assert officer_face.score > 0.99
    nose, eye_left, eye_right, chin = officer_face.landmarks[[4, 33, 263, 152]]
    assert eye_left[0] < nose[0] < eye_right[0]
    assert eye_left[1] < nose[1] < chin[1]
    assert nose[2] < eye_left[2]


@pytest.mark.parametrize(("size", "place"), [(40, (3100, 2200)), (40, (15, 30)), (60, (3700, 100))])
def test_a_small_face_in_a_large_picture(
    finder: FaceFinder, astronaut: Image, astronaut_face: Face, size: float, place: tuple[int, int]
) -> None:
    canvas = backdrop(4000, 3000)
    scale = size / astronaut_face.size
    small = moved(astronaut, shift(0, 0, scale), round(512 * scale), round(512 * scale))
    x, y = place
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    faces = finder.find(canvas)
    assert len(faces) == 1
    assert apart(faces[0], astronaut_face.moved(shift(x, y, scale))) < 0.04


@pytest.mark.parametrize("degrees", [-60, -30, 45, 90, 135, 180, 225, 270])
def test_a_turned_face(finder: FaceFinder, officer: Image, officer_face: Face, degrees: float) -> None:
    matrix, side = turn(officer, degrees)
    faces = finder.find(moved(officer, matrix, side, side))
    assert len(faces) == 1
    assert apart(faces[0], officer_face.moved(matrix)) < 0.02


def test_a_face_that_fills_the_picture(finder: FaceFinder, officer: Image, officer_face: Face) -> None:
    left, top, right, bottom = (round(edge) for edge in officer_face.box)
    faces = finder.find(officer[top:bottom, left:right].copy())
    assert len(faces) == 1
    assert apart(faces[0], officer_face.moved(shift(-left, -top))) < 0.05


def test_several_faces_come_largest_first(finder: FaceFinder, officer: Image, astronaut: Image) -> None:
    canvas = np.full((600, 1400, 3), 120, np.uint8)
    canvas[44:556, :512] = astronaut
    canvas[:, 520:1032] = officer
    canvas[300:556, 1100:1356] = moved(astronaut, shift(0, 0, 0.5), 256, 256)
    faces = finder.find(canvas)
    assert [round(face.size / faces[0].size, 1) for face in faces] == [1.0, 0.5, 0.3]
    assert [int(face.box[0] // 520) for face in faces] == [1, 0, 2]


@pytest.mark.parametrize("seed", [3, 7, 8, 10])
def test_blotches_are_no_faces(finder: FaceFinder, seed: int) -> None:
    assert finder.find(backdrop(1000, 750, seed)) == []


def test_an_animal_is_no_face(finder: FaceFinder) -> None:
    assert finder.find(read_image(shared("examples/source/s36.jpg")).image) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (2000, 3, 3)])
def test_odd_pictures_have_no_face(finder: FaceFinder, shape: tuple[int, ...]) -> None:
    assert finder.find(np.full(shape, 90, np.uint8)) == []


def test_following_a_moved_face(finder: FaceFinder, officer: Image, officer_face: Face) -> None:
    matrix = shift(12, -7, 1.03)
    found = finder.follow(moved(officer, matrix, 512, 600), officer_face)
    assert found is not None
    assert apart(found, officer_face.moved(matrix)) < 0.02


def test_following_into_an_empty_picture_loses_the_face(finder: FaceFinder, officer_face: Face) -> None:
    assert finder.follow(np.full((600, 512, 3), 128, np.uint8), officer_face) is None


def test_a_mesh_that_slid_down_is_put_back(finder: FaceFinder, officer: Image, officer_face: Face) -> None:
    slid = officer_face.moved(shift(0, 0.3 * officer_face.size))
    again = finder.confirm(officer, slid)
    assert again is not None
    assert apart(again, officer_face) < 0.02
    assert finder.confirm(officer, officer_face) is officer_face
    assert finder.confirm(np.full((600, 512, 3), 128, np.uint8), officer_face) is None


def test_a_region_samples_what_it_says() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[:, :, 0] = np.arange(400)[None] // 2
    image[:, :, 1] = np.arange(400)[:, None] // 2
    for region, size in ((Region(200, 150, 64, 0.5), 64), (Region(180, 210, 256, -1.0), 64)):
        patch, matrix = region.sample(image, size), region.image_from_patch(size)
        for x, y in ((10, 20), (32, 32), (50, 12)):
            expected = (matrix @ (x, y, 1))[:2] / 2
            assert patch[y, x, :2] == pytest.approx(expected, abs=1.5)


def test_a_trembling_region_stands_still_and_a_moving_one_follows(officer_face: Face) -> None:
    region = region_of(officer_face)
    trembling = Region(region.x + 1, region.y - 1, region.side + 1, region.angle_radians + 0.01)
    assert vars(steadied(region, trembling)) == pytest.approx(vars(region))
    moving = Region(region.x + 50, region.y, region.side, region.angle_radians)
    assert steadied(region, moving).x == pytest.approx(region.x + 50 - 0.01 * region.side)
