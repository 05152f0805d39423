"""Paste-back in PyTorch: against the reference output, the other paste-back and hand-worked numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openportrait.paste import Window, paste_back
from openportrait.records import Floats, Image
from tests.reference import REFERENCE

torch = pytest.importorskip("torch")

from openportrait.engines.neural.engine import blend, window_around  # noqa: E402


def _pasted(frame: Image, crop: Image, place: Floats, device: str = "cpu") -> Any:
    part = window_around(frame, len(crop), [place])
    assert part is not None
    base = torch.from_numpy(frame[part.rows_and_columns].copy()).to(device)
    return part, blend(base, torch.from_numpy(crop).to(device), part.from_crop(place))


def test_reference_blend() -> None:
    cases = np.load(REFERENCE / "crop_cases.npz")
    frame, result = cases["image"], cases["paste/result"]
    part, ours = _pasted(frame, cases["paste/crop"], cases["paste/M_c2o"].astype(float))
    difference = np.abs(ours.numpy().astype(int) - result[part.rows_and_columns])
    assert difference.max() <= 4
    assert difference.mean() < 0.1
    whole = frame.copy()
    whole[part.rows_and_columns] = result[part.rows_and_columns]
    np.testing.assert_array_equal(whole, result)  # nothing outside the window is the reference's either


def test_half_way_up_the_ramp_both_pictures_count_half() -> None:
    frame, crop = np.full((40, 40, 3), 50, np.uint8), np.full((32, 32, 3), 150, np.uint8)
    place = np.array([[0.5, 0, 10.25], [0, 0.5, 10.25], [0, 0, 1]])
    part, ours = _pasted(frame, crop, place)
    assert part == Window(10, 10, 28, 28)
    # The ramp of a 32-px crop is one pixel: 0 at its first pixel, 1 from its second on.
    # Column 10 of the frame lies half a pixel before the crop's first, 11 at 1.5.
    assert ours[8, 0].tolist() == [50] * 3
    assert ours[8, 1].tolist() == [150] * 3
    assert ours[8, 8].tolist() == [150] * 3
    # The last column of the crop lies at 25.75; 26 is half a pixel beyond, where crop and mask fade to nothing.
    assert ours[8, 17].tolist() == [50] * 3


def test_a_large_turned_crop_is_where_opencv_puts_it() -> None:
    generator = np.random.default_rng(1)
    frame = generator.integers(0, 255, (70, 90, 3), dtype=np.uint8)
    import cv2

    crop = cv2.resize(generator.integers(0, 255, (8, 8, 3), dtype=np.uint8), (512, 512)).astype(np.uint8)
    place = np.array([[0.11, -0.03, 20.3], [0.03, 0.11, 4.7], [0, 0, 1]])
    part, ours = _pasted(frame, crop, place)
    expected = paste_back(frame, crop, place)[part.rows_and_columns]
    assert np.abs(ours.numpy().astype(int) - expected).max() <= 3


def test_it_stays_on_its_device() -> None:
    """`meta` computes shapes alone, and refuses an operation that would mix it with the CPU."""
    place = np.array([[0.5, 0, 4], [0, 0.5, 4], [0, 0, 1]])
    _, ours = _pasted(np.zeros((40, 40, 3), np.uint8), np.zeros((32, 32, 3), np.uint8), place, device="meta")
    assert ours.device.type == "meta"
    assert ours.shape == (17, 17, 3)
