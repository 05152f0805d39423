"""Actors of a Ray cluster that do whole jobs: each looks after a worker process on its machine.

The process of an actor does the same as one of this machine (`processes.py`): a crash of it is told as there, and the
actor starts it anew. Only where the actor itself is gone, with its machine as a rule, is a job `Lost`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from openportrait.batches.addresses import url_of
from openportrait.batches.local import Here
from openportrait.batches.places import Task
from openportrait.errors import EngineError, MediaError, OpenPortraitError, known
from openportrait.pipeline.crew import Lost
from openportrait.records import Result

_TOLD_SECONDS = 1.0
"""From one look at how far a job is to the next."""
_STOPPING_SECONDS = 15.0
"""An actor ends its process within this time (`processes.py`), or is ended with it."""
CALLS = 4
"""Calls that an actor takes at once: a job, the question for its progress, and the order to stop."""


class Actor:
    """An actor on a machine of the cluster: it looks after a process that does jobs."""

    def __init__(self, threads: int, folder: str, spread: Mapping[str, Any]) -> None:
        """`folder`: where the batch was begun, from which relative paths start. `spread`: as `Here` takes it."""
        self._frames = 0
        self._folder = folder
        self._is_there = Path(folder).is_dir()
        if self._is_there:
            os.chdir(folder)
        self._worker = Here(threads, spread)

    def begun(self) -> str:
        """The name of its machine."""
        return socket.gethostname()

    def do(self, task: Task) -> Result | OpenPortraitError:
        """Have a job done. An error is returned, not raised."""
        self._frames = 0
        try:
            if not self._is_there and not all(map(_is_absolute, (*task.inputs, Path(task.place.folder)))):
                raise MediaError(
                    f"{task.job.said}: {self._folder} is not on {socket.gethostname()}, which is to do the job; share "
                    "the folder, or give URLs"
                )
            return self._worker.do_task(task, self._tell)
        except OpenPortraitError as error:
            return known(error)

    def _tell(self, frames: int) -> None:
        self._frames = frames

    def frames(self) -> int:
        """Rendered so far of the job under way."""
        return self._frames

    def stop(self) -> None:
        """Tell its work to end soon."""
        self._worker.tell_to_stop()

    def end(self) -> None:
        """Wait until its process has ended."""
        self._worker.end()


class Held:
    """An actor, seen from the process that uses it. A lost actor is replaced where there is room.

    `ready` is called by one thread, the rest by any, also where a signal is answered.
    """

    def __init__(self, ray: Any, make: Callable[[], Any]) -> None:
        """`make` begins an actor, which has a method `begun`."""
        self._ray = ray
        self._make = make
        self._turn = threading.RLock()
        self._is_over = self._is_ready = False
        self._actor: Any = None
        self._begun: Any = None

    def ready(self, seconds: float) -> bool:
        """Whether it runs; waits so long for it. Raises EngineError where it can never begin."""
        with self._turn:
            if self._is_over:
                return False
            if self._actor is None:
                self._actor = self._make()
                self._begun = self._actor.begun.remote()
        if not self._is_ready and self._ray.wait([self._begun], timeout=seconds)[0]:
            try:
                self._ray.get(self._begun)
            except self._ray.exceptions.RayActorError as error:
                if "ImportError" in str(error) or "ModuleNotFoundError" in str(error):
                    raise EngineError(
                        f"a machine of the cluster cannot load this package ({last_line(error)}); install it there"
                    ) from error
                self.dismiss()
            except self._ray.exceptions.RayError as error:
                raise EngineError(f"the cluster cannot start a worker ({last_line(error)}); see its logs") from error
            else:
                self._is_ready = True
        return self._is_ready

    def asked(self, method: str, *given: Any) -> Any:
        """Call a method; `got` waits for its answer. Raises Lost where there is no actor any more."""
        with self._turn:
            if self._actor is None:
                raise Lost("it was ended")
            return getattr(self._actor, method).remote(*given)

    def got(self, answer: Any, seconds: float | None = None) -> Any:
        """Wait so long for the answer of a method. Raises EngineError where it failed, Lost where its actor is gone."""
        try:
            return self._ray.get(answer, timeout=seconds)
        except self._ray.exceptions.RayTaskError as error:
            raise EngineError(f"a machine of the cluster cannot do it ({last_line(error)})") from error
        except self._ray.exceptions.RayError as error:
            self.dismiss()
            raise Lost(last_line(error)) from error

    def retire(self) -> None:
        """Begin no other actor any more."""
        self._is_over = True

    def dismiss(self) -> None:
        """End the actor, and free its cores."""
        with self._turn:
            actor, self._actor, self._is_ready = self._actor, None, False
        if actor is not None:
            self._ray.kill(actor)


class There(Held):
    """A worker on the cluster, seen from the batch."""

    _stopped = 0.0
    """When it was told to stop."""

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        """Have a job done. Raises the error that it ended with, or Lost where its actor is gone."""
        try:
            answer = self._answer(task, tell)
        except Lost as error:
            raise Lost(
                f"{task.job.source}: its worker on the cluster was lost each time ({error}); "
                "see whether its machines have enough memory"
            ) from error
        if isinstance(answer, OpenPortraitError):
            raise answer
        return answer

    def _answer(self, task: Task, tell: Callable[[int], None]) -> Result | OpenPortraitError:
        given = self.asked("do", task)
        while not self._ray.wait([given], timeout=_TOLD_SECONDS)[0]:
            if self._stopped and time.monotonic() > self._stopped + _STOPPING_SECONDS:
                raise Lost("it does not answer")
            with suppress(self._ray.exceptions.RayError):
                tell(self._ray.get(self.asked("frames"), timeout=_TOLD_SECONDS))
        answer: Result | OpenPortraitError = self.got(given)
        return answer

    def tell_to_stop(self) -> None:
        """Tell its work to end soon, and take no more."""
        with self._turn:
            self._stopped = time.monotonic()
            self.retire()
            if self._is_ready:
                self._actor.stop.remote()

    def end(self) -> None:
        """Wait until its process has ended, and give its room back."""
        self.retire()
        self._stopped = self._stopped or time.monotonic()
        if self._is_ready:
            with suppress(self._ray.exceptions.RayError):
                self._ray.get(self._actor.end.remote(), timeout=_STOPPING_SECONDS)
        self.dismiss()


def _is_absolute(path: Path) -> bool:
    return path.is_absolute() or url_of(path) is not None


def last_line(error: BaseException) -> str:
    """The most telling line of an error of Ray's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
