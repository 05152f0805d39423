"""What an open mouth shows, as rigid parts in the head's own units; and such parts drawn, where nobody shows any.

Teeth neither grow nor bend: the upper ones sit on the skull, the lower ones and the tongue on the jaw. Each part is
a small picture with a place in it that is hung somewhere on a face, and its size in cm of the head, so that it can
be shown in any other face at its true size. Other makers of parts: `borrowed` (a driver's), `teeth` (the source's own).

Measures of drawn parts are those of an average adult (Wheeler, Dental Anatomy). A row is laid out along an arch that
bends away from the viewer, so that teeth grow narrower and darker to the sides. Origin of a row is the middle of the
lip's edge while the mouth is shut; y down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openportrait.engines.mesh.curves import SUBPIXEL_BITS, smoothstep, subpixels
from openportrait.engines.mesh.layers.background import Layer
from openportrait.engines.mesh.shape.points import INNER_LOWER, INNER_UPPER, Similarity
from openportrait.records import Floats

_MIDDLE = slice(3, 8)
"""Columns of the inner lips that stand for their middle: several, as one landmark alone trembles."""


@dataclass(frozen=True, eq=False)
class Part:
    """One rigid part of a mouth's inside."""

    layer: Layer
    """(h, w, 4) colour times share, and the share 0..1."""
    anchor: Floats
    """(2,) px of the layer that is hung up."""
    cm: Floats
    """(2, 2) px of the layer to the right and down for a cm of the head to the right (row 0) and down (row 1)."""

    def shown(self, cm: Floats, at: Floats, shape: tuple[int, int]) -> Layer:
        """(h, w, 4) of a picture in which its anchor lies `at` (2,) px and a cm is `cm` (2, 2) px."""
        onto = np.linalg.inv(cm) @ self.cm
        matrix = np.column_stack([onto.T, self.anchor - at @ onto])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self.layer, matrix, shape[::-1], flags=flags), np.float32)


def flat_cm(head: Similarity) -> Floats:
    """(2, 2) px of the picture for a cm of the head, as in `Part.cm`, in the plane of the mouth."""
    return np.asarray(head.scale * head.rotation[:2, :2])


def lip_middles(points: Floats) -> tuple[Floats, Floats]:
    """(2,) middle of the upper and of the lower inner lip of (478, 2 or 3) points."""
    return points[INNER_UPPER[_MIDDLE], :2].mean(0), points[INNER_LOWER[_MIDDLE], :2].mean(0)


def over(under: Layer, layer: Layer, share: float = 1.0) -> Layer:
    """(h, w, 3) colours with a (h, w, 4) layer on top."""
    return np.asarray(under * (1 - np.float32(share) * layer[..., 3:]) + np.float32(share) * layer[..., :3])


def area(outline: Floats, shape: tuple[int, int]) -> Layer:
    """(h, w) 1 within a closed line of (N, 2) px, 0 outside, with a smooth edge."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [subpixels(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask.astype(np.float32) * np.float32(1 / 255)


# A mouth drawn without a driver's pixels


_HALF_WIDTH_CM, _ABOVE_CM, _BELOW_CM = 3.0, 1.8, 1.8
"""What a drawn part holds: to either side of its middle, above it and below it."""
_FINENESS = 1.5
"""Pixels of a part for one of the picture."""
_FINEST = 48.0
"""px a cm."""
_ARCH_CM = 2.5
"""Half the width of the arch that teeth stand on."""
_SOFT_CM, _SOFT_PIXELS = 0.035, 1.2
"""Softness of edges: the larger of both."""
_TONGUE_TOP_CM, _TONGUE_HALF_CM = -1.15, 1.95
"""Height of its middle over the lower lip's edge (y down), and half its width."""


@dataclass(frozen=True, eq=False)
class _Row:
    """Teeth from the middle to one side; all (N,)."""

    widths: Floats
    """cm along the arch."""
    heights: Floats
    """cm of crown out of the gum."""
    edges: Floats
    """cm that the crowns reach beyond the edge of their lip."""
    light: Floats


_UPPER = _Row(
    widths=np.array([0.85, 0.65, 0.75, 0.7, 0.7, 1.0]),
    heights=np.array([1.0, 0.87, 0.97, 0.82, 0.75, 0.7]),
    edges=np.array([0.36, 0.29, 0.33, 0.22, 0.13, 0.03]),
    light=np.array([1.0, 0.94, 0.84, 0.68, 0.52, 0.38]),
)
"""Widths and heights are about those of average crowns, from the central incisor to the first molar; the rest is by
eye."""
_LOWER = _Row(
    widths=np.array([0.53, 0.58, 0.68, 0.7, 0.7, 1.0]),
    heights=np.array([0.85, 0.88, 0.95, 0.8, 0.75, 0.7]),
    edges=np.array([-0.14, -0.15, -0.12, -0.17, -0.22, -0.26]),
    light=np.array([0.8, 0.78, 0.7, 0.56, 0.43, 0.3]),
)
"""The same for the lower jaw."""


