"""One face of a camera or another endless stream, smoothed as it comes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from openportrait.faces.finder import FaceFinder
from openportrait.faces.follow import Follower
from openportrait.motion.smooth import OneEuro
from openportrait.records import Face, Image


class LiveTracker:
    """Follows one face and smooths its landmarks with a One-Euro filter."""

    def __init__(self, finder: FaceFinder, choice: str, rate: Fraction | float) -> None:
        """`rate` frames a second. Raises OptionError for an unknown choice."""
        self._follower = Follower(finder, choice, float(rate))
        self._filter = OneEuro(float(rate))
        self._unit = 1.0

    def update(self, image: Image) -> Face | None:
        """The face in the newest frame, None where it is not to be seen."""
        faces, is_cut = self._follower.step(image)
        face = faces[0] if faces else None
        if face is None or is_cut:
            self._filter.reset()
            self._unit = 0.0
        if face is None:
            return None
        # The filter's speed weight is for values near 1: the unit is the face's size when it appeared.
        self._unit = self._unit or face.size
        return replace(face, landmarks=self._filter(face.landmarks / self._unit) * self._unit)
