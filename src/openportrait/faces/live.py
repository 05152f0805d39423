"""One face of a camera or another endless stream, smoothed as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from openportrait.faces.finder import FaceFinder
from openportrait.faces.follow import Follower
from openportrait.motion.smooth import FACE_PX, HALF_STEP_PX, LiveSmoother
from openportrait.records import Face, Image


@dataclass(frozen=True, eq=False)
class LiveFace:
    """The face in the newest frame."""

    seen: Face
    """As measured: where it is in the frame's pixels."""
    calm: Face
    """Smoothed over time, for its motion."""
    is_new: bool
    """Whether it was not there in the frame before, or the picture has jumped: what is smoothed starts anew."""


class LiveTracker:
    """Follows one face and smooths its landmarks."""

    def __init__(self, finder: FaceFinder, choice: str) -> None:
        """Raises OptionError for an unknown choice."""
        self._follower = Follower(finder, choice, "--driving-face")
        self._smoother = LiveSmoother()
        self._is_new = True

    def update(self, image: Image, seconds: float) -> LiveFace | None:
        """The face in the frame of the moment `seconds`, None where it is not to be seen."""
        faces, is_cut = self._follower.step(image, seconds)
        seen = faces[0] if faces else None
        self._is_new = self._is_new or seen is None or is_cut
        if seen is None:
            return None
        is_new, self._is_new = self._is_new, False
        if is_new:
            self._smoother.reset()
        self._smoother.half_step = HALF_STEP_PX * seen.size / FACE_PX
        return LiveFace(seen, seen.with_points(self._smoother(seen.points, seconds), seen.score), is_new)
