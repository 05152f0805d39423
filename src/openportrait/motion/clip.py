"""The motion of a whole job: which frames of source and driving belong together, and the driven keypoints (SPEC §4).

Also which frame of a clip is most at rest (frontal, eyes open, mouth closed), and how strongly a clip acts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from openportrait.motion.layout import KeypointLayout, angle_degrees, keypoints
from openportrait.motion.packed import PackedMotions
from openportrait.motion.smooth import HALF_STEP_PX, LiveSmoother, smooth_motions
from openportrait.motion.transfer import Kind, Transfer, choose_transfer
from openportrait.options import MotionOptions
from openportrait.records import Floats, Motion, Ratios
from openportrait.regions import EXPRESSION, Wanted

DEGREES_PER_POINT = 12.0
"""A head turned by this many degrees is as far from rest as half-closed eyes, or lips open by half an eye."""


def neutral_index(motions: Sequence[Motion], ratios: Sequence[Ratios] = ()) -> int:
    """Index of the most neutral motion; by head pose alone without ratios; the earliest among equals."""
    cost = np.array([angle_degrees(motion.rotation) for motion in motions]) / DEGREES_PER_POINT
    if len(ratios) == len(cost):
        eyes = np.array([min(ratio.eye_left, ratio.eye_right) for ratio in ratios])
        lips = np.array([ratio.lip for ratio in ratios])
        # Openness is compared with the clip's own: eyes differ in shape, and some lips never meet.
        wide_open = max(float(np.percentile(eyes, 80)), 1e-3)
        cost += 2 * np.clip(1 - eyes / wide_open, 0, 1)
        cost += 2 * np.clip(lips - np.percentile(lips, 10), 0, None) / wide_open
    return int(np.argmin(np.round(cost, 6)))


# The expression-friendly option (SPEC §4)


class Strength:
    """x ← x_s + m·(x_d − x_d,0): the clip's movement, resized from the driving's face to the source's."""

    def __init__(self, x_s: Floats, x_rest: Floats, volume_points: tuple[int, ...] | None = None) -> None:
        """`x_s` (K, 3) the source; `x_rest` (K, 3) the driven face where the driving is at rest."""
        self.x_s = x_s
        self.x_rest = x_rest
        points = slice(None) if volume_points is None else list(volume_points)
        self.multiplier = motion_multiplier(x_s[points], x_rest[points])

    def __call__(self, x_d: Floats) -> Floats:
        """(K, 3) keypoints with the movement resized."""
        return self.x_s + self.multiplier * (x_d - self.x_rest)


def motion_multiplier(x_s: Floats, x_rest: Floats) -> float:
    """m = √V(x_s) / √V(x_rest), V the volume of the convex hull; 1 where points span no volume."""
    volumes = [_hull_volume(x_s), _hull_volume(x_rest)]
    return math.sqrt(volumes[0] / volumes[1]) if min(volumes) > 0 else 1.0


def _hull_volume(points: Floats) -> float:
    # Imported here: SciPy's geometry takes longer to load than all of this package.
    from scipy.spatial import ConvexHull, QhullError

    try:
        return float(ConvexHull(np.asarray(points, np.float64)).volume)
    except QhullError:
        return 0.0


# A whole clip


CROP_UNIT_PX = 256
"""px of a crop unit: −1..1 is a crop of 512 px."""


class Drive(Protocol):
    """One driving on one face, frame by frame: `ClipTransfer` or `PortableTransfer`."""

    def __len__(self) -> int:
        """Frames of the result."""
        ...

    def source_index(self, i: int) -> int:
        """Frame of the source that meets frame i of the result."""
        ...

    def driving_index(self, i: int) -> int:
        """Frame of the driving that meets frame i of the result."""
        ...

    def __call__(self, i: int) -> Motion:
        """The driven motion of frame i."""
        ...

    def x_source(self, i: int) -> Floats:
        """(K, 3) keypoints of the source in frame i."""
        ...

    def x_driven(self, i: int) -> Floats:
        """(K, 3) keypoints to move to in frame i, before the corrections."""
        ...


class Pairing:
    """Which frames belong together: a still repeats, two clips end with the shorter one."""

    def __init__(self, sources: int, drivings: int, schedule: Sequence[int] | None = None) -> None:
        """Numbers of frames; one frame is a still.

        `schedule` states the driving's frame for each frame of the result, where two clips differ in rate.
        """
        self.kind = Kind(source_moves=sources > 1, driving_moves=drivings > 1)
        self.schedule = schedule
        if schedule is not None:
            self.frames = len(schedule)
        elif self.kind.source_moves and self.kind.driving_moves:
            self.frames = min(sources, drivings)
        else:
            self.frames = max(sources, drivings)

    def source_index(self, i: int) -> int:
        """Frame of the source that meets frame i."""
        return i if self.kind.source_moves else 0

    def driving_index(self, i: int) -> int:
        """Frame of the driving that meets frame i."""
        if not self.kind.driving_moves:
            return 0
        return i if self.schedule is None else self.schedule[i]


