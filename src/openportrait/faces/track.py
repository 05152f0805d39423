"""The chosen faces of a whole clip or of a camera: followed, gaps bridged, smoothed. Only landmarks are kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

from openportrait.errors import NoFaceError
from openportrait.faces.choose import choose
from openportrait.faces.finder import FaceFinder
from openportrait.faces.follow import Follower, is_near
from openportrait.motion.smooth import FACE_PX, HALF_STEP_PX, LiveSmoother
from openportrait.records import Face, Floats, Frame, Image

_STEPS = 32000
"""Steps from the middle of a face to its farthest point: nearly all of 16 bits."""
LANDMARKS = 478
"""Points of the mesh; refined ones follow them."""


class PackedFaces(Sequence[Face | None]):
    """One face or None a frame, as 16-bit steps from the face's middle.

    A step is 1/64000 of the face's extent, so errors stay below a hundredth of a pixel. Five minutes at
    30 frames a second take 27 MB, where the records themselves would take 105.
    """

    def __init__(self, faces: Iterable[Face | None] = ()) -> None:
        """Takes any faces and keeps none of the records."""
        self._frames: list[_Packed | None] = [_pack(face) for face in faces]

    def append(self, face: Face | None) -> None:
        """Add the face of the next frame."""
        self._frames.append(_pack(face))

    def __setitem__(self, index: int, face: Face | None) -> None:
        """Replace the face of one frame."""
        self._frames[index] = _pack(face)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Face | None: ...

    @overload
    def __getitem__(self, index: slice) -> PackedFaces: ...

    def __getitem__(self, index: int | slice) -> Face | PackedFaces | None:
        """The face of one frame, or of some."""
        if isinstance(index, slice):
            part = PackedFaces()
            part._frames = self._frames[index]
            return part
        packed = self._frames[index]
        if packed is None:
            return None
        steps, middle, step, score = packed
        points = steps * step + middle
        refined = points[LANDMARKS:, :2] if len(points) > LANDMARKS else None
        return Face(points[:LANDMARKS], score, refined)

    def has(self, index: int) -> bool:
        """Whether there is a face in a frame."""
        return self._frames[index] is not None


_Packed = tuple[NDArray[np.int16], NDArray[np.float64], float, float]


def _pack(face: Face | None) -> _Packed | None:
    if face is None:
        return None
    points = face.points
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2
    step = max(float((high - low).max()) / 2 / _STEPS, 1e-9)
    return np.rint((points - middle) / step).astype(np.int16), middle, step, face.score


# The tremor taken out of a followed face


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


# One face of an endless stream


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


# The faces of a whole clip


@dataclass(frozen=True, eq=False)
class Track:
    """One face through a clip."""

    faces: Sequence[Face | None]
    """One a frame, without tremor; None where the face is lost."""
    seen: Sequence[Face | None]
    """The same as measured: where the face is in each frame's pixels."""
    present: Sequence[bool]
    """One a frame: whether there is a face."""
    bridged: tuple[range, ...]
    """Frame numbers of gaps that were filled."""
    lost: tuple[range, ...]
    """Frame numbers of gaps too long to be filled."""
    names: frozenset[str]
    """Which of several choices mean it."""


