"""A worker, seen from the process that started it. It may crash, and is then started again."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from openportrait import errors
from openportrait.batches.records import result_of
from openportrait.errors import EngineError, OpenPortraitError
from openportrait.processes import ending, start
from openportrait.records import Result

_STOPPING_SECONDS = 12.0
"""A worker that was told to stop ends within half of this time: see `worker.py`."""


Tell = Callable[[Mapping[str, Any]], None]
"""Called with how far a job is: `stage`, `done` and `total`, as in `Progress`."""


class Worker:
    """One process; `do` and `ask` are called by one thread, the rest by any."""

    def __init__(self, threads: int, module: str = "openportrait.batches.worker") -> None:
        """`threads`: of the libraries in it, and how many processes render a job of a batch.

        `module`: what it runs, a program that calls `worker.main`.
        """
        self._threads = threads
        self._module = module
        self._turn = threading.Lock()
        self._stopped = self._interrupted = False
        self._process: subprocess.Popen[bytes] | None = None
        # What it says besides its answers: looked at where it crashed.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it

    def ready(self, seconds: float) -> bool:
        """Always: the process starts with its first job."""
        return True

    def do(self, job: Mapping[str, Any], tell: Callable[[int], None]) -> Result:
        """Have a job of a batch done. `tell` is called with the number of frames rendered so far.

        Raises as `ask`.
        """

        def frames(now: Mapping[str, Any]) -> None:
            if now["stage"] == "render":
                tell(now["done"])

        shared = {**job, "options": {"workers": self._threads, **job["options"]}}
        return result_of(self.ask(shared, frames))

    def ask(self, job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """Have a job of any kind done, and give its answer.

        Raises the error that it ended with, or EngineError where the process ended.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None, "it has pipes"
        # A worker that is killed may leave half a line.
        with suppress(BrokenPipeError, json.JSONDecodeError):
            process.stdin.write(f"{json.dumps(job)}\n".encode())
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
        raise EngineError(f"{job['source']}: {ending(process, self._words)}")

    def _running(self) -> subprocess.Popen[bytes]:
        with self._turn:
            if self._stopped:
                raise OpenPortraitError("stopped")
            if self._process is None or self._interrupted or self._process.poll() is not None:
                self._close()
                self._interrupted = False
                self._process = start(self._module, self._threads, self._words)
            return self._process

    def interrupt(self) -> None:
        """Tell its work to end soon, with an error; said a second time: to end now. The next job finds a new
        process."""
        with self._turn:
            if self._process is not None:
                (self._process.kill if self._interrupted else self._process.terminate)()
            self._interrupted = True

    def tell_to_stop(self) -> None:
        """Tell its work to end soon, and take no more."""
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
