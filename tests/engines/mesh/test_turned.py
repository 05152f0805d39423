"""Heads that turn: what comes to be seen is the other side's, and nothing at the edges is torn or smeared."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from openportrait.engines.mesh.drawing.mirror import find_other_side
from openportrait.engines.mesh.render import MeshAppearance, render_shot
from openportrait.engines.mesh.shape.points import SKIN_COUNT, canonical, crop_pixels, rigid_between, triangles
from openportrait.engines.mesh.shape.surround import mirrored
from openportrait.records import FaceCrop, Floats
from tests.engines.faces import made_crop
from tests.engines.gestures import Gesture
from tests.engines.mesh.test_render import shot

SIZE = 512
GREEN = np.array([40, 200, 60])
EAR = np.array([SKIN_COUNT + 36 * ring + place for ring, place in ((0, 6), (0, 10), (2, 10), (2, 6))])
"""Corners of an ear on the picture's right, among the vertices of a head."""


def with_an_ear(crop: FaceCrop) -> FaceCrop:
    """The face alone, cut out, with a green ear on the picture's right."""
    face, image = crop.face.landmarks, crop.image.copy()
    ear = find_other_side(image, face).places[EAR, :2]
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(image, [np.round(ear).astype(np.int32)], GREEN.tolist())
    for shape in (ear, cv2.convexHull(face[:SKIN_COUNT, :2].astype(np.float32))[:, 0]):
        cv2.fillPoly(alpha, [np.round(shape).astype(np.int32)], 255)
    return replace(crop, image=image, alpha=alpha)


def test_an_ear_comes_into_view_with_its_alpha_on_the_side_that_hid_it() -> None:
    """Turned as far to the other side, a head shows the mirror image of the ear it showed first."""
    turned = shot(with_an_ear(made_crop(size=SIZE, yaw_degrees=22)), Gesture(yaw_degrees=-44))
    look: MeshAppearance = turned.appearance
    head = rigid_between(turned.x_s, turned.x_d)
    moved = look.other_side.moved(crop_pixels(turned.x_d, SIZE), head)
    picture = render_shot(turned)
    x, y = np.round(moved[mirrored()[EAR], :2].mean(0)).astype(int)
    np.testing.assert_array_less(250, picture[y - 2 : y + 3, x - 1 : x + 2, 3])
    ear = picture[y - 2 : y + 3, x - 1 : x + 2, :3].mean((0, 1))
    # In the light of its own side, which in this face is the same but for noise.
    assert ear[1] > 1.8 * max(ear[0], ear[2])
    np.testing.assert_allclose(ear, GREEN, atol=45)


def test_what_comes_into_view_ends_before_the_border_of_the_crop() -> None:
    turned = shot(made_crop(size=SIZE, yaw_degrees=22, scale=0.2), Gesture(yaw_degrees=-44))
    look: MeshAppearance = turned.appearance
    moved = look.other_side.moved(crop_pixels(turned.x_d, SIZE), rigid_between(turned.x_s, turned.x_d))
    assert moved[mirrored()[EAR], 0].min() < 0
    picture, source = render_shot(turned), look.pixels[..., :3]
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        np.testing.assert_array_equal(picture[edge], source[edge])


def test_the_mirrored_side_has_its_own_light() -> None:
    """A face lit from the side it hides: the cheek that comes into view is bright."""
    crop = made_crop(size=SIZE, yaw_degrees=28)
    face = crop.face.landmarks
    dark = np.linspace(1.0, 0.4, SIZE)[None, :, None] ** np.linspace(0.8, 1.2, 3)
    image = np.full_like(crop.image, (70, 90, 110))
    cv2.fillConvexPoly(
        image, np.round(cv2.convexHull(face[:, :2].astype(np.float32))).astype(np.int32), (205, 165, 140)
    )
    lit = replace(crop, image=(image * dark).astype(np.uint8))
    backwards = shot(lit, Gesture(yaw_degrees=-26))
    points = np.round(crop_pixels(backwards.x_d, SIZE)).astype(int)
    picture = render_shot(backwards)

    def colour(vertices: list[int]) -> Floats:
        around = np.asarray([picture[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1)) for x, y in points[vertices, :2]])
        return np.asarray(around.mean(0))

    beside_the_nose, edge, other_edge = colour([36, 205, 101]), colour([147, 187, 123]), colour([376, 411, 352])
    np.testing.assert_allclose(edge, beside_the_nose, atol=30)
    assert edge.mean() > 1.1 * other_edge.mean()


def test_the_grain_of_skin_in_shade_is_no_stronger_where_it_stands_in_for_lit_skin() -> None:
    crop = made_crop(size=SIZE, yaw_degrees=28, scale=0.09)
    grain = np.random.default_rng(1).normal(0, 6, (SIZE, SIZE, 1))
    nose = crop.face.landmarks[4, 0]
    light = np.interp(np.arange(SIZE), [nose - 30, nose + 30], [1.0, 0.4])[:, None]
    skin = np.full_like(crop.image, (205, 165, 140)) * light + grain
    turned = shot(replace(crop, image=np.clip(skin, 0, 255).astype(np.uint8)), Gesture(yaw_degrees=-26))
    picture = render_shot(turned) @ (0.299, 0.587, 0.114)
    points = np.round(crop_pixels(turned.x_d, SIZE)[[123, 147, 213], :2]).astype(int)
    assert np.mean([picture[y - 5 : y + 6, x - 5 : x + 6].std() for x, y in points]) < 6


def test_steep_skin_that_turns_to_the_viewer_is_not_smeared() -> None:
    """Of a frontal face the edge is seen edge-on: its few pixels become no broad band."""
    turned = shot(made_crop(size=SIZE), Gesture(yaw_degrees=25))
    look: MeshAppearance = turned.appearance
    held = look.other_side.held_back(rigid_between(turned.x_s, turned.x_d))
    moved = crop_pixels(turned.x_d, SIZE)[:SKIN_COUNT, :2]
    start, end = triangles()[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).T
    sides = (np.abs(canonical()[start, 0]) > 6.3) & (np.abs(canonical()[end, 0]) > 6.3)

    def stretch(points: Floats) -> float:
        now, before = (np.linalg.norm((p[start] - p[end])[sides, :2], axis=1) for p in (points, look.face))
        return float((now / np.maximum(before, 1)).max())

    assert stretch(moved) > 3
    assert stretch(moved - held) < 2
    assert not held[canonical()[:SKIN_COUNT, 0] < 0].any() or not held[canonical()[:SKIN_COUNT, 0] > 0].any()
