"""W: where each part of the feature volume moves, and the moved features (SPEC §7; face vid2vid §3.2).

Coordinates, heatmaps and sampling are float32. Volumes are (z, y, x) = 16×64×64 cells. A coordinate runs from −1 to 1
between the centres of the first and the last cell, yet sampling takes −1 and 1 as the outer faces of those cells: the
mismatch is part of the trained model. Coordinate 2i/(n − 1) − 1 of cell i, shifted by s, is thus sampled at the cell
i + i/(n − 1) − ½ + s·n/2. What follows the whole number i is small, and float32 exact there: a
position counted from the volume's edge would be twenty times as coarse."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from openportrait.engines.neural.checkpoint import Affine, Checkpoint
from openportrait.engines.neural.device import on_processor
from openportrait.engines.neural.extractors import CHANNELS, DEPTH
from openportrait.engines.neural.layers import Conv, Enlarged, Linear, Summed

SIZES = (16, 64, 64)
"""Cells along z, y, x."""
HEATMAP_VARIANCE = 0.01
"""Of the Gaussian around a keypoint, squared units of −1..1 (SPEC §7)."""
HEATMAP_TAIL = 1e-12
"""Along one axis, smaller values of a Gaussian count as 0."""


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


# The network


KEYPOINTS = 21
"""Of the published model."""
FIELDS = KEYPOINTS + 1
"""One flow a keypoint, and one that stays."""
COMPRESSED = 4
"""Channels of the appearance volume as the dense motion network sees it (SPEC §7)."""
FIELD_CHANNELS = FIELDS * (1 + COMPRESSED)
"""Channels of the hourglass' input."""
DOWN = (FIELD_CHANNELS, 64, 128, 256, 512, 1024)
"""Channels on its way down (SPEC §7)."""
UP = (1024, 512, 256, 128, 64, 32)
"""Channels on its way up (SPEC §7)."""
FEATURES = UP[-1] + FIELD_CHANNELS
"""Channels of its output."""
WIDE = 7
"""Width of the mask's and the occlusion's kernel."""


@dataclass(frozen=True, eq=False)
class WarpSource:
    """What warping needs of a source face; does not depend on the driving frame."""

    rows: Tensor
    """[S, 65536, 32] float32: the feature volume's cells in the order z, y, x."""
    compressed: Tensor
    """[S, 4, 16, 64, 64] float32."""
    still: Tensor
    """[S, 16, 64, 64, 4] float32: the compressed volume as the background field samples it."""


class Hourglass(nn.Module):
    """The 3-D U-net of the dense motion: [B, 110, 16, 64, 64] → [B, 142, 16, 64, 64].

    Only its lowest map is enlarged before the convolution: there the weights are what takes time, and
    the small-size form has twice as many.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            Conv(
                checkpoint.layer(f"down.{i}", (DOWN[i + 1], DOWN[i], 3, 3, 3), norm=f"down.{i}.norm"),
                padding=1,
                relu=True,
            )
            for i in range(5)
        )
        self.lowest = Conv(checkpoint.layer("up.0", (UP[1], UP[0], 3, 3, 3), norm="up.0.norm"), padding=1, relu=True)
        self.up = nn.ModuleList(
            Enlarged(checkpoint.layer(f"up.{i}", (UP[i + 1], 2 * UP[i], 3, 3, 3), norm=f"up.{i}.norm"), factor=2)
            for i in range(1, 5)
        )
        merge = checkpoint.layer("merge", (FEATURES, FEATURES, 3, 3, 3), norm="merge.norm")
        self.merge = Summed(merge, padding=1, relu=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 110, 16, 64, 64] → [B, 142, 16, 64, 64]."""
        skips = [x]
        for conv in self.down:
            skips.append(_halved(conv(skips[-1])))
        x = self.lowest(F.interpolate(skips.pop(), scale_factor=(1, 2, 2)))
        x = torch.cat((x, skips.pop()), 1)
        for enlarged, outputs in zip(self.up, UP[2:], strict=True):
            skip = skips.pop()
            joined = self.merge.empty(skip.shape[0], outputs + skip.shape[1], *skip.shape[2:])
            enlarged(x, joined[:, :outputs])
            joined[:, outputs:] = skip
            x = joined
        merged: Tensor = self.merge(x)
        return merged


