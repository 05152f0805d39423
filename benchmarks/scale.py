"""What docs/SCALE.md stands on: `python -m benchmarks.scale [workers] [ledger] [driver] [cluster] [clip]`; all if none.

`workers`: jobs a minute and memory by the number of workers. `ledger`: rows a second on this disk. `driver`: what a job
costs the process that hands it out, with workers that answer at once. `cluster`: the same jobs by actors of a Ray
cluster of this machine, which is started for it. `clip`: processor time and bytes of a minute of video.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.batch import SOURCES, cut_drivings

import openportrait
from openportrait.batches.backends import Worker
from openportrait.batches.ledger import Ledger
from openportrait.batches.places import Task, identity, plan
from openportrait.batches.run import run
from openportrait.media import probe
from openportrait.records import Result

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
COUNTS = (1, 2, 3, 4)
ROWS, JOBS = 500, 4000
MB = 2**20


def seconds_of_a_core() -> float:
    """Of this process and of those it started that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def processes(word: str) -> list[int]:
    """The processes with this word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def memory_of(pids: Sequence[int]) -> int:
    """Bytes that they hold, what several share counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


@contextmanager
def most_memory(*words: str) -> Iterator[dict[str, int]]:
    """Per word, the most that processes with it hold together while the block runs."""
    most, stop = dict.fromkeys(words, 0), threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            for word in words:
                most[word] = max(most[word], memory_of(processes(word)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()


def batch_of(folder: Path, copies: int = 1) -> list[openportrait.BatchJob]:
    """Two portraits by six drivings of a second."""
    drivings = cut_drivings(folder)
    return [
        openportrait.BatchJob(source, driving, options={"max_size": 512, "multiplier": 1 + copy / 100})
        for copy in range(copies)
        for source in SOURCES
        for driving in drivings
    ]


def paces(title: str, jobs: list[openportrait.BatchJob], output: Path, words: tuple[str, ...], **options: Any) -> None:
    """One line of a table."""
    began, used = time.monotonic(), seconds_of_a_core()
    with most_memory(*words) as most:
        for outcome in openportrait.batch(jobs, output=output, **options):
            assert outcome.error is None, outcome.error
    seconds = time.monotonic() - began
    memory = ", ".join(f"{word} {most[word] / MB:.0f} MB" for word in words)
    print(
        f"{title}: {60 * len(jobs) / seconds:.0f} jobs a minute, {seconds_of_a_core() - used:.1f} s of a core, "
        f"{memory}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def show_workers(folder: Path) -> None:
    jobs = batch_of(folder)
    for count in COUNTS:
        paces(f"{count} workers", jobs, folder / str(count), ("openportrait.batches.worker",), workers=count)


def show_cluster(folder: Path) -> None:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    from ray.cluster_utils import Cluster

    jobs = batch_of(folder)
    nothing = {"num_cpus": max(COUNTS), "object_store_memory": 80 * MB, "include_dashboard": False}
    began = time.monotonic()
    cluster = Cluster(initialize_head=True, head_node_args={**nothing, "node_ip_address": "127.0.0.1"})
    print(f"a node starts in {time.monotonic() - began:.1f} s")
    try:
        for count in COUNTS[:2]:
            words = ("openportrait.batches.worker", "ray::Actor", "raylet", "Agent")
            paces(f"{count} actors", jobs, folder / f"ray{count}", words, workers=count, cluster=cluster.address)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def show_ledger(folder: Path) -> None:
    tasks = stills(folder, ROWS)
    with Ledger(folder / "ledger.sqlite") as ledger:
        began = time.monotonic()
        for task in tasks:
            ledger.begin(task, "identity")
            ledger.end(task, "identity", openportrait.Outcome(task.job, result_at(task), None, 1))
        seconds = time.monotonic() - began
    size = (folder / "ledger.sqlite").stat().st_size
    print(f"ledger: {ROWS / seconds:.0f} jobs a second begun and ended, {size / ROWS:.0f} bytes a job")


def show_driver(folder: Path) -> None:
    began = time.monotonic()
    tasks = stills(folder, JOBS)
    print(f"planned: {JOBS / (time.monotonic() - began):.0f} jobs a second")
    began = time.monotonic()
    for task in tasks:
        identity(task)
    print(f"looked up: {JOBS / (time.monotonic() - began):.0f} jobs a second")
    for count in (1, 16, 256, 1000):
        began, used = time.monotonic(), seconds_of_a_core()
        with Ledger(None) as ledger:
            assert sum(1 for _ in run(tasks, ledger, Idle(count), retries=0)) == JOBS
        seconds, spent = time.monotonic() - began, seconds_of_a_core() - used
        print(
            f"driver with {count} workers: {JOBS / seconds:.0f} jobs a second, "
            f"{1000 * spent / JOBS:.2f} ms of a core each"
        )


def show_clip(folder: Path) -> None:
    driving, output = EXAMPLES / "driving" / "talk.mp4", folder / "clip.mp4"
    with openportrait.Animator(engine="mesh") as animator:
        animator.animate(SOURCES[0], EXAMPLES / "driving" / "surprise.jpg", folder / "warm.jpg")
        began, used = time.monotonic(), seconds_of_a_core()
        result = animator.animate(SOURCES[0], driving, output)
    seconds, spent = time.monotonic() - began, seconds_of_a_core() - used
    info = probe(output)
    minutes = float(result.frames / Fraction(info.rate or 1)) / 60
    read, written = (path.stat().st_size / MB / minutes for path in (driving, output))
    print(
        f"a minute of {info.width} × {info.height} at {float(info.rate or 1):g} frames/s: {spent / minutes:.0f} s of a "
        f"core, {seconds / minutes:.0f} s in one job; read {read:.1f} MB, written {written:.1f} MB"
    )


def stills(folder: Path, count: int) -> list[Task]:
    """So many jobs with a picture each."""
    driving = EXAMPLES / "driving" / "surprise.jpg"
    jobs = (openportrait.BatchJob(SOURCES[0], driving, folder / f"{number}.jpg") for number in range(count))
    return plan(jobs, folder, {})


def result_at(task: Task) -> Result:
    path = Path(task.place.folder) / f"{task.place.stem}{task.place.suffix}"
    return Result(path=path, frames=1, rate=None, seconds=0.0, engine="mesh", faces=1)


class Idle:
    """A backend whose workers answer at once."""

    def __init__(self, room: int) -> None:
        self.room = room

    def hire(self, count: int) -> list[Worker]:
        return [Answer() for _ in range(count)]

    def __enter__(self) -> Idle:
        return self

    def __exit__(self, *_: object) -> None: ...


class Answer:
    def ready(self, seconds: float) -> bool:
        return True

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        return result_at(task)

    def tell_to_stop(self) -> None: ...

    def end(self) -> None: ...


def main() -> None:
    """Print what is asked for."""
    shows = {
        "workers": show_workers,
        "ledger": show_ledger,
        "driver": show_driver,
        "cluster": show_cluster,
        "clip": show_clip,
    }
    for name in sys.argv[1:] or shows:
        with tempfile.TemporaryDirectory() as folder:
            shows[name](Path(folder))


if __name__ == "__main__":
    main()