@dataclass(frozen=True, eq=False)
class DrawnMouth:
    """Its parts, those farther back first when drawn: tongue, lower row, upper row."""

    upper: Part
    """Hung on the edge of the upper lip at rest."""
    lower: Part
    """Hung on the edge of the lower lip at rest, carried by the jaw."""
    tongue: Part
    """As `lower`."""


def draw_mouth(tooth: Floats, flesh: Floats, cm: float) -> DrawnMouth:
    """In the colours (3,) of `tooth` and `flesh`, for a picture in which a cm of the head is `cm` px."""
    fineness = min(_FINENESS * cm, _FINEST)
    x, y = (
        np.arange(round(-low * fineness), round(high * fineness) + 1) / fineness
        for low, high in ((_HALF_WIDTH_CM, _HALF_WIDTH_CM), (_ABOVE_CM, _BELOW_CM))
    )
    x, y = x[None, :], y[:, None]

    def part(colours: Floats, share: Floats) -> Part:
        layer = np.dstack([colours * share[..., None], share]).astype(np.float32)
        return Part(layer, np.array([_HALF_WIDTH_CM, _ABOVE_CM]) * fineness, np.eye(2) * fineness)

    gum, soft = 0.85 * flesh, max(_SOFT_CM, _SOFT_PIXELS / fineness)
    return DrawnMouth(
        upper=part(*_row(_UPPER, x, y, soft, tooth, gum)),
        lower=part(*_row(_LOWER, x, -y, soft, tooth, gum)),
        tongue=part(*_tongue(x, y, flesh)),
    )


def _row(row: _Row, x: Floats, y: Floats, soft: float, tooth: Floats, gum: Floats) -> tuple[Floats, Floats]:
    """Colours and share of a row whose crowns point to positive y."""
    ends = np.concatenate([[0.0], np.cumsum(row.widths)])
    along = _ARCH_CM * np.arcsin(np.clip(np.abs(x) / _ARCH_CM, 0, 1))
    number = np.clip(np.searchsorted(ends, along[0], side="right") - 1, 0, len(row.widths) - 1)
    width, height, edge, light = (values[number][None] for values in (row.widths, row.heights, row.edges, row.light))
    aside = (along - ends[number][None, :]) / width * 2 - 1
    neck = edge - height
    down = np.clip((y - neck) / height, 0, 1)
    # Crowns taper to the neck, round off at the edge, and meet below papillas of the gum.
    beside = (1.0 - 0.12 * (1 - down) ** 2 - np.abs(aside)) * width / 2
    below = edge - 0.05 * np.abs(aside) ** 4 - y
    above = y - neck - 0.3 * np.abs(aside) ** 2.5 * height * 0.6
    crown = smoothstep(np.minimum(np.minimum(beside, below), above), -soft, soft)
    rounding = 1 - 0.2 * np.abs(aside) ** 3
    shine = 0.78 + 0.22 * smoothstep(down, 0.0, 0.55) - 0.06 * smoothstep(down, 0.8, 1.0)
    far = smoothstep(_ARCH_CM - np.abs(x), 0.0, 0.35)
    behind = (0.35 + 0.65 * smoothstep(-(y - neck - 0.45 * height), -0.15, 0.15))[..., None] * gum
    gum_light = (1 - 0.55 * (np.abs(x) / _ARCH_CM) ** 2)[..., None]
    enamel = (light * rounding * shine)[..., None] * tooth * (1 - 0.12 * (1 - down))[..., None] ** [0.4, 0.6, 1.1]
    colours = behind * gum_light * (1 - crown[..., None]) + enamel * crown[..., None]
    share = smoothstep(edge - 0.06 * np.abs(aside) ** 4 - y, -soft, soft) * far
    return colours, share


def _tongue(x: Floats, y: Floats, flesh: Floats) -> tuple[Floats, Floats]:
    """Colours and share of a tongue, higher in its middle, with a shallow furrow."""
    aside = np.abs(x) / _TONGUE_HALF_CM
    top = _TONGUE_TOP_CM + 0.55 * aside**2
    share = smoothstep(y, top - 0.12, top + 0.2) * (1 - smoothstep(aside, 0.85, 1.1))
    furrow = 1 - 0.07 * np.exp(-((x / 0.2) ** 2)) * smoothstep(y, top, top + 0.5)
    light = furrow * (0.62 + 0.38 * smoothstep(y, top, top + 0.8)) * (1 - 0.35 * aside**2)
    return light[..., None] * flesh, share
