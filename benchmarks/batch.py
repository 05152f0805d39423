"""Jobs a minute of a batch with one worker and with two: `python -m benchmarks.batch`.

Twelve jobs: two portraits by six drivings of 25 frames each, cut from the bundled clip and 320 px wide; a worker's
start is within the time. Rounds alternate, since other work on the machine slows them; the best of each counts.
"""

from __future__ import annotations

import resource
import tempfile
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path

import openportrait
from openportrait.media import open_clip, open_writer

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
SOURCES = sorted((EXAMPLES / "source").glob("*.jpg"))
DRIVINGS, FRAMES, WIDTH, ROUNDS = 6, 25, 320, 3


def cut_drivings(folder: Path) -> list[Path]:
    """Clips of a second, one behind the other in the bundled clip."""
    paths = [folder / f"{number}.mp4" for number in range(DRIVINGS)]
    with open_clip(EXAMPLES / "driving" / "talk.mp4", max_size=WIDTH) as clip:
        frames = iter(clip)
        for path in paths:
            with open_writer(path, rate=Fraction(25)) as writer:
                for frame in islice(frames, FRAMES):
                    writer.write(frame.image)
    return paths


def seconds_of(jobs: list[openportrait.BatchJob], folder: Path, workers: int) -> tuple[float, float]:
    """Wall time of all jobs, and what their workers took of a core: the latter is hardly changed by other work."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for outcome in openportrait.batch(jobs, output=folder / str(workers), workers=workers, max_size=512):
        assert outcome.error is None, outcome.error
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, used


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drivings = cut_drivings(folder)
        jobs = [openportrait.BatchJob(source, driving) for source in SOURCES for driving in drivings]
        rounds = [(seconds_of(jobs, folder, 1), seconds_of(jobs, folder, 2)) for _ in range(ROUNDS)]
    for workers, times in enumerate(zip(*rounds, strict=True), 1):
        wall, used = (min(values) for values in zip(*times, strict=True))
        paces = f"{60 * len(jobs) / wall:.0f} jobs a minute; {used:.1f} s of a core"
        print(f"{workers} workers: {len(jobs)} jobs in {wall:.1f} s, {paces}")
    print(f"two over one, by round: {', '.join(f'{one / two:.2f}' for (one, _), (two, _) in rounds)}")


if __name__ == "__main__":
    main()
