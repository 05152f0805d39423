"""The seam between the pipeline and what computes the picture.

Both engines pass the same contract suite (`tests/engines/test_contract.py`). Everything above the
seam (transfer, regions, retargeting, editing, templates, video, web) is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from openportrait.faces import Refine
from openportrait.motion import PackedMotions
from openportrait.motion.layout import KeypointLayout
from openportrait.records import CropRule, Face, FaceCrop, FaceEdit, Floats, Image, Motion, Ratios
from openportrait.sequences import Computed, groups

Appearance = Any
"""What an engine remembers about a source face. Callers do not look into it."""

Memory = Any
"""What an engine has learnt about one face from the frames of a clip. Callers do not look into it."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to render."""

    appearance: Appearance
    x_s: Floats
    """(K, 3) keypoints of the source, crop units (−1..1)."""
    x_d: Floats
    """(K, 3) keypoints to move to."""
    driver: FaceCrop | None = None
    """The driving's face, where there is one: an engine may borrow its inner mouth."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A frame and the faces that come into it."""

    frame: Image
    """(H, W, 3)."""
    shots: Sequence[Shot]
    places: Sequence[Floats]
    """(3, 3) from pixels of a shot's crop to pixels of the frame, one a shot."""
    alpha: Image | None = None
    """(H, W) of a frame that has one."""


class MotionReader(Protocol):
    """Measures the motion of a driving whose faces were found. It is offered landmarks and crops, and takes what it
    needs.

    `size`: longer side of the driving's pictures, px. Crops are cut, and a clip is read again, only where they are
    asked for.
    """

    is_steady: bool
    """Whether steady landmarks make steady motions, so that the motions of a camera need no smoothing of their own."""

    def read_clip(
        self, faces: Sequence[Face], size: int, crops: Callable[[], Generator[FaceCrop, None, None]]
    ) -> Sequence[Motion]:
        """One motion a face; `faces` in px of the picture, `crops` makes one of each in the same order."""
        ...

    def read_frame(self, face: Face, size: int, crop: Callable[[], FaceCrop]) -> Motion:
        """The motion of one face of a camera; arguments as for `read_clip`."""
        ...


class PixelReader:
    """A `MotionReader` of an engine that looks at the pixels of each crop."""

    is_steady = False

    def __init__(self, motion: Callable[[Sequence[FaceCrop]], list[Motion]], batch_size: int) -> None:
        """`motion` and `batch_size` of the engine."""
        self._motion = motion
        self._batch_size = batch_size

    def read_clip(
        self, faces: Sequence[Face], size: int, crops: Callable[[], Generator[FaceCrop, None, None]]
    ) -> Sequence[Motion]:
        """From the crops, several at once; the motions are kept packed."""
        motions = PackedMotions()
        with closing(crops()) as cut:
            for group in groups(cut, self._batch_size):
                for motion in self._motion(group):
                    motions.append(motion)
        return motions

    def read_frame(self, face: Face, size: int, crop: Callable[[], FaceCrop]) -> Motion:
        """From the crop."""
        return self._motion([crop()])[0]


class LandmarkReader:
    """A `MotionReader` of an engine that needs the landmarks alone: that is quick, and nothing is kept."""

    is_steady = True

    def __init__(self, motion: Callable[[Face, int], Motion]) -> None:
        """`motion`: of a face in a picture whose longer side is given, px."""
        self._motion = motion

    def read_clip(
        self, faces: Sequence[Face], size: int, crops: Callable[[], Generator[FaceCrop, None, None]]
    ) -> Sequence[Motion]:
        """Motions that are computed each time they are asked for."""
        return Computed(lambda place: self._motion(faces[place], size), len(faces))

    def read_frame(self, face: Face, size: int, crop: Callable[[], FaceCrop]) -> Motion:
        """From the landmarks in the whole picture."""
        return self._motion(face, size)


class Engine(Protocol):
    """What computes motion and pictures."""

    name: str
    """`mesh` or `neural`; stated in templates and results."""
    layout: KeypointLayout
    crop_rule: CropRule
    batch_size: int
    """How many crops or shots the engine takes at once when it is fastest."""
    renders_apart: bool
    """Whether several processes, each with its own engine, are faster than one. This is so where one engine leaves
    cores or a device idle, and where what it remembers of a face can be sent to another process."""

    refine: Refine | None
    """The engine's own landmark network; crops and ratios are then made from its points. None: the engine has none."""
    notices: tuple[str, ...]
    """What the user should know about the engine, one line each. Every result states these lines."""

    @property
    def reader(self) -> MotionReader:
        """Measures the motion of a driving whose faces were found before."""
        ...

    def motion(self, crops: Sequence[FaceCrop]) -> list[Motion]:
        """One motion a crop."""
        ...

    def remember(self, crop: FaceCrop, so_far: Memory | None) -> Memory | None:
        """What the engine knows of a face after one more frame. It is shown all frames in order before one is
        rendered."""
        ...

    def appearance(self, crop: FaceCrop, earlier: Appearance | None = None, memory: Memory | None = None) -> Appearance:
        """What the engine must know of a source face to render it; computed once.

        `earlier`: that of the same face in the frame before, where the source is a clip; `memory`: of all its
        frames, as `remember` left it.
        """
        ...

    def remarks(self, appearance: Appearance) -> tuple[str, ...]:
        """What the user should know about how this face will be drawn, one line each."""
        ...

    def stitch(self, x_s: Floats, x_d: Floats) -> Floats:
        """x_d (K, 3) changed so that shoulders and border stay where they are (S of SPEC §5)."""
        ...

    def open_eyes(self, x_s: Floats, ratios: Ratios, target: float) -> Floats:
        """(K, 3) offsets that bring the eyes from `ratios` to the openness `target`."""
        ...

    def open_lips(self, x_s: Floats, ratio: float, target: float) -> Floats:
        """(K, 3) offsets that bring the lips from `ratio` to the openness `target`."""
        ...

    def expression(self, edit: FaceEdit, source: Motion) -> Floats:
        """(K, 3) change of the expression for the sliders of an edit (SPEC §10)."""
        ...

    def render(self, shots: Sequence[Shot]) -> list[Image]:
        """One (S, S, 3) picture a shot, S as the engine gives it (its crop's side, or 512).

        (S, S, 4) where the source's crop has alpha and the engine moves it with the person.
        """
        ...

    def paint(self, canvases: Sequence[Canvas]) -> list[Image]:
        """One (H, W, 3) picture a canvas: its shots rendered and pasted back in their order (SPEC §6).

        (H, W, 4) where the canvas has alpha and the engine moves it with the person.

        The frame itself where no face comes into it; frames are not changed.
        """
        ...
