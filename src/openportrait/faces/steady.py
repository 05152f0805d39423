"""The tremor taken out of a followed face, without its quick movements."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import overload

import numpy as np

from openportrait.faces.packed import PackedFaces
from openportrait.motion.smooth import FACE_PX
from openportrait.records import Face, Floats

WINDOW_SECONDS = Fraction(1, 10)
"""From the first to the last frame of the window: half a blink. One frame, and so no smoothing, below 20 a second."""
TREMOR_PX = 1.0
"""Of a deviation so large, in px of a face `FACE_PX` high, half is taken out. Landmarks at rest tremble by 0.1 to
0.4 px (standard deviation), a lid moves by about 10; on talking faces at 25 and 30 frames a second this leaves
0.5 of the landmarks' mean second difference, and moves none by more than 0.7 px."""


class SteadyFaces(Sequence[Face | None]):
    """A followed face with its tremor taken out, computed when asked for: nothing but the track itself is kept.

    A line is fitted through the frames within `WINDOW_SECONDS`; a landmark's deviation from it is taken out
    while it is small, and kept where it is large: a blink of one frame is no tremor. A parabola or a wider window
    would let through, or smear, more of the one for the other.
    """

    def __init__(self, faces: PackedFaces, shots: Sequence[range], rate: Fraction) -> None:
        """`shots`: stretches of frames, in order, across whose borders nothing is mixed; `rate` frames a second."""
        self._faces = faces
        self._shots = shots
        self._starts = [shot.start for shot in shots]
        self._window = 1 + 2 * int(WINDOW_SECONDS * rate / 2)
        self._fit = _line_fit(self._window)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._faces)

    @overload
    def __getitem__(self, index: int) -> Face | None: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Face | None]: ...

    def __getitem__(self, index: int | slice) -> Face | Sequence[Face | None] | None:
        """The face of one frame, or of some; stretches shorter than the window stay as they are."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        face, shot = self._faces[index], self._shot(range(len(self))[index])
        if face is None or self._window == 1 or len(shot) < self._window:
            return face
        row = shot.index(range(len(self))[index])
        first = min(max(row - self._window // 2, 0), len(shot) - self._window)
        around = [_points(self._faces[i]) for i in shot[first : first + self._window]]
        off = face.points - np.tensordot(self._fit[row - first], around, 1)
        tremor = off / (1 + (off / (TREMOR_PX * face.size / FACE_PX)) ** 2)
        return face.with_points(face.points - tremor, face.score)

    def _shot(self, index: int) -> range:
        place = bisect_right(self._starts, index) - 1
        return self._shots[place] if place >= 0 else range(0)


def _line_fit(frames: int) -> Floats:
    """(N, N): row i gives the weights of the window's values for the fitted line at place i."""
    powers = np.vander(np.arange(frames) - frames // 2, min(frames, 2)).astype(np.float64)
    return np.asarray(powers @ np.linalg.pinv(powers))


def _points(face: Face | None) -> Floats:
    assert face is not None
    return face.points
