"""Small jobs, and a batch as a process that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import face_image as face_image
from tests.cli.conftest import files as files
from tests.cli.conftest import run as run

PATIENCE_SECONDS = 120.0
"""Of a test for what takes a second or two on an idle machine."""
HIDDEN = ".*"


def wait_for(what: Callable[[], object]) -> None:
    """Until it is so; a test that waits in vain fails."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(path.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@dataclass
class Batch:
    """A batch under way in a folder."""

    process: subprocess.Popen[str]
    folder: Path

    def results(self) -> list[Path]:
        return [path for path in self.folder.glob("*.*") if path.suffix in (".mp4", ".jpg", ".png")]

    def workers(self) -> list[int]:
        return children(self.process.pid)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Batch]]:
    """`start("jobs.csv", ...)` in an empty folder; its results go to `out`."""
    begun: list[subprocess.Popen[str]] = []

    def openportrait(*args: object) -> Batch:
        if not Path("/proc/self/stat").exists():
            pytest.skip("processes are looked up in /proc")
        command = [sys.executable, "-m", "openportrait", "batch", *map(str, args), "-o", "out"]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        begun.append(process)
        return Batch(process, tmp_path / "out")

    yield openportrait
    for process in begun:
        process.kill()
        process.communicate()
