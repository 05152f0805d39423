"""What a mouth shows as it opens and shuts: the driver's, the source's own, or a drawn one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from openportrait.engines import load
from openportrait.engines.mesh.colours import LUMA, colourfulness, lip_colour, skin_colour, tooth_colour
from openportrait.engines.mesh.mouth.parts import flat_cm, lip_middles
from openportrait.engines.mesh.mouth.teeth import OwnTeeth
from openportrait.engines.mesh.render import build_appearance, render_shot
from openportrait.engines.mesh.shape.controls import lip_offsets
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER, LIPS_LOWER, LIPS_UPPER, crop_pixels, pose
from openportrait.faces import ratios
from openportrait.options import EngineOptions
from openportrait.records import FaceCrop, Floats, Image
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture
from tests.engines.mesh.test_render import inside, mouth, shot

TOOTH_CM = 1.0
WARM, COLD = (1.15, 0.92, 0.66), (0.82, 0.98, 1.2)


def lit(crop: FaceCrop, light: tuple[float, float, float]) -> FaceCrop:
    """The same in other light."""
    return replace(crop, image=np.clip(crop.image * np.array(light), 0, 255).astype(np.uint8))


def one_toothed(jaw: float, scale: float = 0.08) -> FaceCrop:
    """A wide open mouth, dark red but for one tooth of 1 by 1 cm that hangs from the middle of the upper lip."""
    crop = made_crop(Gesture(jaw=jaw), size=512, scale=scale)
    points, image = crop.face.landmarks, crop.image.copy()
    cv2.fillPoly(image, [np.round(mouth(points)[:, :2]).astype(np.int32)], (70, 25, 25))
    across, down = flat_cm(pose(points)) * TOOTH_CM
    corner = lip_middles(points)[0] - across / 2
    tooth = np.array([corner, corner + across, corner + across + down, corner + down])
    cv2.fillPoly(image, [np.round(tooth * 16).astype(np.int32)], (225, 210, 190), cv2.LINE_8, 4)
    return replace(crop, image=image)


def tooth_size_cm(picture: Image, points: Floats) -> tuple[float, float]:
    """Width and height of what is light inside the lips of (478, 3) px, by the lines through its middle."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(mouth(points)[:, :2]).astype(np.int32)], 1)
    light = (picture @ LUMA > 0.55 * (picture[mask > 0] @ LUMA).max()) & (mask > 0)
    rows, columns = np.nonzero(light)
    unit = pose(points).scale
    return light.sum(1)[rows].max() / unit, light.sum(0)[columns].max() / unit


@pytest.mark.parametrize(("jaw", "scale"), [(0.6, 0.08), (1.0, 0.08), (1.0, 0.06)])
def test_teeth_of_a_driver_keep_their_size_however_wide_the_mouth_and_large_the_face(jaw: float, scale: float) -> None:
    opening = shot(made_crop(size=512, scale=0.08), Gesture(jaw=jaw), one_toothed(0.6, scale))
    width, height = tooth_size_cm(render_shot(opening), crop_pixels(opening.x_d, 512))
    assert width == pytest.approx(TOOTH_CM, rel=0.15)
    assert height == pytest.approx(TOOTH_CM, rel=0.2)


def test_teeth_of_a_driver_are_cut_by_the_lips_of_a_mouth_less_open() -> None:
    opening = shot(made_crop(size=512, scale=0.08), Gesture(jaw=0.08), one_toothed(0.9))
    width, height = tooth_size_cm(render_shot(opening), crop_pixels(opening.x_d, 512))
    assert width == pytest.approx(TOOTH_CM, rel=0.2)
    assert height < 0.85 * TOOTH_CM


