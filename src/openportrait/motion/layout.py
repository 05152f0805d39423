"""What a set of keypoints means: all that differs between engines, as data the engine owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openportrait.records import Floats, Motion


@dataclass(frozen=True, eq=False)
class RegionWeights:
    """How far each entry of an expression takes part, 0..1, each (K, 3).

    The 21-point layout has zeros and ones (the index sets of SPEC §4); a mesh has soft borders.
    """

    every: Floats
    """Everything: an image source, regions all and exp."""
    masked: Floats
    """The expression mask: video sources and absolute motion, regions all and exp."""
    lips: Floats
    eyes: Floats


ExpressionChange = Callable[[Floats, Floats, Floats], Floats]


def difference(source: Floats, driving: Floats, reference: Floats) -> Floats:
    """The plain change δd − δref of SPEC §4, whatever the source; all (..., K, 3)."""
    return driving - reference


@dataclass(frozen=True, eq=False)
class KeypointLayout:
    """Everything that `motion/` must know of an engine's keypoints."""

    name: str
    """Stated in templates, e.g. `liveportrait-21`, `mesh-478`."""
    count: int
    """K."""
    weights: RegionWeights
    neutral: Callable[[Motion], Floats]
    """(K, 3) expression of this face at rest: the constant N of SPEC §4, or an estimate for the face."""
    change: ExpressionChange = difference
    """(source, driving, reference) expressions (K, 3) → what is added to the source's."""
    expression_frame: Literal["camera", "head"] = "camera"
    """camera: x = s·(kp @ R + exp) + t. head: x = s·((kp + exp) @ R) + t."""
    translation_follows_scale: bool = False
    """Whether a driving's shift is first multiplied by s_s / s_d,0 (units of the face, not of the crop).
    Then absolute motion, too, takes the shift since the neutral frame, not the place in the picture."""
    eyes_of_image_from_neutral: bool = False
    """Whether the eyes of a driving image are taken relative to its neutral expression; the released
    model adds them whole (SPEC §4, row exp, region eyes)."""
    volume_points: tuple[int, ...] | None = None
    """Keypoints that span the volume of the expression-friendly option; None takes all."""
