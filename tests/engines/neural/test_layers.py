"""What is computed at the small size, or for eight corners at once, is what the plain form gives."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from openportrait.engines.neural.checkpoint import Affine  # noqa: E402
from openportrait.engines.neural.layers import Enlarged, Summed, instance_norm  # noqa: E402
from openportrait.engines.neural.warping import SIZES, heatmaps, sample, shifted  # noqa: E402
from tests.engines.neural.plain_networks import grid  # noqa: E402


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def _affine(*shape: int) -> Affine:
    return Affine(torch.randn(shape, dtype=torch.float64), torch.randn(shape[0], dtype=torch.float64))


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3)])
def test_a_convolution_of_an_enlarged_map_is_exact_to_its_border(factor: int, size: tuple[int, int]) -> None:
    affine, x = _affine(5, 3, 3, 3), torch.randn(2, 3, *size)
    plain = F.conv2d(F.interpolate(x, scale_factor=factor), affine.weight.float(), affine.bias.float(), padding=1)
    out = torch.full_like(plain, torch.nan)
    Enlarged(affine, factor)(x, out)
    torch.testing.assert_close(out, plain.relu(), atol=2e-5, rtol=1e-5)


def test_volumes_are_enlarged_along_height_and_width_alone() -> None:
    affine, x = _affine(5, 3, 3, 3, 3), torch.randn(2, 3, 4, 3, 2)
    large = F.interpolate(x, scale_factor=(1, 2, 2))
    plain = F.conv3d(large, affine.weight.float(), affine.bias.float(), padding=1)
    out = torch.full_like(plain, torch.nan)
    Enlarged(affine, 2)(x, out)
    torch.testing.assert_close(out, plain.relu(), atol=5e-5, rtol=1e-5)


def test_depth_taps_may_be_added_one_by_one() -> None:
    affine, x = _affine(5, 3, 3, 3, 3), torch.randn(2, 3, 4, 5, 6)
    plain = F.conv3d(x, affine.weight.float(), affine.bias.float(), padding=1)
    torch.testing.assert_close(Summed(affine, padding=1)(x), plain, atol=5e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_has_mean_0_and_variance_1(layout: Any) -> None:
    x = (5 * torch.randn(2, 6, 8, 8) + 3).contiguous(memory_format=layout)
    torch.testing.assert_close(instance_norm(x, torch.float32), F.instance_norm(x), atol=1e-5, rtol=1e-5)


def test_a_heatmap_falls_off_as_a_gaussian_of_variance_a_hundredth() -> None:
    point = torch.tensor([[[1.0, -1.0, 1.0], [0.2, 0.1, -0.3]]])
    found = heatmaps(point)
    assert found.shape == (1, *SIZES, 2)
    assert found[0, -1, 0, -1, 0] == pytest.approx(1)
    distance = ((grid(point.device) - point[0, 1]) ** 2).sum(-1)
    torch.testing.assert_close(found[0, ..., 1], torch.exp(-50 * distance), atol=1e-6, rtol=1e-4)


def _volume_and_points() -> tuple[Any, Any, Any]:
    return torch.randn(1, 4, *SIZES), torch.rand(2, 3, 3) * 2 - 1, torch.rand(2, 3, 3) * 2 - 1


def test_sampling_by_a_moved_grid_is_sampling_point_by_point() -> None:
    volume, x_d, x_s = _volume_and_points()
    found = shifted(volume, x_d, x_s)
    for b in range(2):
        for k in range(3):
            field = grid(volume.device) - x_d[b, k] + x_s[b, k]
            plain = F.grid_sample(volume, field[None], align_corners=False)[0]
            torch.testing.assert_close(found[b, k].transpose(0, 1), plain, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("sources", [1, 2])
def test_sampling_where_each_cell_is_shifted_is_trilinear_with_zeros_outside(sources: int) -> None:
    volume = torch.randn(sources, 8, *SIZES)
    shift = torch.rand(2, *SIZES, 3) * 2.6 - 1.3
    found = sample(volume.flatten(2).transpose(1, 2), shift)
    field = grid(shift.device).double() + shift
    plain = F.grid_sample(volume.expand(2, -1, -1, -1, -1).double(), field, align_corners=False)
    torch.testing.assert_close(found, plain.permute(0, 2, 3, 4, 1).float(), atol=5e-5, rtol=1e-4)


def test_positions_in_the_volume_are_as_exact_as_their_shifts() -> None:
    """Against float64, on slopes of 20 a cell: positions counted from the volume's edge would be off by 4e-5."""
    width = SIZES[2]
    cells = torch.arange(width, dtype=torch.float64)
    zigzag = 10 * (-1) ** cells
    volume = zigzag.expand(1, 1, *SIZES).float()
    shift = torch.tensor(0.03)
    places = cells + cells / (width - 1) - 0.5 + shift.double() * width / 2
    inside = places < width - 1
    low = places.floor()
    expected = (zigzag[low[inside].long()] * (1 - 2 * (places - low)[inside])).float()

    x_s = torch.stack((shift, torch.tensor(0.0), torch.tensor(0.0)))
    by_axes = shifted(volume, torch.zeros(1, 1, 3), x_s[None, None])[0, 0, 8, 0, 32]
    by_cell = sample(volume.flatten(2).transpose(1, 2), x_s.expand(1, *SIZES, 3))[0, 8, 32, :, 0]
    for found in (by_axes, by_cell):
        torch.testing.assert_close(found[inside], expected, atol=1e-5, rtol=0)


def test_a_place_that_is_no_number_gives_none() -> None:
    """So that a value beyond float16 upstream cannot pass for a picture."""
    rows = torch.randn(1, SIZES[0] * SIZES[1] * SIZES[2], 4)
    assert torch.isnan(sample(rows, torch.full((1, *SIZES, 3), torch.nan))).all()