class Warping(nn.Module):
    """W: feature volume, keypoints of the source and the driving → [B, 256, 64, 64]."""

    mask_bias: Tensor
    occlusion_bias: Tensor

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        compress = checkpoint.layer("compress", (COMPRESSED, CHANNELS, 1, 1, 1), norm="compress.norm")
        self.compress = Linear(Affine(compress.weight.flatten(1), compress.bias))
        self.hourglass = Hourglass(checkpoint)
        mask = checkpoint.layer("mask", (FIELDS, FEATURES, WIDE, WIDE, WIDE))
        occlusion = checkpoint.layer("occlusion", (1, FEATURES * DEPTH, WIDE, WIDE))
        self.register_buffer("mask_bias", mask.bias.float())
        self.register_buffer("occlusion_bias", occlusion.bias.float())
        self.wide = Conv(_by_slice(mask.weight, occlusion.weight), padding=WIDE // 2)
        flatten = checkpoint.layer("flatten", (256, CHANNELS * DEPTH, 3, 3), norm="flatten.norm")
        depth_first = torch.unflatten(flatten.weight, 1, (CHANNELS, DEPTH)).transpose(1, 2).flatten(1, 2)
        self.flatten = Conv(Affine(depth_first, flatten.bias), padding=1)
        self.out = Conv(checkpoint.layer("out", (256, 256, 1, 1)))

    def source(self, volume: Tensor) -> WarpSource:
        """Once a source: feature volume [S, 32, 16, 64, 64] → what every frame needs of it."""
        rows = volume.float().flatten(2).transpose(1, 2).contiguous()
        compressed = torch.unflatten(self.compress(rows).relu_().transpose(1, 2), 2, SIZES).contiguous()
        nowhere = compressed.new_zeros(len(rows), 1, 3)
        still = shifted(compressed, nowhere, nowhere)
        return WarpSource(rows, compressed, still[:, 0].permute(0, 1, 3, 4, 2).contiguous())

    def fields(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Tensor:
        """The hourglass's input: for each of 22 fields a heatmap and 4 moved channels.

        x_d, x_s [B, 21, 3] → [B, 110, 16, 64, 64], channels last, in the type of the convolutions.
        """
        dtype = self.wide.dtype
        joined = torch.empty((len(x_d), *SIZES, FIELDS, 1 + COMPRESSED), dtype=dtype, device=x_d.device)
        joined[..., 0, 0] = 0
        joined[..., 0, 1:] = source.still
        torch.sub(heatmaps(x_d), heatmaps(x_s), out=joined[..., 1:, 0])
        joined[..., 1:, 1:] = shifted(source.compressed, x_d, x_s).permute(0, 2, 4, 5, 1, 3)
        return joined.flatten(-2).permute(0, 4, 1, 2, 3)

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mask [B, 16, 64, 64, 22], softmax over the fields, and occlusion [B, 1, 64, 64], both float32.

        features [B, 142, 16, 64, 64].
        """
        batch, depth = features.shape[0], features.shape[2]
        slices = features.transpose(1, 2).flatten(0, 1)
        wide = torch.unflatten(self.wide(slices).permute(0, 2, 3, 1), 0, (batch, depth))
        logits = self.mask_bias.expand(*wide.shape[:-1], FIELDS).clone()
        for tap in range(WIDE):
            ahead = tap - WIDE // 2
            low, high = max(0, -ahead), min(depth, depth - ahead)
            logits[:, low:high] += wide[:, low + ahead : high + ahead, ..., tap * FIELDS : (tap + 1) * FIELDS]
        own = wide[..., WIDE * FIELDS :].diagonal(dim1=1, dim2=-1)
        occlusion = torch.sigmoid(own.float().sum(-1) + self.occlusion_bias)
        return logits.softmax(-1), occlusion[:, None]

    def displacement(self, mask: Tensor, x_d: Tensor, x_s: Tensor) -> Tensor:
        """Σ mask·(field − grid): how far from itself each cell is sampled, [B, 16, 64, 64, 3] as x, y, z.

        Since a mask sums to 1, the deformation Σ mask·field of SPEC §7 is the grid plus this.
        """
        shift = F.pad(x_s - x_d, (0, 0, 1, 0))
        return torch.unflatten(mask.flatten(1, 3) @ shift, 1, SIZES)

    def forward(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Tensor:
        """x_d, x_s [B, 21, 3] float32 → [B, 256, 64, 64]; `source` has B entries, or one for all."""
        mask, occlusion = self.heads(self.hourglass(self.fields(source, x_d, x_s)))
        return self.moved(source, self.displacement(mask, x_d, x_s), occlusion)

    def moved(self, source: WarpSource, displacement: Tensor, occlusion: Tensor) -> Tensor:
        """The displaced feature volume, flattened to 256 channels and dimmed where occluded."""
        taken = sample(source.rows, displacement).permute(0, 1, 4, 2, 3).flatten(1, 2)
        flat = self.out(F.leaky_relu_(self.flatten(taken), 0.01))
        dimmed: Tensor = flat * occlusion.to(flat.dtype)
        return dimmed


def _halved(x: Tensor) -> Tensor:
    """Mean of 2×2 cells of every slice, [B, C, D, H, W] → [B, C, D, H/2, W/2], as 2-D pooling.

    PyTorch's own 3-D pooling knows no narrow types on a CPU.
    """
    if x.is_contiguous():
        return torch.unflatten(F.avg_pool2d(x.flatten(1, 2), 2), 1, x.shape[1:3])
    slices = F.avg_pool2d(x.transpose(1, 2).flatten(0, 1), 2)
    return torch.unflatten(slices, 0, (x.shape[0], x.shape[2])).transpose(1, 2)


def _by_slice(mask: Tensor, occlusion: Tensor) -> Affine:
    """Both 7-wide convolutions as one 2-D convolution of every depth slice, with 7·22 + 16 outputs.

    Outputs tap·22 + field: what the mask takes from this slice for the slice `tap − 3` before it. Outputs
    154 + z: what the occlusion takes from it if it is slice z. Same products as the 3-D form, but many
    more outputs a product: the form that matrix units (AMX, tensor cores) are made for.
    """
    by_tap = mask.permute(2, 0, 1, 3, 4).flatten(0, 1)
    by_slice = torch.unflatten(occlusion[0], 0, (FEATURES, DEPTH)).transpose(0, 1)
    weight = torch.cat((by_tap, by_slice))
    return Affine(weight, weight.new_zeros(len(weight)))
