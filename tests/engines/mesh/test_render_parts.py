"""The parts that drawing is made of, against numbers worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from openportrait.engines.mesh.colours import sampled
from openportrait.engines.mesh.curves import rounded
from openportrait.engines.mesh.drawing.mirror import find_other_side
from openportrait.engines.mesh.drawing.stand_in import build_stand_in
from openportrait.engines.mesh.drawing.warp import (
    Grid,
    Mesh,
    cover,
    displacements,
    draw,
    evaluate,
    interpolants,
    places,
    warp,
)
from openportrait.engines.mesh.eyes.layers import find_iris
from openportrait.engines.mesh.layers.background import filled
from openportrait.engines.mesh.layers.person import Layers
from openportrait.engines.mesh.render import build_appearance
from openportrait.engines.mesh.shape.points import FACE_OVAL, LIPS_LOWER, SKIN_COUNT
from openportrait.engines.mesh.shape.surround import build_surround, head_points, mirrored, ring_triangles
from openportrait.motion import rotation_from_degrees
from tests.engines.faces import made_crop
from tests.engines.mesh.test_render import with_clear_eyes

ONE_LAYER = np.full((300, 300), 255, np.uint8)
TRIANGLE = np.array([[0, 1, 2]], np.int32)
SHIFTED = np.array([[3.0, 1.0, 0.0], [11.0, 1.0, 0.0], [3.0, 9.0, 0.0]])
CORNERS = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 8.0, 0.0]])


def test_values_run_linearly_between_corners() -> None:
    # 1 + 2x/8 + 4y/8 at the corners, so 1 + 0.25x + 0.5y everywhere.
    functions = interpolants(CORNERS[TRIANGLE][:, :, :2], np.array([[[1.0], [3.0], [5.0]]]))
    np.testing.assert_allclose(functions, [[[0.25, 0.5, 1.0]]])
    grid = Grid((3, 3), 2)
    np.testing.assert_allclose(
        evaluate(functions, np.zeros((3, 3), np.int32), grid)[0, 1], 1 + 0.25 * np.array([0.5, 2.5, 4.5]) + 0.5 * 2.5
    )


def test_a_triangle_seen_edge_on_takes_the_mean() -> None:
    flat = np.array([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
    np.testing.assert_allclose(interpolants(flat, np.array([[[3.0], [6.0], [9.0]]])), [[[0, 0, 6]]])


def test_a_triangle_that_stays_is_displaced_by_exactly_nothing() -> None:
    points = np.random.default_rng(1).uniform(0, 500, (90, 3))
    assert not displacements(points, points, np.arange(90, dtype=np.int32).reshape(-1, 3)).any()


def test_pixels_are_taken_from_where_the_triangle_was() -> None:
    functions = displacements(SHIFTED, CORNERS, TRIANGLE)
    grid = Grid((12, 12), origin=(0, 0))
    covered = cover(SHIFTED, TRIANGLE, grid)
    x, y = places(evaluate(functions, covered, grid), grid)
    assert covered[3, 5] == 0
    assert (x[3, 5], y[3, 5]) == pytest.approx((2, 2))
    assert covered[11, 11] == -1
    assert (x[11, 11], y[11, 11]) == pytest.approx((11, 11))


@pytest.mark.parametrize("nearer", [0, 1])
def test_the_nearer_triangle_covers(nearer: int) -> None:
    second = CORNERS.copy()
    second[:, 2] = 5.0 if nearer == 0 else -5.0
    points = np.vstack([CORNERS, second])
    covered = cover(points, np.array([[0, 1, 2], [3, 4, 5]], np.int32), Grid((8, 8)))
    assert covered[2, 2] == nearer


def test_a_part_of_a_grid_keeps_its_place() -> None:
    part = Grid((10, 10), 2, (4, 6)).part(slice(3, 5), slice(1, 4))
    assert part == Grid((2, 3), 2, (6, 12))
    x, y = part.centres
    np.testing.assert_allclose(x, [[6.5, 8.5, 10.5]])
    np.testing.assert_allclose(y, [[12.5], [14.5]])


def test_rings_end_at_the_border_and_join_without_gaps() -> None:
    surround = build_surround(made_crop(size=300).face.landmarks, ONE_LAYER)
    outermost = surround.vertices[-36:, :2]
    on_edge = np.isclose(outermost, 0, atol=1e-6) | np.isclose(outermost, 299, atol=1e-6)
    assert on_edge.any(1).all()
    assert not surround.turning[-36:].any()
    assert not surround.shifting[-36:].any()
    assert surround.turning[:36] == pytest.approx(np.ones(36), abs=0.05)
    edges = np.sort(ring_triangles()[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    # Every edge is shared by two triangles, save those of the oval and of the border.
    assert (times == 1).sum() == 72
    assert times.max() == 2


def test_rings_do_not_fold_over_a_dropping_chin() -> None:
    face = made_crop(size=300).face.landmarks
    surround = build_surround(face, ONE_LAYER)
    rest = surround.vertices[:, :2]
    oval = face[FACE_OVAL, :2]
    chin = np.argmax(oval[:, 1])
    dropped = oval.copy()
    dropped[chin - 3 : chin + 4, 1] += 40
    moved = surround.moved(rest, np.zeros(2), dropped, dropped, dropped - oval, np.zeros(36))[:, :2].reshape(7, 36, 2)
    np.testing.assert_array_equal(moved[0], dropped)
    assert (np.diff(moved[:, chin, 1]) > 0).all()
    np.testing.assert_array_equal(moved[-1], rest[-36:])


def test_the_rim_is_the_outline_of_a_turned_face_and_moves_with_its_skin() -> None:
    face = made_crop(size=300, yaw_degrees=30).face.landmarks
    surround = build_surround(face, ONE_LAYER)
    rest = surround.vertices[:36, :2]
    hull = cv2.convexHull(face[:SKIN_COUNT, :2].astype(np.float32))
    away = [cv2.pointPolygonTest(hull, place.tolist(), True) for place in rest]
    np.testing.assert_allclose(away, 0, atol=0.01)
    # The oval of this face lies inside its outline where the cheek hides it.
    assert np.linalg.norm(rest - face[FACE_OVAL, :2], axis=1).max() > 3
    stretched = face[:, :2] * (1.1, 1.2)
    np.testing.assert_allclose(surround.outline(stretched), rest * (1.1, 1.2), atol=1e-3)


def test_rings_stay_while_nothing_moves() -> None:
    face = made_crop(size=300).face.landmarks
    surround = build_surround(face, ONE_LAYER)
    rest = surround.vertices
    oval = face[FACE_OVAL, :2]
    rim = surround.outline(face[:, :2])
    moved = surround.moved(rest[:, :2], np.zeros(2), oval, rim, np.zeros((36, 2)), np.zeros(36))
    np.testing.assert_allclose(moved, rest, atol=1e-6)
    np.testing.assert_array_equal(surround.held_within(face[:, :2]), 0)


@pytest.mark.parametrize("side", [-1, 1])
def test_lips_drawn_to_a_side_of_a_turned_face_stay_within_its_outline(side: int) -> None:
    landmarks = made_crop(size=300, yaw_degrees=30).face.landmarks
    surround, face = build_surround(landmarks, ONE_LAYER), landmarks[:, :2]
    drawn = face.copy()
    drawn[LIPS_LOWER, 0] += 70 * side
    outline = surround.outline(drawn).astype(np.float32)
    held = drawn[:SKIN_COUNT] + surround.held_within(drawn)
    before, after = (
        min(cv2.pointPolygonTest(outline, place.tolist(), True) for place in lips[LIPS_LOWER].reshape(-1, 2))
        for lips in (drawn, held)
    )
    assert before < -5
    assert after > -0.5


def test_unknown_pixels_are_made_from_known_ones() -> None:
    image = np.zeros((40, 60, 3), np.float32)
    image[:, :30], image[:, 30:] = (200, 100, 50), (20, 40, 60)
    known = np.ones((40, 60), bool)
    known[10:30, 5:20] = False
    known[5:35, 40:55] = False
    image[~known] = 255
    made = filled(image, known)
    np.testing.assert_array_equal(made[known], image[known])
    np.testing.assert_allclose(made[20, 12], (200, 100, 50), atol=25)
    np.testing.assert_allclose(made[20, 48], (20, 40, 60), atol=25)
    np.testing.assert_array_equal(filled(image, np.zeros((40, 60), bool)), image)


def test_the_iris_is_found_beside_where_the_landmarks_put_it() -> None:
    eye = np.full((80, 120, 3), 220, np.uint8)
    cv2.circle(eye, (66, 38), 25, (60, 50, 40), -1, cv2.LINE_AA)
    centre, radius = find_iris(eye.astype(np.float32), np.ones((80, 120), bool), np.array([60.0, 41.0]), 23.0, 120.0)
    np.testing.assert_allclose(centre, (66, 38), atol=2.5)
    assert radius == pytest.approx(25, abs=1.5)


def test_an_eye_without_contrast_keeps_its_landmarks() -> None:
    blank = np.full((80, 120, 3), 180, np.float32)
    centre, radius = find_iris(blank, np.ones((80, 120), bool), np.array([60.0, 41.0]), 23.0, 120.0)
    np.testing.assert_array_equal(centre, (60, 41))
    assert radius == 23


def test_layers_of_an_eye_have_no_iris_in_the_white() -> None:
    appearance = build_appearance(with_clear_eyes(made_crop(size=512)))
    for eye in appearance.eyes:
        assert eye.white.min() > 120
        disc = eye.iris[..., 3] > 0.99
        assert np.median(eye.iris[disc][:, :3].max(1)) < 120
        assert eye.openness == pytest.approx(0.3, abs=0.12)


def test_cutting_corners_keeps_the_ends() -> None:
    line = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]])
    np.testing.assert_allclose(rounded(line, 1), [[0, 0], [3, 0], [4, 1], [4, 4]])


def test_patches_are_averaged() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    image[3:6, 3:6] = 90
    np.testing.assert_allclose(sampled(image, np.array([[4.0, 4.0], [0.0, 0.0]]), 1), [[90] * 3, [0] * 3])


def test_every_vertex_has_its_mirror_image() -> None:
    assert (mirrored()[mirrored()] == np.arange(len(head_points()))).mean() > 0.98
    assert mirrored()[33] == 263
    assert mirrored()[10] == 10
    np.testing.assert_allclose(head_points()[mirrored()] * (-1, 1, 1), head_points(), atol=0.2)


def test_the_far_cheek_is_shown_by_the_near_one_only_when_it_turns_to_the_viewer() -> None:
    crop = made_crop(size=256, yaw_degrees=30)
    other = find_other_side(crop.image, crop.face.landmarks)
    facing_away, facing = sorted((234, 454), key=lambda vertex: -other.normals[vertex, 2])
    assert other.hidden[facing_away] == 1
    assert other.hidden[facing] == 0
    turns = [other.share(rotation_from_degrees(0, yaw, 0)) for yaw in (-25, 25)]
    assert sorted(round(float(share[facing_away]), 3) for share in turns) == [0, 1]
    np.testing.assert_allclose(np.linalg.norm(other.normals, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose((other.light.gain + other.light.tone).mean(), 1, atol=0.25)


def test_made_up_skin_has_the_grain_of_the_skin_around_it() -> None:
    """A lid that comes down is no smooth patch in grainy skin."""
    random = np.random.default_rng(3)
    grainy = np.clip(random.normal(160, 12, (120, 160, 3)), 0, 255).astype(np.uint8)
    outline = np.array([[60, 60], [80, 50], [100, 60], [80, 70]], np.float64)
    cv2.fillPoly(grainy, [outline.astype(np.int32)], (20, 20, 20))
    stand_in = build_stand_in(grainy, outline, 6, 6, 0.5)
    left, top = stand_in.origin
    middle = stand_in.pixels[56 - top : 65 - top, 72 - left : 89 - left, 0].astype(float)
    assert abs(middle.mean() - 160) < 8
    assert 6 < middle.std() < 18


def test_where_one_part_hides_another_nothing_from_between_them_shows() -> None:
    """A red patch moves in front of a blue one; the green that lies between them in the source is not seen there."""
    source = np.zeros((96, 96, 4), np.uint8)
    source[:, 20:40], source[:, 40:57], source[:, 57:] = (250, 0, 0, 255), (0, 250, 0, 255), (0, 0, 250, 255)

    def quad(left: float, right: float, depth: float) -> list[tuple[float, float, float]]:
        return [(left, 8, depth), (right, 8, depth), (left, 88, depth), (right, 88, depth)]

    rest = np.array(quad(21, 39, 0.0) + quad(8, 88, 9.0))
    moved = rest.copy()
    moved[:4, 0] += 23
    mesh = Mesh(np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]], np.int32), face=2, near=8)
    picture, _ = draw(Layers(source, None, np.eye(3)), source, warp(moved, rest, mesh, 96))
    edge = picture[48, 58:68].astype(int)
    assert edge[0, 0] > 240
    assert edge[-1, 2] > 240
    assert edge[:, 1].max() < 30
    np.testing.assert_allclose(edge.sum(1), 250, atol=6)


def test_an_edge_shows_each_side_by_the_part_of_a_pixel_that_it_covers() -> None:
    """A white triangle over black, whose sides run slantwise through the pixels."""
    size = 64
    image = np.zeros((size, size, 4), np.uint8)
    image[..., 3] = 255
    image[:, : size // 2, :3] = 255
    ground = np.array([[0, 0, 9], [63, 0, 9], [63, 63, 9], [0, 63, 9]], float)
    white = np.array([[18.3, 20.2, 0], [47.1, 26.4, 0], [24.2, 44.7, 0]])
    moved = np.vstack([ground, white])
    rest = np.vstack([ground * (0.3, 1, 1) + (40, 0, 0), white * (0.4, 1, 1) + (2, 0, 0)])
    found = warp(moved, rest, Mesh(np.array([[4, 5, 6], [0, 1, 2], [0, 2, 3]], np.int32), face=1, near=7), size)
    picture, _ = draw(Layers(image, None, np.eye(3)), image, found)
    finer = 16
    fine = np.zeros((size * finer, size * finer), np.uint8)
    cv2.fillConvexPoly(fine, np.round((white[:, :2] + 0.5) * finer - 0.5).astype(np.int32), 255)
    covered = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    inner = np.s_[16:48, 16:50]
    assert np.abs(picture[inner][..., 0].astype(float) - covered[inner]).max() < 0.3 * 255
    assert np.abs(picture[inner][..., 0].astype(float) - covered[inner])[covered[inner] % 255 > 0].mean() < 0.1 * 255
