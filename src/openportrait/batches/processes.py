"""A worker as the process that started it sees it: one that may crash, and is then started anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import openportrait
from openportrait import errors
from openportrait.batches.records import result_of
from openportrait.errors import EngineError, OpenPortraitError
from openportrait.records import Result

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads a job's libraries take each; one that is set already is left."""
_STOPPING_SECONDS = 12.0
"""A worker that was told to stop leaves in half of that: see `worker.py`."""
_MOST_TOLD = 200
"""Characters of a crashed worker's last line that are repeated."""


Tell = Callable[[Mapping[str, Any]], None]
"""Called with how far a job is: `stage`, `done` and `total`, as in `Progress`."""


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Worker:
    """One process; `do` and `ask` are called by one thread, the rest by any."""

    def __init__(self, threads: int, module: str = "openportrait.batches.worker") -> None:
        """`threads`: of the libraries in it. `module`: what it runs, a program that calls `worker.main`."""
        self._threads = threads
        self._module = module
        self._turn = threading.Lock()
        self._stopped = self._interrupted = False
        self._process: subprocess.Popen[str] | None = None
        # What it says besides its answers: looked at where it crashed.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it

    def do(self, job: Mapping[str, Any], tell: Callable[[int], None]) -> Result:
        """Have a job of a batch done. `tell` is called with the number of frames rendered so far.

        Raises as `ask`.
        """

        def frames(now: Mapping[str, Any]) -> None:
            if now["stage"] == "render":
                tell(now["done"])

        return result_of(self.ask(job, frames))

    def ask(self, job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Have a job of any kind done, and give its answer.

        Raises the error that it ended with, or EngineError where the process ended.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None, "it has pipes"
        # A worker that is killed may leave half a line.
        with suppress(BrokenPipeError, json.JSONDecodeError):
            process.stdin.write(f"{json.dumps(job)}\n")
            process.stdin.flush()
            for line in process.stdout:
                answer: dict[str, Any] = json.loads(line)
                if "stage" in answer:
                    tell(answer)
                elif "error" in answer:
                    raise getattr(errors, answer.get("kind", "OpenPortraitError"))(answer["error"])
                else:
                    found: dict[str, Any] = answer["result"]
                    return found
        raise EngineError(f"{job['source']}: {self._ending(process)}")

    def _running(self) -> subprocess.Popen[str]:
        with self._turn:
            if self._stopped:
                raise OpenPortraitError("stopped")
            if self._process is None or self._interrupted or self._process.poll() is not None:
                self._close()
                self._interrupted = False
                self._process = self._started()
            return self._process

    def _started(self) -> subprocess.Popen[str]:
        own = {name: os.environ.get(name, str(self._threads)) for name in _THREADS}
        paths = [str(Path(openportrait.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(  # noqa: S603 - modules of this package
            # -P: files in the current folder are no modules.
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            env={**os.environ, **own, "PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C reaches this process alone, which tells its workers.
            start_new_session=True,
        )

    def _ending(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        if code < 0:
            with suppress(ValueError):
                return f"its worker was ended by {signal.Signals(-code).name}; lower --workers if memory ran out"
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "without a word")
        return f"its worker ended with code {code} ({last.strip()[:_MOST_TOLD]}); run it alone to see more"

    def interrupt(self) -> None:
        """What it does is to end soon, with an error; the next job finds a new process."""
        with self._turn:
            self._interrupted = True
            if self._process is not None:
                self._process.terminate()

    def tell_to_stop(self) -> None:
        """Whatever it does is to end soon, and nothing begins any more."""
        with self._turn:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()

    def end(self) -> None:
        """Wait until it has ended: at once where it has nothing to do, or was told to stop."""
        with self._turn:
            self._stopped = True
            self._close()
        self._words.close()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(BrokenPipeError):
            assert process.stdin is not None, "it has pipes"
            process.stdin.close()
        try:
            process.wait(_STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None, "it has pipes"
        process.stdout.close()
