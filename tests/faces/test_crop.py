"""Crops cut where SPEC §1 says, and lead back exactly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from openportrait.faces import clip_box, crop_box, crop_face, crop_from_image, face_box, whole_crop
from openportrait.records import CropRule, Face, FaceCrop, Image
from openportrait.scaling import resized
from tests.faces.conftest import shift
from tests.reference import REFERENCE

SPEC = CropRule(size=512, rotate=True, native=False)
NATIVE = CropRule(size=1024, rotate=False, native=True)


def test_all_reference_crops() -> None:
    data = np.load(REFERENCE / "crop_cases.npz")
    cases = sorted({int(name.split("/")[1]) for name in data.files if name.startswith("crop/")})
    assert len(cases) == 30
    for case in cases:
        points = data[f"crop/{case}/points"].astype(np.float64)
        size, scale, shift_x, shift_y, rotate = data[f"crop/{case}/args"]
        box = face_box(points, scale=scale, shift_x=shift_x, shift_y=shift_y)
        matrix = crop_from_image(box, int(size), rotate=bool(rotate))
        expected = data[f"crop/{case}/M_o2c"]
        assert np.abs(matrix[:, :2] - expected[:, :2]).max() < 1e-5
        assert np.abs(matrix[:, 2] - expected[:, 2]).max() < 1e-3
        assert np.abs(np.linalg.inv(matrix) - data[f"crop/{case}/M_c2o"]).max() < 1e-3
        cropped = points @ matrix[:2, :2].T + matrix[:2, 2]
        assert np.abs(cropped - data[f"crop/{case}/pt_crop"]).max() < 1e-3
        picture = cv2.warpAffine(data["image"], matrix[:2], (int(size), int(size)), flags=cv2.INTER_LINEAR)
        small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - data[f"crop/{case}/img_crop_64"]).max() <= 1


def test_all_reference_boxes() -> None:
    data = np.load(REFERENCE / "crop_cases.npz")
    names = sorted({name.rsplit("/", 1)[0] for name in data.files if name.startswith("bbox/")})
    assert len(names) == 10
    for name in names:
        points = data[f"{name}/points"].astype(np.float64)
        box = face_box(points, scale=2.2, shift_x=0, shift_y=-0.1)
        assert box.centre == pytest.approx(data[f"{name}/center"], abs=1e-3)
        assert box.side == pytest.approx(data[f"{name}/size"][0], abs=1e-3)
        assert box.angle_radians == pytest.approx(float(data[f"{name}/angle"]), abs=1e-5)
        corners = box.centre + box.side / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        assert np.abs(corners - data[f"{name}/bbox"]).max() < 1e-3
        matrix = crop_from_image(box, 512, rotate=False)
        assert np.abs(matrix - data[f"{name}/M_o2c"]).max() < 1e-3
        cropped = points @ matrix[:2, :2].T + matrix[:2, 2]
        assert np.abs(cropped - data[f"{name}/lmk_crop"]).max() < 1e-3


def test_shifts_go_along_the_face() -> None:
    lying = np.array([[100.0, 40], [100, 80], [80, 60], [60, 40], [60, 80]])
    plain = face_box(lying, scale=2, shift_x=0, shift_y=0)
    assert plain.angle_radians == pytest.approx(np.pi / 2)
    assert plain.side == pytest.approx(80)
    lower = face_box(lying, scale=2, shift_x=0, shift_y=0.1)
    assert lower.centre - plain.centre == pytest.approx([-8, 0], abs=1e-9)
    aside = face_box(lying, scale=2, shift_x=0.1, shift_y=0)
    assert aside.centre - plain.centre == pytest.approx([0, 8], abs=1e-9)


def test_the_mesh_box_leaves_out_the_forehead(officer_face: Face) -> None:
    box = face_box(officer_face.landmarks[:, :2], scale=1, shift_x=0, shift_y=0)
    left, top, right, bottom = officer_face.box
    brow = officer_face.landmarks[[105, 334], 1].mean()
    assert box.side == pytest.approx(max(right - left, bottom - brow), rel=0.06)
    assert top < brow - 20
    assert box.centre[1] == pytest.approx((brow + bottom) / 2, abs=0.04 * box.side)


def spec_crop(image: Image, face: Face) -> FaceCrop:
    return crop_face(image, face, scale=2.3, shift_x=0, shift_y=-0.125, rule=SPEC)


def test_a_spec_crop_stands_upright_in_the_middle(officer: Image, officer_face: Face) -> None:
    crop = spec_crop(officer, officer_face)
    assert crop.image.shape == (512, 512, 3)
    points = crop.face.landmarks
    eyes, lips = points[[33, 133, 362, 263], :2].mean(0), points[[61, 291], :2].mean(0)
    assert (lips - eyes)[0] == pytest.approx(0, abs=3)
    assert points[:, 0].mean() == pytest.approx(256, abs=20)
    back = crop.face.moved(crop.image_from_crop, 1 / np.sqrt(np.linalg.det(crop.crop_from_image[:2, :2])))
    assert np.abs(back.landmarks - officer_face.landmarks).max() < 1e-9


def test_a_spec_crop_is_black_outside_the_picture(officer: Image, officer_face: Face) -> None:
    crop = spec_crop(officer[:340], officer_face)
    assert crop.image[-8:].max() == 0
    assert crop.image[200:300].mean() > 20


def test_a_native_crop_is_the_picture_itself(officer: Image, officer_face: Face) -> None:
    crop = crop_face(officer, officer_face, scale=1.6, shift_x=0, shift_y=0, rule=NATIVE)
    left, top = (int(value) for value in crop.image_from_crop[:2, 2])
    assert np.array_equal(crop.image_from_crop, shift(left, top))
    assert crop.size % 4 == 0
    assert np.array_equal(crop.image, officer[top : top + crop.size, left : left + crop.size])
    assert np.array_equal(crop.face.landmarks, officer_face.landmarks - [left, top, 0])


def test_a_native_crop_repeats_the_edge_outside(officer: Image, officer_face: Face) -> None:
    crop = crop_face(officer, officer_face, scale=4, shift_x=0.2, shift_y=0, rule=NATIVE)
    left, top = (int(value) for value in crop.image_from_crop[:2, 2])
    height, width = officer.shape[:2]
    assert left < 0 or left + crop.size > width
    y, x = np.mgrid[: crop.size, : crop.size]
    assert np.array_equal(crop.image, officer[np.clip(y + top, 0, height - 1), np.clip(x + left, 0, width - 1)])


def test_a_large_native_crop_is_reduced_exactly(officer: Image, officer_face: Face) -> None:
    rule = CropRule(size=128, rotate=False, native=True)
    whole = crop_face(officer, officer_face, scale=1.6, shift_x=0, shift_y=0, rule=NATIVE)
    small = crop_face(officer, officer_face, scale=1.6, shift_x=0, shift_y=0, rule=rule)
    assert small.size == 128
    corners = np.array([[-0.5, 127.5], [-0.5, 127.5], [1, 1]])
    mapped = whole.crop_from_image @ small.image_from_crop @ corners
    assert mapped[:2] == pytest.approx(np.array([[-0.5, whole.size - 0.5]] * 2), abs=1e-9)
    shrink = 128 / whole.size
    expected = (whole.face.landmarks[:, :2] + 0.5) * shrink - 0.5
    assert np.abs(small.face.landmarks[:, :2] - expected).max() < 1e-9
    assert np.abs(small.face.landmarks[:, 2] - whole.face.landmarks[:, 2] * shrink).max() < 1e-9


def test_one_box_for_a_clip_is_the_mean(officer: Image, officer_face: Face) -> None:
    faces = [officer_face.moved(shift(x, 0)) for x in (0, 10, 50)]
    single = clip_box(faces[:1], scale=2.2, shift_x=0, shift_y=-0.1)
    box = clip_box(iter(faces), scale=2.2, shift_x=0, shift_y=-0.1)
    assert box.centre - single.centre == pytest.approx([20, 0])
    assert box.side == pytest.approx(single.side)
    crop = crop_box(officer, officer_face, box, 512)
    assert crop.crop_from_image[:2, :2] == pytest.approx(512 / box.side * np.eye(2))
    assert crop.crop_from_image @ [*box.centre, 1] == pytest.approx([256, 256, 1])


def test_a_whole_picture_is_resized(officer: Image, officer_face: Face) -> None:
    square = officer[:512]
    crop = whole_crop(square, officer_face, 256)
    assert np.array_equal(crop.image, cv2.resize(square, (256, 256), interpolation=cv2.INTER_AREA))
    assert crop.image_from_crop @ [-0.5, 255.5, 1] == pytest.approx([-0.5, 511.5, 1])
    same = whole_crop(square, officer_face, 512)
    assert np.array_equal(same.image, square)
    assert np.array_equal(same.image_from_crop, np.eye(3))
    assert np.array_equal(same.face.landmarks, officer_face.landmarks)


def test_small_pictures_are_enlarged_smoothly(officer: Image, officer_face: Face) -> None:
    crop = whole_crop(officer[:300, :300], officer_face, 512)
    assert np.array_equal(crop.image, cv2.resize(officer[:300, :300], (512, 512), interpolation=cv2.INTER_CUBIC))
    reduced = resized(officer, 256, 300)
    assert np.array_equal(reduced, cv2.resize(officer, (256, 300), interpolation=cv2.INTER_AREA))
    assert resized(officer, 512, 600) is officer
