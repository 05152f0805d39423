"""How the detector covers a picture, and how detections become one a face."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.faces.detect import _starts, _tiles, _unturned, scales, suppress


@pytest.mark.parametrize("size", [(100, 70), (128, 128), (129, 300), (1000, 128)])
def test_tiles_cover_every_pixel(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.arange(width * height * 3, dtype=np.uint32).astype(np.uint8).reshape(height, width, 3)
    covered = np.zeros((height, width), bool)
    for tile, left, top in _tiles(picture):
        assert tile.shape == (128, 128, 3)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + 128, width), min(top + 128, height)
        assert np.array_equal(tile[y0 - top : y1 - top, x0 - left : x1 - left], picture[y0:y1, x0:x1])
        covered[y0:y1, x0:x1] = True
    assert covered.all()


def test_neighbouring_tiles_share_48_pixels() -> None:
    starts = _starts(5000)
    assert starts[0] == 0
    assert starts[-1] == 5000 - 128
    assert max(np.diff(starts)) <= 80


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_pixel_is_led_back(turns: int) -> None:
    picture = np.arange(12).reshape(3, 4)
    turned = np.rot90(picture, turns)
    for y, x in np.ndindex(turned.shape):
        back_x, back_y, _ = _unturned(turns, columns=4, rows=3) @ (x, y, 1)
        assert picture[int(back_y), int(back_x)] == turned[y, x]


def test_scales_reach_from_the_whole_picture_to_the_smallest_face() -> None:
    steps = scales(np.zeros((3000, 4000, 3), np.uint8), smallest=32)
    assert steps[0] == pytest.approx(128 / 4000)
    assert steps[-1] == pytest.approx(20 / 32)
    assert max(np.array(steps[1:]) / steps[:-1]) <= 2.3
    assert scales(np.zeros((100, 100, 3), np.uint8), smallest=32) == [1.28]


def test_overlapping_detections_become_their_weighted_mean() -> None:
    points = np.zeros((3, 7, 2))
    points[0] += [100, 100]
    points[1] += [104, 100]
    points[2] += [300, 100]
    scores, sides = np.array([0.9, 0.3, 0.6]), np.array([50.0, 54.0, 40.0])
    merged = suppress([(scores[:2], sides[:2], points[:2]), (scores[2:], sides[2:], points[2:])])
    assert [one.score for one in merged] == [0.9, 0.6]
    assert merged[0].points[0].tolist() == pytest.approx([101, 100])
    assert merged[0].side == pytest.approx(51)
    assert merged[1].side == 40


def test_nothing_seen_is_an_empty_list() -> None:
    assert suppress([(np.zeros(0), np.zeros(0), np.zeros((0, 7, 2)))]) == []
