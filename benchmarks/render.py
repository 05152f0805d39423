"""Pictures a second of the mesh engine's renderer on one core, by side of the face crop.

A picture moves everything: head, expression, gaze, and a mouth borrowed from the driver. Each shot is drawn a
few times and counts with its best time, so that other work on the machine does not enter.
Run: python benchmarks/render.py [--portrait FILE] [--driving FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from openportrait.engines import load
from openportrait.engines.base import Engine, Shot
from openportrait.faces import FaceFinder, crop_face, whole_crop
from openportrait.media import open_clip, read_image
from openportrait.motion import ClipTransfer
from openportrait.options import EngineOptions, MotionOptions
from openportrait.records import CropRule, Face, FaceCrop

SHARED = Path(__file__).parents[2] / "shared/examples"
GOALS = {512: 120.0, 1024: 75.0}
"""Side of the crop in px → pictures a second."""
_SHOTS, _REPEATS = 20, 5


def sized(crop: FaceCrop, size: int) -> FaceCrop:
    """The same crop enlarged or reduced."""
    return whole_crop(crop.image, crop.face, size)


def driving_crops(path: Path, finder: FaceFinder) -> list[FaceCrop]:
    """Some faces of a clip of square frames, evenly spread."""
    crops: list[FaceCrop] = []
    face: Face | None = None
    with open_clip(path) as clip:
        step = max((clip.info.frames or _SHOTS) // _SHOTS, 1)
        for frame in clip:
            face = (finder.follow(frame.image, face) if face else None) or finder.find(frame.image)[0]
            if frame.index % step == 0:
                crops.append(FaceCrop(frame.image, face, np.eye(3)))
    return crops


def seconds(engine: Engine, shots: list[Shot]) -> float:
    """Mean time of a picture."""
    best = [float("inf")] * len(shots)
    for _ in range(_REPEATS):
        for i, shot in enumerate(shots):
            start = time.perf_counter()
            engine.render([shot])
            best[i] = min(best[i], time.perf_counter() - start)
    return float(np.mean(best))


def main() -> int:
    """Print the table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portrait", type=Path, default=SHARED / "source/s2.jpg")
    parser.add_argument("--driving", type=Path, default=SHARED / "driving/d0.mp4")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    engine, finder = load(EngineOptions(engine="mesh")), FaceFinder()
    drivings = driving_crops(wanted.driving, finder)
    portrait = read_image(wanted.portrait).image
    rule = CropRule(size=max(GOALS), rotate=False, native=True)
    crop = crop_face(portrait, finder.find(portrait)[0], scale=2.3, shift_x=0, shift_y=-0.125, rule=rule)
    print(f"{'side':>6}{'set-up ms':>11}{'picture ms':>12}{'a second':>10}{'goal':>7}")
    passed = True
    for size, goal in GOALS.items():
        source = sized(crop, size)
        start = time.perf_counter()
        appearance = engine.appearance(source)
        set_up = time.perf_counter() - start
        transfer = ClipTransfer(engine.layout, engine.motion([source]), engine.motion(drivings), MotionOptions())
        shots = [
            Shot(appearance, x_s := transfer.x_source(i), engine.stitch(x_s, transfer.x_driven(i)), driver)
            for i, driver in enumerate(drivings)
        ]
        spent = seconds(engine, shots)
        print(
            f"{size:6}{set_up * 1e3:11.1f}{spent * 1e3:12.2f}{1 / spent:10.0f}{goal:7.0f}"
            f"   {'pass' if 1 / spent >= goal else 'FAIL'}"
        )
        passed &= 1 / spent >= goal
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