@pytest.mark.parametrize("driver_light", [(1.0, 1.0, 1.0), WARM, COLD, (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("source_light", [(1.0, 1.0, 1.0), WARM, (0.5, 0.5, 0.5)])
def test_teeth_and_flesh_are_in_the_light_of_the_source(
    driver_light: tuple[float, float, float], source_light: tuple[float, float, float]
) -> None:
    source = lit(made_crop(size=512), source_light)
    opening = shot(source, Gesture(jaw=0.6), lit(one_toothed(0.6), driver_light))
    picture, points = render_shot(opening), crop_pixels(opening.x_d, 512)
    skin, lip = (colour(source.image, source.face.landmarks) for colour in (skin_colour, lip_colour))
    seen = inside(mouth(points), picture)
    bright = seen @ LUMA
    assert np.percentile(bright, 99) <= 1.05 * float(skin @ LUMA)
    tooth = np.median(seen[bright > 0.8 * np.percentile(bright, 99)], 0)
    assert tooth @ LUMA > 0.7 * float(skin @ LUMA)
    assert tooth @ LUMA > 1.2 * float(lip @ LUMA)
    wanted = tooth_colour(skin, lip)
    np.testing.assert_allclose(tooth / (tooth @ LUMA), wanted / (wanted @ LUMA), atol=0.12)
    flesh = np.median(seen[bright < 0.5 * float(lip @ LUMA)], 0)
    assert flesh[0] > 1.3 * flesh[1]


def test_teeth_are_whiter_than_skin_and_yellow_in_yellow_light() -> None:
    skin, lip = np.array([200.0, 158.0, 138.0]), np.array([160.0, 90.0, 85.0])
    plain, yellow = (tooth_colour(skin * light, lip * light) for light in (np.ones(3), np.array([1.1, 0.95, 0.6])))
    assert np.ptp(plain / plain.mean()) < 0.6 * np.ptp(skin / skin.mean())
    assert yellow[2] / yellow[1] < 0.8 * plain[2] / plain[1]
    # Skin under yellowed varnish is greener than candles make it: teeth under it are ivory, not olive.
    varnished = tooth_colour(np.array([199.0, 153.0, 77.0]), np.array([150.0, 105.0, 45.0]))
    assert varnished[0] > 1.15 * varnished[1] > 1.3 * varnished[2]
    grey = np.full(3, 150.0)
    assert colourfulness(grey, grey / 2) == 0
    np.testing.assert_allclose(tooth_colour(grey, grey / 2) / 150, 1.06, atol=0.01)


def test_what_a_driver_does_not_show_is_dark_flesh_and_nowhere_black_nor_light() -> None:
    dark = made_crop(size=512)
    opening = shot(dark, Gesture(jaw=1), dark)
    seen = inside(mouth(crop_pixels(opening.x_d, 512)), render_shot(opening)).astype(int)
    lip = lip_colour(dark.image, dark.face.landmarks)
    assert np.percentile(seen[:, 0], 2) > 0.15 * lip[0]
    assert np.median(seen @ LUMA) < 0.6 * float(lip @ LUMA)
    assert (seen[:, 0] > seen[:, 1]).mean() > 0.95


def test_a_mouth_without_a_driver_is_dark_with_light_teeth_above() -> None:
    opening = shot(made_crop(size=512), Gesture(jaw=1))
    points = crop_pixels(opening.x_d, 512)
    picture = render_shot(opening)
    upper, lower = points[INNER_UPPER[5], :2], points[INNER_LOWER[5], :2]
    teeth, middle = (picture[tuple(np.round(upper + part * (lower - upper)).astype(int)[::-1])] for part in (0.2, 0.5))
    assert teeth.mean() > 110
    assert middle.mean() < 70


def test_a_drawn_tongue_between_red_lips_does_not_glow() -> None:
    crop = made_crop(size=512)
    points, image = crop.face.landmarks[:, :2], crop.image.copy()
    cv2.fillPoly(
        image, [np.round(points[np.r_[LIPS_UPPER[0], LIPS_LOWER[0, -2:0:-1]]]).astype(np.int32)], (200, 70, 60)
    )
    opening = shot(replace(crop, image=image), Gesture(jaw=1))
    seen = inside(mouth(crop_pixels(opening.x_d, 512)), render_shot(opening))
    assert np.percentile(seen[seen[:, 0] > 1.5 * seen[:, 1], 0], 95) < 0.92 * 200


def smiling(jaw: float = 0.35, aside: int = 1) -> FaceCrop:
    """A mouth a little open and full of yellowish teeth, but for a dark line over the lower lip.

    `aside`: column of the lips' points where they begin.
    """
    crop = made_crop(Gesture(jaw=jaw), size=512)
    points, image = crop.face.landmarks[:, :2], crop.image.copy()
    cv2.fillPoly(image, [np.round(mouth(points)).astype(np.int32)], (20, 10, 10))
    edge = points[INNER_UPPER] + 0.7 * (points[INNER_LOWER] - points[INNER_UPPER])
    seen = slice(aside, len(edge) - aside)
    teeth = np.vstack([points[INNER_UPPER[seen]], edge[seen][::-1]])
    cv2.fillPoly(image, [np.round(teeth).astype(np.int32)], (240, 230, 190))
    return replace(crop, image=image)


def test_a_source_keeps_its_own_teeth_on_the_skull_as_its_mouth_opens_wider() -> None:
    crop = smiling()
    assert build_appearance(crop).mouth.teeth is not None
    wider = shot(crop, Gesture())
    wider = replace(wider, x_d=wider.x_s + lip_offsets(wider.x_s, ratios(crop.face).lip, 0.6))
    points, picture = crop.face.landmarks, render_shot(wider)
    upper, lower = points[INNER_UPPER[5], :2], points[INNER_LOWER[5], :2]
    x, y = np.round(upper + 0.35 * (lower - upper)).astype(int)
    assert picture[y, x] == pytest.approx((240, 230, 190), abs=20)
    x, y = np.round(upper + 1.3 * (lower - upper)).astype(int)
    assert picture[y, x].mean() < 90


def test_a_lip_that_rises_above_the_sources_own_teeth_bares_a_little_gum_and_no_dark() -> None:
    crop = smiling()
    raised = shot(crop, Gesture(show_teeth=4), one_toothed(0.9))
    picture, points = render_shot(raised), crop_pixels(raised.x_d, 512)
    lip, cm = lip_middles(points)[0], pose(points).scale
    column = picture[round(lip[1] + 0.1 * cm) : round(lip[1] + 1.0 * cm), round(lip[0])]
    assert (column @ LUMA).min() > 0.8 * float(lip_colour(crop.image, crop.face.landmarks) @ LUMA)
    gum = (column[:, 0] > 1.3 * column[:, 1]).sum() / cm
    assert 0.02 < gum < 0.4


def test_a_source_with_teeth_of_its_own_borrows_no_upper_ones_beside_them() -> None:
    crop, driver = smiling(aside=3), made_crop(Gesture(jaw=0.6), size=512)
    image = driver.image.copy()
    cv2.fillPoly(image, [np.round(mouth(driver.face.landmarks)[:, :2]).astype(np.int32)], (225, 210, 190))
    wider = shot(crop, Gesture(jaw=0.3), replace(driver, image=image))
    points = crop_pixels(wider.x_d, 512)
    x, y = np.round(points[INNER_UPPER[1], :2] + (0, 0.3 * pose(points).scale)).astype(int)
    assert render_shot(wider)[y, x] @ LUMA < 0.5 * float(skin_colour(crop.image, crop.face.landmarks) @ LUMA)


def test_a_mouth_that_shows_no_teeth_has_none_of_its_own() -> None:
    assert build_appearance(made_crop(size=512)).mouth.teeth is None
    crop = made_crop(Gesture(jaw=0.5), size=512)
    for colour in ((30, 10, 10), (190, 90, 80)):
        image = crop.image.copy()
        cv2.fillPoly(image, [np.round(mouth(crop.face.landmarks)[:, :2]).astype(np.int32)], colour)
        assert build_appearance(replace(crop, image=image)).mouth.teeth is None


def test_a_clip_keeps_the_teeth_of_the_frame_that_shows_most_of_them() -> None:
    engine = load(EngineOptions(engine="mesh"))
    frames = [made_crop(size=512), smiling(0.25), smiling(0.4), made_crop(size=512), smiling(0.25)]
    memory: OwnTeeth | None = None
    for frame in frames:
        memory = engine.remember(frame, memory)
    looks = [engine.appearance(frame, memory=memory).mouth.teeth for frame in frames]
    assert all(look is memory for look in looks)
    most = build_appearance(frames[2]).mouth.teeth
    assert memory is not None
    assert most is not None
    assert memory.seen == most.seen
    # A frame with its mouth shut shows them too as it opens, where the skull has them.
    opening = shot(frames[0], Gesture(jaw=0.6))
    opening = replace(opening, appearance=engine.appearance(frames[0], memory=memory))
    picture, points = render_shot(opening), crop_pixels(opening.x_d, 512)
    x, y = np.round(lip_middles(points)[0] + (0, 0.35 * pose(points).scale)).astype(int)
    assert picture[y, x] == pytest.approx((240, 230, 190), abs=25)


def test_a_closed_mouth_borrows_nothing() -> None:
    source, driver = made_crop(size=512), made_crop(Gesture(jaw=1), size=512)
    nodding = shot(source, Gesture(pitch_degrees=6), driver)
    np.testing.assert_array_equal(render_shot(nodding), render_shot(replace(nodding, driver=None)))


def test_a_mouth_that_closes_leaves_nothing_of_its_inside() -> None:
    crop = made_crop(Gesture(jaw=0.8), size=512)
    points, image = crop.face.landmarks, crop.image.copy()
    cv2.fillPoly(image, [np.round(mouth(points)[:, :2]).astype(np.int32)], (40, 220, 40))
    opened = shot(replace(crop, image=image), Gesture())
    ratio = ratios(crop.face).lip
    closing = replace(opened, x_d=opened.x_s + lip_offsets(opened.x_s, ratio, 0.0))
    green = np.array([-1, 2, -1])
    assert (image.astype(int) @ green > 60).sum() > 500
    picture = render_shot(closing)
    x, y = np.round(crop_pixels(closing.x_d, 512)[INNER_UPPER[5], :2]).astype(int)
    assert (picture[y - 25 : y + 26, x - 40 : x + 41].astype(int) @ green).max() < 60
    assert picture[y - 3 : y + 4, x].mean(1).min() < picture[y - 9 : y + 10, x].mean(1).max() - 15
