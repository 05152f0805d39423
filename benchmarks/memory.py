"""Peak memory of a whole job must not grow with the length of the clip: 20 seconds against 5 minutes.

Run `python benchmarks/memory.py`; it takes several minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.table import Table

from openportrait.media import open_clip, open_writer

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
LENGTHS_SECONDS = (20, 300)
LIMIT_MEGABYTES = 40.0
RATE = Fraction(25)

JOB = """
import resource, sys, openportrait
openportrait.animate(*sys.argv[1:4], engine="mesh")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def make_clip(path: Path, seconds: int) -> None:
    """The bundled clip, again and again."""
    wanted = int(seconds * RATE)
    with open_writer(path, rate=RATE) as writer:
        while True:
            with open_clip(EXAMPLES / "driving" / "talk.mp4", max_size=256) as clip:
                for frame in clip:
                    writer.write(frame.image)
                    wanted -= 1
                    if wanted == 0:
                        return


def peak_megabytes(source: Path, driving: Path, output: Path) -> float:
    """Largest resident size of a process of its own that does the job."""
    command = [sys.executable, "-c", JOB, str(source), str(driving), str(output)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    table = Table("driving", "frames", "peak, MB", title="Peak memory of a whole job")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in LENGTHS_SECONDS:
            clip = Path(folder) / f"{seconds}.mp4"
            make_clip(clip, seconds)
            peaks.append(peak_megabytes(EXAMPLES / "source" / "officer.jpg", clip, Path(folder) / "out.mp4"))
            table.add_row(f"{seconds} s", str(int(seconds * RATE)), f"{peaks[-1]:.0f}")
    console = Console()
    console.print(table)
    growth = peaks[-1] - peaks[0]
    met = growth <= LIMIT_MEGABYTES
    console.print(f"growth {growth:.0f} MB, limit {LIMIT_MEGABYTES:.0f}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
