"""The chosen faces of a whole clip: followed, gaps bridged, smoothed. Only landmarks are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

import numpy as np

from openportrait.errors import NoFaceError
from openportrait.faces.choose import choose
from openportrait.faces.finder import FaceFinder
from openportrait.faces.follow import Follower, is_near
from openportrait.faces.packed import PackedFaces
from openportrait.faces.steady import SteadyFaces
from openportrait.records import Face, Frame


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
