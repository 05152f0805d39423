"""How good the mesh engine's pictures are, in two tables; run as `python -m benchmarks.quality`.

Self: the first frame of a clip is driven by the clip and compared with it, also where the driver's own mouth, which
the engine may borrow, is masked out. Cross: portraits of other people, drivers in their own and in other light; how
the mouth's inside looks. `still` is the first frame itself, which every picture must beat.
Options: `--clips FOLDER --names d0 d3`, `--sources FILE...`, `--only self|cross`, `--varied`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from benchmarks import measures
from benchmarks.measures import SKIN, Eye

from openportrait.faces import FaceFinder
from openportrait.media import open_clip, open_writer, write_image
from openportrait.pipeline import stream
from openportrait.records import Face, Floats, Image

SHARED = Path(__file__).parents[2] / "shared/examples"
EXAMPLES = Path(__file__).parents[1] / "assets/examples"
CLIPS = SHARED / "driving"
NAMES = ("d0", "d3", "d13", "d18", "d19")
SOURCES = (
    *(SHARED / "source" / name for name in ("s0.jpg", "s3.jpg", "s4.jpg", "s9.jpg")),
    EXAMPLES / "source/officer.jpg",
)
"""Closed mouths."""
VIDEO_SOURCES = tuple(SHARED / "source" / name for name in ("s13.mp4", "s20.mp4"))
LANDMARKS, ALIGNED = 0.20, 0.20
"""Of the still frame's distance: as they are, and without shift, size and roll."""
JITTER, GLOW, BRIGHTEST, FLICKER = 1.0, 0.05, 1.05, 1.2
TOOTH_WIDTH = 1.15
"""Or its inverse: width of the teeth over the driver's, in units of the head."""
_LIKE = 0.5
"""A correlation: teeth that are less alike are not compared in width."""
_PICTURES_EVERY = 5


@dataclass(frozen=True)
class SelfScore:
    """One clip by itself."""

    name: str
    landmarks: float
    """Over the still's, as is the next."""
    aligned: float
    psnr: float
    """dB over the still's, with the inner mouth masked, as is the next."""
    ssim: float
    jitter: float
    """Of the driving's own."""

    @property
    def passed(self) -> bool:
        """Whether every goal is reached."""
        close = self.landmarks <= LANDMARKS and self.aligned <= ALIGNED
        return close and self.psnr > 0 and self.ssim > 0 and self.jitter <= JITTER

    def row(self) -> str:
        """One line of the table."""
        return (
            f"{self.name:14}{self.landmarks:9.3f}{self.aligned:9.3f}{self.psnr:+9.2f}{self.ssim:+9.3f}"
            f"{self.jitter:9.2f}   {'pass' if self.passed else 'FAIL'}"
        )


SELF_HEADER = (
    f"{'self':14}{'landmark':>9}{'aligned':>9}{'PSNR':>9}{'SSIM':>9}{'jitter':>9}\n"
    f"{'':14}{f'≤{LANDMARKS:g}':>9}{f'≤{ALIGNED:g}':>9}{'>0':>9}{'>0':>9}{f'≤{JITTER:g}':>9}"
)


@dataclass(frozen=True)
class CrossScore:
    """One source by one driving; NaN where there was nothing to judge."""

    name: str
    glow: float
    brightest: float
    tooth_width: float
    """Over the driver's, in units of the head."""
    likeness: float
    """Correlation of the teeth compared."""
    flicker: float
    """Second difference of the mouth's box over the driving's, or the source's own where that is larger."""

    @property
    def passed(self) -> bool:
        """Whether no goal is missed."""
        wrong_teeth = self.likeness >= _LIKE and not 1 / TOOTH_WIDTH <= self.tooth_width <= TOOTH_WIDTH
        return not (self.glow > GLOW or self.brightest > BRIGHTEST or self.flicker > FLICKER or wrong_teeth)

    def row(self) -> str:
        """One line of the table."""
        return (
            f"{self.name:26}{self.glow:8.2f}{self.brightest:10.2f}{self.tooth_width:8.2f}{self.likeness:8.2f}"
            f"{self.flicker:9.2f}   {'pass' if self.passed else 'FAIL'}"
        )


