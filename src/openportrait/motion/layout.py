"""What a set of keypoints means: all that differs between engines, as data the engine owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from openportrait.errors import OptionError
from openportrait.records import Floats, Motion
from openportrait.regions import EXPRESSION, GROUPS

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
    parts: Mapping[str, Floats]
    """Region → (K, 3) how far each entry of the expression belongs to it, 0..1; together they are the expression.

    A region of several parts (`eyes`) is one whose parts these keypoints cannot tell apart. The 21-point layout has
    zeros and ones (the index sets of SPEC §4); a mesh has soft borders.
    """
    whole: Floats
    """(K, 3) the sum of the parts."""
    mask: Floats
    """(K, 3) what of the expression mask is open: video sources and absolute motion."""
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
    average: Floats | None = None
    """(K, 3) canonical keypoints of an average face; None where only those of real faces are known."""
    lip_open_of_ratio: float = 200.0
    """What the slider `lip_open` must be for a lip ratio of 1, on lips that are shut at rest."""

    @property
    def at_rest(self) -> Motion:
        """A face at rest that looks ahead: nobody's own."""
        average = np.zeros((self.count, 3)) if self.average is None else self.average
        plain = Motion(np.eye(3), np.zeros((self.count, 3)), 1.0, np.zeros(3), average)
        return replace(plain, expression=self.neutral(plain))

    def weights(self, strengths: Mapping[str, float], *, masked: bool = False) -> Floats:
        """(K, 3) how far each entry of the expression follows, for the strength of each part (absent: 0).

        Raises OptionError where parts differ that these keypoints cannot tell apart.
        """
        wanted = {part: strengths.get(part, 0.0) for part in EXPRESSION}
        if len(set(wanted.values())) == 1:
            weights = wanted["rest"] * self.whole
        else:
            weights = np.zeros((self.count, 3))
            for region, share in self.parts.items():
                weights = weights + self._strength(region, wanted) * share
        return weights * self.mask if masked else weights

    def share(self, region: str) -> Floats:
        """(K, 3) how far each entry of the expression belongs to a region. Raises OptionError as `weights`."""
        return self.weights(dict.fromkeys(GROUPS[region], 1.0))

    def shares(self, amounts: Mapping[str, float]) -> Floats:
        """(K, 3) as `weights`, over what an entry takes part at all: all of the expression is 1 everywhere."""
        weights = self.weights(amounts)
        return np.divide(weights, self.whole, out=np.zeros_like(weights), where=self.whole > 0)

    def _strength(self, region: str, wanted: Mapping[str, float]) -> float:
        found = {wanted[part] for part in GROUPS[region]}
        if len(found) > 1:
            names = " and ".join(GROUPS[region])
            raise OptionError(
                f"the keypoints of this engine ({self.name}) do not tell {names} apart; give {region}, "
                "or take an engine that does (--engine mesh)"
            )
        return found.pop()
