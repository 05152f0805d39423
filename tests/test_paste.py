"""Paste-back against the reference output and by hand."""

from __future__ import annotations

import numpy as np

from openportrait.paste import paste_back, ramp_mask
from tests.reference import REFERENCE


def test_reference_blend() -> None:
    cases = np.load(REFERENCE / "crop_cases.npz")
    ours = paste_back(cases["image"], cases["paste/crop"], cases["paste/M_c2o"].astype(float))
    difference = np.abs(ours.astype(int) - cases["paste/result"].astype(int))
    assert difference.max() <= 2  # the reference mask has 8 bits, ours is exact
    assert difference.mean() < 0.05


def test_mask_is_one_inside_and_falls_linearly_to_zero() -> None:
    mask = ramp_mask(512)
    assert mask[256, 256] == 1
    assert mask[256, 0] == 0
    assert mask[256, 8] == 0.5
    assert mask[16, 16] == 1


def test_whole_pixel_window_is_set_in_exactly_even_over_the_border() -> None:
    frame = np.zeros((20, 30, 3), np.uint8)
    rendered = np.random.default_rng(0).integers(1, 255, (12, 12, 3), dtype=np.uint8)
    place = np.array([[1, 0, -4], [0, 1, 15], [0, 0, 1]], dtype=float)
    out = paste_back(frame, rendered, place)
    assert (out[15:20, 0:8] == rendered[0:5, 4:12]).all()
    assert out[:15].max() == 0
    assert out[:, 8:].max() == 0
    assert frame.max() == 0


def test_crop_beside_the_picture_changes_nothing() -> None:
    frame = np.full((20, 30, 3), 7, np.uint8)
    for x in (40.0, 40.5, -60.25):
        place = np.array([[1, 0, x], [0, 1, 0], [0, 0, 1]], dtype=float)
        assert (paste_back(frame, np.zeros((8, 8, 3), np.uint8), place) == 7).all()
