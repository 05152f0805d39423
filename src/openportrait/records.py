"""The records of the pipeline: frozen, with the shape and unit of every field.

Pictures are RGB, uint8, row 0 at the top. Points are row vectors, x to the right, y down,
z away from the viewer. The centre of the top left pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openportrait.options import FaceEdit as FaceEdit

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

MediaKind = Literal["image", "video"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture of a clip (or a still image: frame 0)."""

    image: Image
    """(H, W, 3) RGB uint8, rotated upright, square pixels."""
    index: int = 0
    """Number of the frame in the clip's constant-rate sequence, from 0."""
    pts_seconds: Fraction = Fraction(0)
    """Exact time since the start of the clip."""
    alpha: Image | None = None
    """(H, W) uint8, 255 opaque; None where the file has no alpha channel."""

    @property
    def pixels(self) -> Image:
        """(H, W, 3), or (H, W, 4) with alpha."""
        return self.image if self.alpha is None else np.dstack([self.image, self.alpha])


@dataclass(frozen=True)
class MediaInfo:
    """The properties of a picture or clip as the reader delivers it."""

    path: Path
    kind: MediaKind
    width: int
    """Pixels, upright, after sample aspect ratio and rotation."""
    height: int
    rate: Fraction | None = None
    """Frames a second, exact; None for a still image."""
    frames: int | None = None
    """Number of frames; an estimate from the header, None where unknown; 1 for an image."""
    duration_seconds: float | None = None
    has_audio: bool = False
    has_alpha: bool = False
    container: str = ""
    """FFmpeg's or Pillow's name of the format."""
    codec: str = ""
    variable_rate: bool = False


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one picture."""

    landmarks: Floats
    """(478, 3) px of the picture; z in px too, smaller is nearer to the viewer."""
    score: float = 1.0
    """0..1, the landmark network's confidence."""
    refined: Floats | None = None
    """(203, 2) px: the points of the published landmark network, where it ran; crops and ratios prefer them."""

    @property
    def points(self) -> Floats:
        """(478, 3), or (681, 3) with the refined points behind, their z 0: all that moves with the face."""
        if self.refined is None:
            return self.landmarks
        return np.vstack([self.landmarks, np.pad(self.refined, ((0, 0), (0, 1)))])

    def with_points(self, points: Floats, score: float) -> Face:
        """The same kind of face with other `points`."""
        count = len(self.landmarks)
        return Face(points[:count], score, None if self.refined is None else points[count:, :2])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) px of the landmarks."""
        low, high = self.landmarks[:468, :2].min(0), self.landmarks[:468, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def size(self) -> float:
        """Longer side of the box, px."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    def moved(self, matrix: Floats, depth_scale: float = 1.0) -> Face:
        """The same face after a (3, 3) affine map of the picture; z is multiplied by `depth_scale`."""
        points = self.points.copy()
        points[:, :2] = points[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]
        points[:, 2] *= depth_scale
        return self.with_points(points, self.score)


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A square cut around a face, and the way back."""

    image: Image
    """(S, S, 3) RGB uint8; a whole picture taken as it is need not be square."""
    face: Face
    """Landmarks in px of the crop."""
    image_from_crop: Floats
    """(3, 3): `image_from_crop @ (x, y, 1)` maps a crop px to the px of the whole picture."""

    alpha: Image | None = None
    """(S, S) of a picture that has one."""

    @property
    def pixels(self) -> Image:
        """(S, S, 3), or (S, S, 4) with alpha."""
        return self.image if self.alpha is None else np.dstack([self.image, self.alpha])

    @property
    def crop_from_image(self) -> Floats:
        """(3, 3), the inverse map."""
        return np.asarray(np.linalg.inv(self.image_from_crop), np.float64)

    @property
    def size(self) -> int:
        """S, px; the longer side of a whole picture."""
        return int(max(self.image.shape[:2]))

    @classmethod
    def whole(cls, image: Image, face: Face) -> FaceCrop:
        """A picture as it is, whatever its shape."""
        return cls(image, face, np.eye(3))


@dataclass(frozen=True)
class CropRule:
    """How an engine wants a source face to be cut."""

    size: int
    """Side of the crop in px; the upper limit where `native`."""
    rotate: bool
    """Turn the face upright."""
    native: bool
    """Whole pixels of the picture, unscaled while the face fits into `size`."""


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion of one face: x = s·(kp @ R + exp) + t (SPEC §3), K keypoints.

    In layouts whose expression lives in the head's frame: x = s·((kp + exp) @ R) + t.
    """

    rotation: Floats
    """(3, 3) R, applied from the right to row vectors."""
    expression: Floats
    """(K, 3) exp (δ), canonical units."""
    scale: float
    """s, crop units (−1..1 across the crop) per canonical unit."""
    translation: Floats
    """(3,) t, crop units; z is 0 where keypoints are made."""
    canonical: Floats
    """(K, 3) kp (x_c), canonical units."""


