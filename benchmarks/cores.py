"""A whole job on one core and on all of them, in turn: `python -m benchmarks.cores [FRAMES ROUNDS]`.

The bundled portrait by the bundled 512² clip, forth and back until it has 1,000 frames. Other work on the machine slows
both: the last column says what of the cores' time a job got, and the ceiling what as many jobs on a core each, at the
same time, finish for each one that runs alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from openportrait.media import open_clip, open_writer

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
LIMIT = 1.8
"""On two cores."""
JOB = """
import json, os, resource, sys, time
os.sched_setaffinity(0, json.loads(sys.argv[1]))
began = time.monotonic()
import openportrait
result = openportrait.animate(*sys.argv[2:5], engine="mesh")
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
seconds = sum(one.ru_utime + one.ru_stime for one in used)
print(json.dumps([time.monotonic() - began, seconds, [one.ru_maxrss // 1024 for one in used]]))
"""


def make_clip(path: Path, frames: int) -> None:
    """The bundled clip, forth and back."""
    with open_clip(EXAMPLES / "driving" / "talk.mp4") as clip:
        images = [frame.image for frame in clip]
    there_and_back = images + images[::-1]
    with open_writer(path, rate=Fraction(25)) as writer:
        for place in range(frames):
            writer.write(there_and_back[place % len(there_and_back)])


class Bench:
    """Jobs in processes of their own, each held to some cores."""

    def __init__(self, folder: Path, driving: Path) -> None:
        self._folder = folder
        self._driving = driving
        self._numbers = count()

    def start(self, cores: list[int]) -> subprocess.Popen[str]:
        paths = EXAMPLES / "source" / "officer.jpg", self._driving, self._folder / f"{next(self._numbers)}.mp4"
        command = [sys.executable, "-c", JOB, json.dumps(cores), *map(str, paths)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def run(self, cores: list[int]) -> tuple[float, float, list[int]]:
        """Seconds by the clock and of processors, and the largest MB of the job's process and of one that it began."""
        output = self.start(cores).communicate()[0]
        wall, used, peaks = json.loads(output)
        return wall, used, peaks

    def ceiling(self, cores: list[int], alone: float) -> float:
        """How many times the work of one core all of them do, where they share nothing but memory and caches."""
        began = time.monotonic()
        for job in [self.start([core]) for core in cores]:
            job.communicate()
        return len(cores) * alone / (time.monotonic() - began)


def main() -> int:
    frames, rounds = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (1000, 3)
    cores = sorted(os.sched_getaffinity(0))
    table = Table("round", "cores", "s", "frames/s", "processor s", "peak MB", "MB of a worker", "of its cores, got")
    ratios, ceilings = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "driving.mp4", frames)
        bench = Bench(folder, folder / "driving.mp4")
        for turn in range(rounds):
            walls = []
            for held in (cores[:1], cores):
                wall, used, (peak, worker) = bench.run(held)
                walls.append(wall)
                share = f"{used / wall / len(held):.0%}"
                row = (turn + 1, len(held), f"{wall:.1f}", f"{frames / wall:.1f}", f"{used:.1f}", peak, worker, share)
                table.add_row(*map(str, row))
            ratios.append(walls[0] / walls[1])
            ceilings.append(bench.ceiling(cores, walls[0]))
    console = Console()
    console.print(table)
    console.print(f"ceiling, by round: {', '.join(f'{one:.2f}' for one in ceilings)}")
    met = max(ratios) >= LIMIT
    console.print(
        f"{len(cores)} cores over one, by round: {', '.join(f'{one:.2f}' for one in ratios)}; "
        f"limit on two {LIMIT}: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