class ClipTransfer:
    """The driven motion of every frame; `transfer(i)` is a Motion, `transfer.x_driven(i)` its keypoints.

    Frames are computed when asked for, except that video on video with smoothing is computed ahead
    and kept packed. Sequences may be lazy or packed (`PackedMotions`).
    """

    def __init__(
        self,
        layout: KeypointLayout,
        sources: Sequence[Motion],
        drivings: Sequence[Motion],
        options: MotionOptions,
        *,
        driving_ratios: Sequence[Ratios] = (),
        schedule: Sequence[int] | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """One motion is a still, more are a clip; all of `layout`. The ratios help to find the neutral frame.

        `schedule`: as for `Pairing`. `wanted`: what follows this driving, where it is not all that the options say.
        Raises OptionError as `KeypointLayout.weights`.
        """
        wanted = wanted or options.wanted
        self.layout = layout
        self.sources = sources
        self.drivings = drivings
        self.pairing = Pairing(len(sources), len(drivings), schedule)
        kind = self.pairing.kind
        self.neutral_index = neutral_index(drivings, driving_ratios) if options.neutral_frame == "auto" else 0
        reference = drivings[self.neutral_index]
        self._transfer = choose_transfer(layout, options, kind, sources[0], reference, wanted)
        self._smoothed: Sequence[Motion] | None = None
        if kind.source_moves and kind.driving_moves and options.smoothing > 0:
            self._smoothed = self._smooth(wanted, options.smoothing)
        self._strength: Callable[[Floats], Floats] | None = None
        if kind.driving_moves and not kind.source_moves:
            self._strength = _strength(layout, options, self._transfer, sources[0], reference)

    def __len__(self) -> int:
        """Frames of the result."""
        return self.pairing.frames

    def __call__(self, i: int) -> Motion:
        """The driven motion of frame i."""
        return self._transferred(i) if self._smoothed is None else self._smoothed[i]

    def source_index(self, i: int) -> int:
        """Frame of the source that meets frame i of the result."""
        return self.pairing.source_index(i)

    def driving_index(self, i: int) -> int:
        """Frame of the driving that meets frame i of the result."""
        return self.pairing.driving_index(i)

    def x_source(self, i: int) -> Floats:
        """(K, 3) keypoints of the source in frame i."""
        return keypoints(self.sources[self.source_index(i)], self.layout)

    def x_driven(self, i: int) -> Floats:
        """(K, 3) keypoints to move to in frame i, before the corrections."""
        x_d = keypoints(self(i), self.layout)
        return self._strength(x_d) if self._strength else x_d

    def _transferred(self, i: int) -> Motion:
        return self._transfer(self.sources[self.source_index(i)], self.drivings[self.driving_index(i)])

    def _smooth(self, wanted: Wanted, variance: float) -> Sequence[Motion]:
        driven = map(self._transferred, range(len(self)))
        # Every part that follows the driving is smoothed, whatever its strength.
        moved = dict.fromkeys(wanted.strengths, 1.0)
        weights = self.layout.weights(moved, masked=True) if wanted.any(EXPRESSION) else None
        turns = bool(wanted["turn"])
        return PackedMotions(smooth_motions(driven, self.layout, weights, rotation=turns, variance=variance))


class LiveTransfer:
    """A still source that follows a driving face one frame at a time, as from a camera."""

    def __init__(
        self,
        layout: KeypointLayout,
        source: Motion,
        options: MotionOptions,
        *,
        neutral: Motion | None = None,
        finish: Callable[[Motion], Motion] | None = None,
    ) -> None:
        """`neutral`: the driving face at rest, else the first one seen. `finish`: what is done to each result."""
        self.layout = layout
        self.source = source
        self.options = options
        self.x_s = keypoints(source, layout)
        self._smoother = LiveSmoother(half_step=HALF_STEP_PX / CROP_UNIT_PX)
        self._finish = finish
        self._transfer: Transfer | None = None
        if neutral is not None:
            self.recentre(neutral)

    def recentre(self, neutral: Motion) -> None:
        """Count this driving motion as at rest from now on."""
        kind = Kind(source_moves=False, driving_moves=True)
        self._transfer = choose_transfer(self.layout, self.options, kind, self.source, neutral)
        self._strength = _strength(self.layout, self.options, self._transfer, self.source, neutral)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the motion so far, as after a lost face; what counts as at rest stays."""
        self._smoother.reset()

    def __call__(self, driving: Motion) -> Motion:
        """The driven motion for this moment's driving."""
        if self._transfer is None:
            self.recentre(driving)
        assert self._transfer is not None
        driven = self._transfer(self.source, driving)
        return driven if self._finish is None else self._finish(driven)

    def x_driven(self, driving: Motion, seconds: float | None = None) -> Floats:
        """(K, 3) keypoints to move to, before the corrections; smoothed where their time is given."""
        x_d = keypoints(self(driving), self.layout)
        x_d = self._strength(x_d) if self._strength else x_d
        return self._smoother(x_d, seconds) if seconds is not None else x_d


def _strength(
    layout: KeypointLayout, options: MotionOptions, transfer: Transfer, source: Motion, reference: Motion
) -> Strength | None:
    if not options.relative or options.driving_option != "expression-friendly":
        return None
    x_rest = keypoints(transfer(source, reference), layout)
    return Strength(keypoints(source, layout), x_rest, layout.volume_points)