@dataclass(frozen=True)
class Ratios:
    """How open eyes and lips are (SPEC §2)."""

    eye_left: float
    """Height over width of the eye on the picture's left."""
    eye_right: float
    lip: float
    """Inner lip height over lip width."""

    @property
    def eyes(self) -> float:
        """The mean of both eyes."""
        return (self.eye_left + self.eye_right) / 2


@dataclass(frozen=True, eq=False)
class Template:
    """The motion of a driving clip without its pixels."""

    motions: Sequence[Motion]
    """A tuple, or packed (`openportrait.motion.PackedMotions`) where a clip is long."""
    ratios: tuple[Ratios, ...]
    """One for each motion; empty where an old file has none."""
    rate: Fraction
    layout: str
    """Name of the keypoint layout, e.g. `liveportrait-21`."""
    engine: str
    """Name of the engine that made it."""


@dataclass(frozen=True)
class Progress:
    """The progress of a job; given to the caller's callback."""

    stage: Literal["analyse", "render"]
    done: int
    """Frames of this stage that are finished."""
    total: int | None
    """Frames of this stage; None where not yet known."""
    frame: Image | None = None
    """The newest finished picture of the render stage, (H, W, 3)."""

    @property
    def title(self) -> str:
        """The name of the stage in words."""
        return {"analyse": "Reading the motion", "render": "Animating"}[self.stage]


@dataclass(frozen=True)
class Result:
    """What a finished job made."""

    path: Path
    """The file; without an output a temporary one of the exact pictures, which is gone with this record."""
    frames: int
    rate: Fraction | None
    """Frames a second; None for a still image."""
    seconds: float
    """Wall time of the job."""
    engine: str
    faces: int
    """How many faces were animated."""
    warnings: tuple[str, ...] = ()
    side_by_side: Path | None = None
    template: Path | None = None
    keeper: object = field(default=None, repr=False, compare=False)
    """What a temporary file is gone with; None for one that stays."""

    @property
    def image(self) -> Image:
        """The picture, or the first one of a clip, read from the file: (H, W, 3), with transparency (H, W, 4)."""
        with closing(self.pictures()) as pictures:
            return next(pictures)

    def pictures(self) -> Generator[Image, None, None]:
        """All pictures in their order, read from the file one by one: a clip is never held in memory."""
        from openportrait.media import open_clip

        with open_clip(self.path) as clip:
            for frame in clip:
                yield frame.pixels

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the rate as 'numerator/denominator'."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "rate": str(self.rate) if self.rate is not None else None,
            "seconds": round(self.seconds, 3),
            "engine": self.engine,
            "faces": self.faces,
            "warnings": list(self.warnings),
            "side_by_side": str(self.side_by_side) if self.side_by_side else None,
            "template": str(self.template) if self.template else None,
        }

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from openportrait.notebook import result_html

        return result_html(self)
