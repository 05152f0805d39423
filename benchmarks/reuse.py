"""What analysing once saves, and what a single job costs beside an earlier version, in processor time.

Run `python benchmarks/reuse.py [EARLIER]`; EARLIER is a checkout of another commit, whose single jobs are run in turn
with this one's, each in a process of its own. A limit holds for those alone. Processor time is that of all threads:
other work on the machine changes it little, and what is waited for is not in it, so the clock's is shown, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

import openportrait
from openportrait import Animator, FaceEdit

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "assets" / "examples"
PORTRAIT = EXAMPLES / "source" / "officer.jpg"
CLIP, PICTURE = EXAMPLES / "driving" / "talk.mp4", EXAMPLES / "driving" / "surprise.jpg"
TURNS = 5
SLOWER_LIMIT = 1.03
"""A single job may take so many times as long as before: the median over turns of the ratio of neighbours."""
ONE_JOB = """
import sys, tempfile, time
from pathlib import Path
import openportrait
source, clip = sys.argv[1:]
with openportrait.stream(source, clip, engine="mesh") as job:
    pictures = iter(job)
    next(pictures)  # what is loaded and computed once
    start = time.process_time(), time.perf_counter()
    for _ in pictures:
        pass
    print(time.process_time() - start[0], time.perf_counter() - start[1])
with tempfile.TemporaryDirectory() as folder:
    start = time.process_time(), time.perf_counter()
    openportrait.animate(source, clip, Path(folder) / "out.mp4", engine="mesh")
    print(time.process_time() - start[0], time.perf_counter() - start[1])
"""


def seconds(work: Callable[[], object]) -> float:
    """Processor time, the median of some runs."""
    times = []
    for _ in range(TURNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def moved(animator: Animator, driving: Path, output: Path) -> list[str]:
    """A portrait moved from files, reused, and with the driving reused, too."""
    portrait, measured = animator.portrait(PORTRAIT), animator.driving(driving)
    times = (
        seconds(lambda: openportrait.animate(PORTRAIT, driving, output, engine="mesh")),
        seconds(lambda: portrait.animate(driving, output)),
        seconds(lambda: portrait.animate(measured, output)),
    )
    return [f"{time:.3f}" for time in times]


def edited(animator: Animator, output: Path) -> list[str]:
    """A portrait edited from a file, and reused: into a file and into an array."""
    portrait, smile = animator.portrait(PORTRAIT), FaceEdit(smile=1.0)
    times = (
        seconds(lambda: openportrait.edit(PORTRAIT, smile, output, engine="mesh")),
        seconds(lambda: portrait.edit(smile, output)),
        seconds(lambda: portrait.edit(smile)),
    )
    return [f"{time:.3f}" for time in times]


def reuse(console: Console) -> None:
    """Each job from files, and with what was analysed before."""
    table = Table("job", "from files, s", "portrait reused, s", "all reused, s", title=f"medians of {TURNS}")
    with tempfile.TemporaryDirectory() as name, Animator(engine="mesh") as animator:
        folder = Path(name)
        table.add_row("moved like a clip", *moved(animator, CLIP, folder / "out.mp4"))
        table.add_row("moved like a picture", *moved(animator, PICTURE, folder / "out.jpg"))
        table.add_row("edited (last: into an array)", *edited(animator, folder / "edit.jpg"))
    console.print(table)


def single(earlier: Path, console: Console) -> bool:
    """Whether a single job is as quick as that of an earlier checkout."""
    names = ("render", "render, by the clock", "whole job", "whole job, by the clock")
    taken: dict[Path, list[list[float]]] = {earlier: [], ROOT: []}
    for turn in range(TURNS):
        for checkout in (earlier, ROOT) if turn % 2 else (ROOT, earlier):
            done = subprocess.run(
                [sys.executable, "-c", ONE_JOB, str(PORTRAIT), str(CLIP)],
                env=os.environ | {"PYTHONPATH": str(checkout / "src")},
                capture_output=True,
                text=True,
                check=True,
            )
            taken[checkout].append([float(line) for line in done.stdout.split()])
    table = Table("", "earlier, s", "now, s", "ratio", f"limit {SLOWER_LIMIT}", title=f"single job, {TURNS} turns")
    met = True
    for place, name in enumerate(names):
        before, now = ([times[place] for times in taken[checkout]] for checkout in (earlier, ROOT))
        ratio = median(b / a for a, b in zip(before, now, strict=True))
        held = "clock" not in name
        met &= ratio <= SLOWER_LIMIT or not held
        said = ("met" if ratio <= SLOWER_LIMIT else "MISSED") if held else ""
        table.add_row(name, f"{median(before):.3f}", f"{median(now):.3f}", f"{ratio:.3f}", said)
    console.print(table)
    return met


def main() -> int:
    console = Console()
    met = single(Path(sys.argv[1]).resolve(), console) if len(sys.argv) > 1 else True
    reuse(console)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
