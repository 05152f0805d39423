"""Starts processes of this package that work for another process, and words the error where one ended badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads a process's libraries take each; one that is set already is left."""
_MOST_TOLD = 200
"""Characters of a crashed process's last line that are repeated."""


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(module: str, threads: int, words: IO[bytes]) -> subprocess.Popen[bytes]:
    """Begin `python -m module`, with pipes to its stdin and from its stdout.

    `threads`: of the libraries in it. `words`: a file for its other output.
    """
    own = {name: os.environ.get(name, str(threads)) for name in _THREADS}
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603 - a module of this package
        # -P: files in the current folder are no modules.
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        env={**os.environ, **own, "PYTHONPATH": os.pathsep.join(paths)},
        # Only the process that started it gets Ctrl-C, and tells it to stop.
        start_new_session=True,
    )


def ending(process: subprocess.Popen[bytes], words: IO[bytes]) -> str:
    """Wait for a process that ended too early, and tell how it ended. `words`: its other output."""
    code = process.wait()
    if code < 0:
        with suppress(ValueError):
            return f"its worker was ended by {signal.Signals(-code).name}; lower --workers if memory ran out"
    words.seek(0)
    lines = words.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "without a word")
    return f"its worker ended with code {code} ({last.strip()[:_MOST_TOLD]}); run it alone to see more"
