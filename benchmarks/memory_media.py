"""Peak memory and speed of reading and writing, for a short and a long clip: `python benchmarks/memory_media.py`.

Each case runs in a process of its own, as the peak of a process never falls. The clip is made here:
a 512 × 512 gradient that drifts, with noise on it.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from openportrait.media import Sound, open_clip, open_writer

SIDE = 512
RATE = Fraction(25)
SHORT_SECONDS, LONG_SECONDS = 20, 300
SUFFIXES = (".mp4", ".webm", ".gif", ".webp")


def make(path: Path, seconds: int) -> None:
    noise = np.random.default_rng(0).integers(0, 12, (SIDE, SIDE, 3), np.uint8)
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE))[..., None] // 5
    with open_writer(path, rate=RATE) as writer:
        for index in range(int(seconds * RATE)):
            writer.write(((ramp + index) % 240).astype(np.uint8) + np.roll(noise, index, 1))


def copy(source: Path, target: Path) -> tuple[int, float, float, float]:
    """Frames, wall seconds, processor seconds and peak MB of reading `source` and writing `target`."""
    begin, busy = time.perf_counter(), time.process_time()
    with open_clip(source) as clip, open_writer(target, rate=RATE, sound=[Sound(source)]) as writer:
        for frame in clip:
            writer.write(frame.image)
    wall, busy = time.perf_counter() - begin, time.process_time() - busy
    return writer.frames, wall, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    print(f"{'output':8} {'clip s':>7} {'frames/s':>9} {'ms of one core a frame':>23} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (SHORT_SECONDS, LONG_SECONDS):
            make(Path(folder) / f"{seconds}.mp4", seconds)
        for suffix in SUFFIXES:
            for seconds in (SHORT_SECONDS, LONG_SECONDS):
                case = (Path(folder) / f"{seconds}.mp4", Path(folder) / f"out{suffix}")
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    frames, wall, busy, peak = pool.apply(copy, case)
                print(f"{suffix:8} {seconds:7} {frames / wall:9.0f} {busy / frames * 1000:23.1f} {peak:8.0f}")


if __name__ == "__main__":
    main()
