"""What finding and following a face costs on one core, with each runtime, and how still a still face stays.

Times are the best of several, so that other work on the machine does not enter. The still clip is a picture
with fresh sensor noise in every frame (standard deviation 4 of 255).
Run: python benchmarks/faces.py [--portrait FILE] [--driving FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from openportrait.faces import FaceFinder, FaceNetworks, LiveTracker, track
from openportrait.faces.follow import Follower
from openportrait.faces.runtime import Runtime
from openportrait.media import open_clip, read_image
from openportrait.records import Face, Frame, Image

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
RATE = Fraction(25)
RUNTIMES: tuple[Runtime, ...] = ("opencv", "litert")
_REPEATS, _STILL_FRAMES, _CLIP_FRAMES = 15, 60, 100
_NOISE = 4.0


def best_ms(job: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Shortest time of a few runs."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def tracked_ms(path: Path, finder: FaceFinder) -> float:
    """Median over the frames of a clip in which the face is followed, without decoding."""
    runs = []
    for _ in range(3):
        follower = Follower(finder, "largest", "--face")
        times = []
        with open_clip(path) as clip:
            for frame in islice(clip, _CLIP_FRAMES):
                start = time.perf_counter()
                follower.step(frame.image, float(frame.pts_seconds))
                times.append(time.perf_counter() - start)
        runs.append(times[1:])
    return 1000 * float(np.median(np.min(runs, 0)))


def small_in_large(portrait: Image, finder: FaceFinder) -> Image:
    """A face 40 px wide in a grey picture of 4000 × 3000."""
    face = finder.find(portrait)[0]
    left, _, right, _ = face.box
    scale = 40 / (right - left)
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((3000, 4000, 3), 120, np.uint8)
    canvas[2000 : 2000 + small.shape[0], 3000 : 3000 + small.shape[1]] = small
    return canvas


def noisy(portrait: Image) -> Iterator[Frame]:
    """The still clip."""
    noise = np.random.default_rng(0)
    for index in range(_STILL_FRAMES):
        image = np.clip(portrait + noise.normal(0, _NOISE, portrait.shape), 0, 255).astype(np.uint8)
        yield Frame(image, index, index / RATE)


def tremor(faces: list[Face]) -> float:
    """Standard deviation of the landmarks' places over time, px."""
    places = np.array([face.landmarks[:468, :2] for face in faces])
    return float(np.sqrt((places.std(0) ** 2).sum(-1).mean()))


def tremors(portrait: Image, finder: FaceFinder) -> dict[str, float]:
    """Tremor of the raw landmarks and after each way of smoothing, px."""
    follower = Follower(finder, "largest", "--face")
    raw = [
        face for frame in noisy(portrait) for face in follower.step(frame.image, float(frame.pts_seconds))[0] if face
    ]
    offline = track(
        noisy(portrait), finder, "largest", rate=RATE, bridge_seconds=1, where="still clip", option="--face"
    )[0].faces
    tracker = LiveTracker(finder, "largest")
    live = [tracker.update(frame.image, float(frame.pts_seconds)) for frame in noisy(portrait)]
    return {
        "as measured": tremor(raw),
        "smoothed": tremor([face for face in offline if face]),
        "smoothed live": tremor([face.calm for face in live[10:] if face]),
    }


def times(portrait: Image, driving: Path, finder: FaceFinder) -> dict[str, float]:
    """What each task takes, ms."""
    face = finder.find(portrait)[0]
    large = small_in_large(portrait, finder)
    return {
        "find in the portrait": best_ms(lambda: finder.find(portrait)),
        "find a 40 px face in 4000 x 3000": best_ms(lambda: finder.find(large), repeats=2),
        "find nothing in 1920 x 1080": best_ms(lambda: finder.find(large[:1080, :1920]), repeats=2),
        "landmarks from the last frame's": best_ms(lambda: finder.follow(portrait, face)),
        "check by the detector": best_ms(lambda: finder.confirm(portrait, face)),
        "tracked frame of the clip (median)": tracked_ms(driving, finder),
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portrait", type=Path, default=EXAMPLES / "source" / "officer.jpg")
    parser.add_argument("--driving", type=Path, default=EXAMPLES / "driving" / "talk.mp4")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    portrait = read_image(given.portrait).image
    columns = [times(portrait, given.driving, FaceFinder(networks=FaceNetworks(runtime))) for runtime in RUNTIMES]
    print(f"{'ms, one core':40}" + "".join(f"{runtime:>10}" for runtime in RUNTIMES))
    for name in columns[0]:
        print(f"{name:40}" + "".join(f"{column[name]:10.1f}" for column in columns))
    print()
    print(f"{'tremor of a still face, px':40}")
    for name, value in tremors(portrait, FaceFinder()).items():
        print(f"{name:40}{value:10.2f}")


if __name__ == "__main__":
    main()
