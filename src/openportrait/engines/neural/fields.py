"""Coordinates, heatmaps and sampling of the warping network (SPEC §7 W), all in float32.

Volumes are (z, y, x) = 16×64×64 cells. A coordinate runs from −1 to 1 between the centres of the first
and the last cell, yet sampling takes −1 and 1 as the outer faces of those cells: the mismatch is part of
the trained model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from openportrait.engines.neural.device import on_processor

SIZES = (16, 64, 64)
"""Cells along z, y, x."""
HEATMAP_VARIANCE = 0.01
HEATMAP_TAIL = 1e-12


def axis(cells: int, device: torch.device) -> Tensor:
    """(cells,) coordinates along one axis, −1..1."""
    return 2 * (torch.arange(cells, device=device) / (cells - 1)) - 1


def grid(device: torch.device) -> Tensor:
    """(16, 64, 64, 3) coordinate of each cell, in the order x, y, z."""
    z, y, x = torch.meshgrid(*(axis(cells, device) for cells in SIZES), indexing="ij")
    return torch.stack((x, y, z), -1)


def _cells(coordinate: Tensor, cells: int) -> Tensor:
    """Sampling position in cells, 0 at the centre of the first."""
    return ((coordinate + 1) * cells - 1) / 2


def heatmaps(points: Tensor) -> Tensor:
    """exp(−½·|grid − point|² / 0.01) as the product of its three axes: [B, K, 3] → [B, 16, 64, 64, K].

    Tails below 10⁻¹² an axis are 0: their products would be denormal numbers, on which processors, and the
    convolutions that read them, are several times slower.
    """
    z, y, x = (
        F.threshold(
            torch.exp(-0.5 / HEATMAP_VARIANCE * (axis(cells, points.device)[:, None] - points[:, None, :, 2 - i]) ** 2),
            HEATMAP_TAIL,
            0,
        )
        for i, cells in enumerate(SIZES)
    )
    return (z[:, :, None] * y[:, None])[:, :, :, None] * x[:, None, None]


def shifted(volume: Tensor, x_d: Tensor, x_s: Tensor) -> Tensor:
    """A small volume sampled by the fields grid − x_d + x_s of K keypoints, zeros outside.

    A moved grid is still a product of axes, so trilinear sampling is one small matrix an axis: row i
    holds the two weights 1 − |position of i − j| that are positive. The numbers are those of sampling
    point by point.

    volume [S, C, 16, 64, 64] (S = B or 1), x_d and x_s [B, K, 3] → [B, K, 16, C, 64, 64].
    """
    z, y, x = (
        F.relu(
            1
            - (
                _cells((axis(cells, volume.device) - x_d[:, :, 2 - i, None] + x_s[:, :, 2 - i, None])[..., None], cells)
                - torch.arange(cells, device=volume.device)
            ).abs()
        )
        for i, cells in enumerate(SIZES)
    )
    batch, count = x_d.shape[:2]
    depth, height, width = SIZES
    channels = volume.shape[1]
    layers = z.flatten(1, 2) @ volume.transpose(1, 2).flatten(2)
    layers = layers.view(batch, count, depth, channels, height, width)
    return y[:, :, None, None] @ (layers @ x.transpose(2, 3)[:, :, None, None])


def sample(rows: Tensor, coordinates: Tensor) -> Tensor:
    """Trilinear sampling of a volume at any places, zeros outside.

    rows [S, 65536, C]: the volume's cells in the order z, y, x (S = B or 1); coordinates [B, N, 3] as
    x, y, z → [B, N, C]. A sum of eight weighted rows a point: torch's grid_sample takes 30 times as
    long on a CPU.
    """
    index = torch.zeros((*coordinates.shape[:2], 1), dtype=torch.long, device=rows.device)
    weight = torch.ones((*coordinates.shape[:2], 1), device=rows.device)
    for i, cells in enumerate(SIZES):
        position = _cells(coordinates[..., 2 - i], cells)
        low = torch.floor(position)
        both = torch.stack((low, low + 1), -1)
        share = 1 - (position[..., None] - both).abs()
        share = torch.where((both >= 0) & (both < cells), share, share * 0)
        place = both.nan_to_num(0).clamp(0, cells - 1).long()
        index = (index[..., None] * cells + place[..., None, :]).flatten(2)
        weight = (weight[..., None] * share[..., None, :]).flatten(2)
    if rows.shape[0] > 1:
        index += torch.arange(rows.shape[0], device=rows.device).view(-1, 1, 1) * rows.shape[1]
    table = rows.flatten(0, 1)
    if on_processor(rows):
        taken = F.embedding_bag(index.flatten(0, 1), table, mode="sum", per_sample_weights=weight.flatten(0, 1))
    else:
        taken = (weight.flatten(0, 1)[:, None] @ table[index.flatten(0, 1)])[:, 0]
    return torch.unflatten(taken, 0, coordinates.shape[:2])