def track(
    frames: Iterable[Frame],
    finder: FaceFinder,
    choice: str,
    *,
    rate: Fraction,
    bridge_seconds: float,
    where: str,
    option: str,
) -> list[Track]:
    """Follow the faces that `choice` means in the first frame that has them, through the clip.

    Gaps of at most `bridge_seconds` are interpolated, or filled with the nearest landmarks at the clip's
    start and end and at cuts; longer gaps stay None. Tremor is taken out (`SteadyFaces`), never across a cut or a
    lost stretch. `where` names the clip in errors, `option` the flag of the choice.
    Raises as `choose`, NoFaceError when no frame shows a face.
    """
    follower = Follower(finder, choice, option)
    paths: list[PackedFaces] = []
    cuts: list[int] = []
    for index, frame in enumerate(frames):
        faces, is_cut = follower.step(frame.image, index / float(rate))
        if is_cut:
            cuts.append(index)
        if faces and not paths:
            paths = [PackedFaces([None] * index) for _ in faces]
        for path, face in zip(paths, faces, strict=True):
            path.append(face)
    if not paths:
        if follower.seen:
            choose(follower.seen, choice, follower.picture, where=where, option=option)
        raise NoFaceError(
            f"no face in any frame of {where}; "
            f"use a clip that shows one, or lower --detection-threshold (now {finder.threshold:g})"
        )
    return [
        _finished(path, cuts, rate, bridge_seconds, names) for path, names in zip(paths, follower.names, strict=True)
    ]


def _finished(
    faces: PackedFaces, cuts: list[int], rate: Fraction, bridge_seconds: float, names: frozenset[str]
) -> Track:
    """Bridge what is short enough, smooth what is unbroken."""
    longest = int(bridge_seconds * rate)
    gaps = _runs(faces, False)
    bridged = tuple(gap for gap in gaps if len(gap) <= longest)
    borders = set(cuts)
    for gap in bridged:
        borders -= _bridge(faces, gap, cuts)
    shots: list[range] = []
    for run in _runs(faces, True):
        inside = sorted(border for border in borders if border in run[1:])
        shots += [range(start, end) for start, end in pairwise([run.start, *inside, run.stop])]
    return Track(
        faces=SteadyFaces(faces, shots, rate),
        seen=faces,
        present=[faces.has(index) for index in range(len(faces))],
        bridged=bridged,
        lost=tuple(gap for gap in gaps if len(gap) > longest),
        names=names,
    )


def _runs(faces: PackedFaces, wanted: bool) -> list[range]:
    """The unbroken stretches of frames with (or without) a face."""
    groups = ((present, list(group)) for present, group in groupby(range(len(faces)), key=faces.has))
    return [range(group[0], group[-1] + 1) for present, group in groups if present is wanted]


def _bridge(faces: PackedFaces, gap: range, cuts: list[int]) -> set[int]:
    """Fill a gap, and return the cuts in it that turn out to be none.

    A face that is back where it was has been there all along (behind a flash, a hand, a title), so it
    is interpolated. Otherwise either side's landmarks are held up to the cut, or the gap's middle.
    """
    before = faces[gap.start - 1] if gap.start > 0 else None
    after = faces[gap.stop] if gap.stop < len(faces) else None
    inside = [cut for cut in cuts if gap.start <= cut <= gap.stop]
    if before is not None and after is not None and is_near(before, after):
        for place, index in enumerate(gap, start=1):
            faces[index] = between(before, after, place / (len(gap) + 1))
        return set(inside)
    change = inside[0] if inside else (gap.start + gap.stop) // 2
    for index in gap:
        faces[index] = (before or after) if index < change else (after or before)
    return set()


def between(before: Face, after: Face, share: float) -> Face:
    """The face `share` (0..1) of the way from one to the other, as one that moves, turns and grows evenly.

    A plain mean of the points would shrink a turning face. The similarity of the plane that best maps
    one onto the other is split evenly; what remains, the change of shape, is mixed.
    """
    low, high = before.points, after.points
    low_middle, high_middle = low.mean(0), high.mean(0)
    a, b = (low - low_middle) @ [1, 1j, 0], (high - high_middle) @ [1, 1j, 0]
    turn = np.vdot(a, b) / np.vdot(a, a)
    growth = abs(turn)
    flat = (a * (1 - share) + b / turn * share) * turn**share
    depth = (low - low_middle)[:, 2] * (1 - share) + (high - high_middle)[:, 2] / growth * share
    shape = np.stack([flat.real, flat.imag, depth * growth**share], 1)
    score = before.score * (1 - share) + after.score * share
    return before.with_points(shape + low_middle * (1 - share) + high_middle * share, score)