CROSS_HEADER = (
    f"{'cross':26}{'glow':>8}{'brightest':>10}{'tooth':>8}{'alike':>8}{'flicker':>9}\n"
    f"{'':26}{f'≤{GLOW:g}':>8}{f'≤{BRIGHTEST:g}':>10}{f'±{TOOTH_WIDTH - 1:.0%}':>8}{'':>8}{f'≤{FLICKER:g}':>9}"
)


def measure_self(clip: Path) -> SelfScore:
    """Reenact a clip by itself."""
    finder = FaceFinder()
    with open_clip(clip) as frames:
        first = next(iter(frames))
    start = finder.find(first.image)[0]
    of_result, of_driving = Eye(finder, start), Eye(finder, start)
    result_track: list[Floats] = []
    driving_track: list[Floats] = []
    pictures: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "first.png"
        write_image(source, first.image)
        with stream(source, clip, engine="mesh") as job:
            for picture in job:
                assert picture.driving is not None
                wanted, found = of_driving(picture.driving), of_result(picture.image)
                result_track.append(found.landmarks[SKIN, :2])
                driving_track.append(wanted.landmarks[SKIN, :2])
                if picture.index % _PICTURES_EVERY == 0 and picture.index:
                    pictures.append(_gain(picture.image, picture.source, picture.driving, [wanted, found, start]))
    result, driving = np.array(result_track), np.array(driving_track)
    still = np.broadcast_to(driving[0], driving.shape)
    psnr, ssim = np.mean(pictures, 0)
    return SelfScore(
        name=clip.stem,
        landmarks=measures.distance(result, driving) / measures.distance(still, driving),
        aligned=measures.distance(measures.aligned(result, driving), driving)
        / measures.distance(measures.aligned(still, driving), driving),
        psnr=float(psnr),
        ssim=float(ssim),
        jitter=measures.jitter(result) / measures.jitter(driving),
    )


def _gain(image: Image, still: Image, wanted: Image, faces: list[Face]) -> tuple[float, float]:
    """PSNR and SSIM of a picture over those of the still one, in the box of the wanted face, mouths left out."""
    part = _box(faces[0], wanted)
    where = measures.outside_mouth(faces, part, wanted.shape[:2])
    psnr, ssim = (
        compare(image[part], wanted[part], where) - compare(still[part], wanted[part], where)
        for compare in (measures.psnr, measures.ssim)
    )
    return psnr, ssim


