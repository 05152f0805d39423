"""Self-reenactment: the first frame of a clip as the source, the clip as the driving; how close is the result?

Landmark distance (over the distance of the eyes' outer corners), PSNR and SSIM in the box of the driving's face,
each also for the still first frame, and the jitter of the result's landmarks over the driving's own.
Run: python benchmarks/quality.py [--clips FOLDER] [--names d0 d3] [--engine mesh]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from openportrait.faces import FaceFinder
from openportrait.media import open_clip, write_image
from openportrait.pipeline import stream
from openportrait.records import Face, Floats, Image

CLIPS = Path(__file__).parents[2] / "shared/examples/driving"
NAMES = ("d0", "d3", "d18", "d19")
LANDMARK_LIMIT = 0.25
"""Of the still frame's landmark distance."""
JITTER_LIMIT = 1.0
"""Of the driving's own."""
_SKIN = slice(0, 468)
_OUTER_CORNERS = (33, 263)
_PICTURES_EVERY = 5


@dataclass(frozen=True)
class Score:
    """One clip."""

    name: str
    landmarks: float
    """Mean distance over the distance of the eyes."""
    landmarks_still: float
    psnr: float
    """dB"""
    psnr_still: float
    ssim: float
    ssim_still: float
    jitter: float
    """Of the driving's own."""

    @property
    def passed(self) -> bool:
        """Whether every goal is reached."""
        close = self.landmarks <= LANDMARK_LIMIT * self.landmarks_still
        return close and self.psnr > self.psnr_still and self.jitter <= JITTER_LIMIT

    def row(self) -> str:
        """One line of the table."""
        return (
            f"{self.name:6}{self.landmarks:9.4f}{self.landmarks_still:8.4f}"
            f"{self.landmarks / self.landmarks_still:7.2f}"
            f"{self.psnr:8.2f}{self.psnr_still:8.2f}{self.psnr - self.psnr_still:+7.2f}"
            f"{self.ssim:8.3f}{self.ssim_still:8.3f}{self.jitter:8.2f}   {'pass' if self.passed else 'FAIL'}"
        )


HEADER = (
    f"{'clip':6}{'landmark':>9}{'still':>8}{'ratio':>7}{'PSNR':>8}{'still':>8}{'gain':>7}"
    f"{'SSIM':>8}{'still':>8}{'jitter':>8}\n"
    f"{'':6}{'':>9}{'':>8}{f'≤{LANDMARK_LIMIT}':>7}{'':>8}{'':>8}{'>0':>7}{'':>8}{'':>8}{f'≤{JITTER_LIMIT:g}':>8}"
)


def psnr(a: Image, b: Image) -> float:
    """dB over all channels."""
    return float(10 * np.log10(255**2 / max(float(np.mean((a.astype(float) - b) ** 2)), 1e-9)))


def ssim(a: Image, b: Image) -> float:
    """Structural similarity of the luma, Gaussian window of 11 px (Wang et al. 2004)."""
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (a, b))

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)

    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    shared = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_x * mean_y + c1) * (2 * shared + c2)
    return float((similar / ((mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2))).mean())


def box(face: Face, picture: Image) -> tuple[slice, slice]:
    """Rows and columns of a face, inside the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(value) for value in face.box)
    return slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))


class Eye:
    """Looks for one face in a picture, from where it was last."""

    def __init__(self, finder: FaceFinder, start: Face) -> None:
        self._finder = finder
        self._face = start

    def __call__(self, image: Image) -> Face:
        self._face = self._finder.follow(image, self._face) or self._face
        return self._face


def jitter(track: Sequence[Floats]) -> float:
    """Mean second difference of a track of landmarks, px."""
    return float(np.linalg.norm(np.diff(np.array(track), 2, axis=0), axis=-1).mean())


def measure(clip: Path, engine: str) -> Score:
    """Reenact a clip by itself."""
    finder = FaceFinder()
    with open_clip(clip) as frames:
        first = next(iter(frames))
    start = finder.find(first.image)[0]
    eyes = float(np.linalg.norm(np.subtract(*start.landmarks[list(_OUTER_CORNERS), :2])))
    of_result, of_driving = Eye(finder, start), Eye(finder, start)
    result_track: list[Floats] = []
    driving_track: list[Floats] = []
    pictures: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "first.png"
        write_image(source, first.image)
        with stream(source, clip, engine=engine) as job:
            for picture in job:
                assert picture.driving is not None
                wanted = of_driving(picture.driving)
                result_track.append(of_result(picture.image).landmarks[_SKIN, :2])
                driving_track.append(wanted.landmarks[_SKIN, :2])
                if picture.index % _PICTURES_EVERY == 0 and picture.index:
                    part = box(wanted, picture.driving)
                    pair = [(image[part], picture.driving[part]) for image in (picture.image, picture.source)]
                    pictures.append((*(psnr(*both) for both in pair), *(ssim(*both) for both in pair)))
    result, driving = np.array(result_track), np.array(driving_track)
    means = np.mean(pictures, 0)
    return Score(
        name=clip.stem,
        landmarks=float(np.linalg.norm(result - driving, axis=-1).mean() / eyes),
        landmarks_still=float(np.linalg.norm(driving[0] - driving, axis=-1).mean() / eyes),
        psnr=float(means[0]),
        psnr_still=float(means[1]),
        ssim=float(means[2]),
        ssim_still=float(means[3]),
        jitter=jitter(result_track) / jitter(driving_track),
    )


def main() -> int:
    """Print the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--engine", default="mesh", choices=("mesh", "neural"))
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    print(HEADER)
    passed = True
    for name in wanted.names:
        score = measure(wanted.clips / f"{name}.mp4", wanted.engine)
        print(score.row(), flush=True)
        passed &= score.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
