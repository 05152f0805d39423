"""Coordinates, heatmaps and sampling of the warping network (SPEC §7 W), all in float32.

Volumes are (z, y, x) = 16×64×64 cells. A coordinate runs from −1 to 1 between the centres of the first
and the last cell, yet sampling takes −1 and 1 as the outer faces of those cells: the mismatch is part of
the trained model. Coordinate 2i/(n − 1) − 1 of cell i, shifted by s, is thus sampled at the cell
i + i/(n − 1) − ½ + s·n/2. What follows the whole number i is small, and float32 exact there: a
position counted from the volume's edge would be twenty times as coarse.
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


def _ahead(shift: Tensor, own: Tensor, cells: int) -> Tensor:
    """How many cells ahead of itself the cell `own` (0 to cells − 1) is sampled for a shift of its coordinate."""
    return own / (cells - 1) - 0.5 + shift * (cells / 2)


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
    shift = (x_s - x_d)[..., None, None]
    z, y, x = (_weights(shift[:, :, 2 - i], cells) for i, cells in enumerate(SIZES))
    batch, count = x_d.shape[:2]
    depth, height, width = SIZES
    channels = volume.shape[1]
    layers = z.flatten(1, 2) @ volume.transpose(1, 2).flatten(2)
    layers = layers.view(batch, count, depth, channels, height, width)
    return y[:, :, None, None] @ (layers @ x.transpose(2, 3)[:, :, None, None])


def _weights(shift: Tensor, cells: int) -> Tensor:
    """The linear weight of each cell j at the place of each cell i, along one axis: [B, K, 1, 1] → [B, K, i, j]."""
    own = torch.arange(cells, device=shift.device)
    return F.relu(1 - (own[:, None] - own + _ahead(shift, own[:, None], cells)).abs())


def sample(rows: Tensor, shift: Tensor) -> Tensor:
    """Trilinear sampling of a volume where each cell's coordinate is shifted, zeros outside.

    rows [S, 65536, C]: the volume's cells in the order z, y, x (S = B or 1); shift [B, 16, 64, 64, 3] as
    x, y, z → [B, 16, 64, 64, C]. A sum of eight weighted rows a cell: torch's grid_sample takes 30 times
    as long on a CPU.
    """
    index = torch.zeros((*shift.shape[:-1], 1), dtype=torch.long, device=rows.device)
    weight = torch.ones((*shift.shape[:-1], 1), device=rows.device)
    for i, cells in enumerate(SIZES):
        own = torch.arange(cells, device=rows.device).view(-1, *[1] * (2 - i))
        ahead = _ahead(shift[..., 2 - i], own, cells)
        low = torch.floor(ahead)
        both = torch.stack((low, low + 1), -1)
        share = 1 - (ahead[..., None] - both).abs()
        both = both + own[..., None]
        share = torch.where((both >= 0) & (both < cells), share, share * 0)
        place = both.nan_to_num(0).clamp(0, cells - 1).long()
        index = (index[..., None] * cells + place[..., None, :]).flatten(-2)
        weight = (weight[..., None] * share[..., None, :]).flatten(-2)
    if rows.shape[0] > 1:
        index += torch.arange(rows.shape[0], device=rows.device).view(-1, 1, 1, 1, 1) * rows.shape[1]
    table, index, weight = rows.flatten(0, 1), index.flatten(0, 3), weight.flatten(0, 3)
    if on_processor(rows):
        taken = F.embedding_bag(index, table, mode="sum", per_sample_weights=weight)
    else:
        taken = (weight[..., None] * table[index]).sum(1)
    return torch.unflatten(taken, 0, shift.shape[:-1])