def _box(face: Face, picture: Image) -> tuple[slice, slice]:
    """Rows and columns of a face, inside the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(value) for value in face.box)
    return slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))


@dataclass
class _Mouths:
    """What was seen of the mouths of one job."""

    glow: list[float] = field(default_factory=list)
    brightest: list[float] = field(default_factory=list)
    teeth: list[tuple[Floats, Floats]] = field(default_factory=list)
    boxes: list[list[Floats]] = field(default_factory=list)

    def look(self, images: Sequence[Image], faces: Sequence[Face]) -> None:
        """One picture of the result, the driving and the source, with the face in each."""
        self.boxes.append([measures.mouth_box(*shown) for shown in zip(images, faces, strict=True)])
        (image, driving, _), (found, wanted, _) = images, faces
        colours = measures.inside(image, found)
        if min(measures.openness(found), measures.openness(wanted)) < measures.OPEN or not len(colours):
            return
        self.glow.append(measures.glow(colours))
        self.brightest.append(measures.brightest(image, found, colours))
        strips = measures.teeth_strip(image, found), measures.teeth_strip(driving, wanted)
        if strips[0] is not None and strips[1] is not None:
            self.teeth.append((strips[0], strips[1]))

    def score(self, name: str) -> CrossScore:
        """All of it in five numbers."""
        width, likeness = measures.tooth_scale(*zip(*self.teeth, strict=True)) if self.teeth else (np.nan, np.nan)
        of_result, of_driving, of_source = np.abs(np.diff(np.array(self.boxes), 2, axis=0)).mean((0, 2, 3))
        return CrossScore(
            name=name,
            glow=float(np.mean(self.glow)) if self.glow else np.nan,
            brightest=float(np.percentile(self.brightest, 90)) if self.brightest else np.nan,
            tooth_width=width,
            likeness=likeness,
            flicker=float(of_result / max(of_driving, of_source)),
        )


def measure_cross(source: Path, driving: Path, region: str) -> CrossScore:
    """Drive a source by another face."""
    finder, seen = FaceFinder(), _Mouths()
    eyes: list[Eye] = []
    with stream(source, driving, engine="mesh", region=region) as job:
        for picture in job:
            assert picture.driving is not None
            images = (picture.image, picture.driving, picture.source)
            eyes = eyes or [Eye(finder, finder.find(image)[0]) for image in images]
            seen.look(images, [eye(image) for eye, image in zip(eyes, images, strict=True)])
    return seen.score(f"{source.stem} × {driving.stem} {region}")


def _tinted(red: float, green: float, blue: float) -> Callable[[Image], Image]:
    table = np.clip(np.arange(256)[:, None] * (red, green, blue) + 0.5, 0, 255).astype(np.uint8)

    def change(image: Image) -> Image:
        return np.stack([table[image[..., channel], channel] for channel in range(3)], -1)

    return change


def _small(image: Image) -> Image:
    height = 240
    width = round(image.shape[1] * height / image.shape[0] / 2) * 2
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


VARIATIONS: Mapping[str, Callable[[Image], Image]] = {
    "warm": _tinted(1.12, 0.92, 0.68),
    "cold": _tinted(0.85, 0.98, 1.2),
    "bright": _tinted(1.41, 1.41, 1.41),
    "dark": _tinted(0.5, 0.5, 0.5),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "small": _small,
    "slow": lambda image: image,
}
"""Changes of a driving, on its 8-bit values: the light's colour, an exposure half a stop up or a stop down, ...

`slow` leaves out every other frame.
"""


def varied(clip: Path, name: str, folder: Path) -> Path:
    """The clip changed as the variation `name` says, in a folder."""
    path, step = folder / f"{clip.stem}-{name}.mp4", 2 if name == "slow" else 1
    with open_clip(clip) as frames:
        rate = (frames.info.rate or Fraction(25)) / step
        with open_writer(path, rate=rate, quality=95) as writer:
            for frame in frames:
                if frame.index % step == 0:
                    writer.write(VARIATIONS[name](frame.image))
    return path


def _clips(wanted: argparse.Namespace, folder: Path) -> Iterator[Path]:
    for name in wanted.names:
        clip = wanted.clips / f"{name}.mp4"
        yield clip
        if wanted.varied:
            yield from (varied(clip, variation, folder) for variation in VARIATIONS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--sources", type=Path, nargs="+", default=SOURCES)
    parser.add_argument("--video-sources", type=Path, nargs="*", default=VIDEO_SOURCES)
    parser.add_argument("--only", choices=("self", "cross"))
    parser.add_argument("--varied", action="store_true", help="also each clip in other light, size, rate, mirrored")
    return parser.parse_args()


def main() -> int:
    """Print the tables; 1 where a goal is missed."""
    wanted = _arguments()
    cv2.setNumThreads(1)
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        clips = list(_clips(wanted, Path(folder)))
        if wanted.only != "cross":
            print(SELF_HEADER)
            for clip in clips:
                score = measure_self(clip)
                print(score.row(), flush=True)
                passed &= score.passed
        if wanted.only != "self":
            print(CROSS_HEADER)
            warm = [varied(clip, "warm", Path(folder)) for clip in clips] if not wanted.varied else []
            still: list[tuple[Path, Path, str]] = [(s, clip, "all") for clip in (*clips, *warm) for s in wanted.sources]
            moving: list[tuple[Path, Path, str]] = [(s, clip, "lip") for clip in clips for s in wanted.video_sources]
            for pair in (*still, *moving):
                crossed = measure_cross(*pair)
                print(crossed.row(), flush=True)
                passed &= crossed.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
