"""Actors of a Ray cluster that render segments of one job, which another process analyses and joins.

The machines need no common folder: the files that a segment needs are sent to the actor's machine, and what
it encodes comes back as bytes. An actor renders in its own process; where that ends, the segment is done elsewhere.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from openportrait.batches.actors import Held
from openportrait.batches.copies import Copies, pieces
from openportrait.errors import EngineError, reword
from openportrait.options import ClusterOptions
from openportrait.pipeline.crew import Hand, Lost, Process
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.segments import Begin, Order, Part, Rendered, Segment
from openportrait.pipeline.tools import Tools
from openportrait.pipeline.worker import part_of

MOST_LOST = 5
"""How often a lost actor is replaced: a segment that makes every actor crash must end somewhere."""
_ENDING_SECONDS = 5.0
"""Time in which an idle actor must remove its copies."""


class Renderer:
    """An actor on a machine of the cluster: it renders segments of a job in its own process."""

    def __init__(self) -> None:
        self._files = Copies()
        self._stopped = threading.Event()

    def begun(self) -> str:
        """The name of its machine."""
        return socket.gethostname()

    def take(self, name: str, piece: bytes) -> None:
        """The next bytes of a copy."""
        self._files.take(name, piece)

    def begin(self, begin: Begin) -> None:
        """What the segments that follow belong to; its files were sent."""
        import cv2

        cv2.setNumThreads(1)
        folder, names = self._files.folder, _names(begin.files)
        self._copies = {path: folder / name for path, name in zip(begin.files, names, strict=True)}
        self._setting = begin.setting.with_copies(self._copies)
        self._tools = Tools.load(begin.setting.options.engine)

    def render(self, segment: Segment) -> tuple[Part, bytes, bytes]:
        """A segment, and the content of its files, empty for those that it has not."""
        watch = Watch(None, self._stopped.is_set)
        part = part_of(self._setting, Order(segment.with_copies(self._copies), self._files.folder), self._tools, watch)
        if part.error is not None:
            reword(part.error, self._named)
        result, strip = (
            _taken(path) if part.frames and path is not None else b"" for path in (part.result, part.strip)
        )
        return part, result, strip

    def _named(self, text: str) -> str:
        for path, copy in self._copies.items():
            text = text.replace(str(copy), str(path))
        return text

    def stop(self) -> None:
        """What is under way is to end early."""
        self._stopped.set()

    def end(self) -> None:
        """Remove what was sent."""
        self._files.close()


class Far(Held):
    """A `Renderer` as a hand of a crew."""

    def __init__(self, ray: Any, make: Callable[[], Any]) -> None:
        super().__init__(ray, make)
        self._has_begun = self._is_busy = False
        self._lost = 0

    def begin(self, begin: Begin) -> None:
        """What the segments that follow belong to: told to each actor that takes the place of one that is gone."""
        self._order = begin

    def ready(self, seconds: float) -> bool:
        """Whether its actor has all that it needs. Raises EngineError where it can never begin."""
        if not super().ready(seconds):
            self._has_begun = False
        elif not self._has_begun:
            with suppress(Lost):
                self._prepare()
                self._has_begun = True
        return self._has_begun

    def _prepare(self) -> None:
        files = self._order.files
        for name, piece in pieces(dict(zip(_names(files), files, strict=True))):
            self._ask("take", name, piece)
        self._ask("begin", self._order)

    def render(self, order: Order) -> Iterator[Rendered | Part]:
        """When it is done, a `Rendered` for each picture, and the part. Raises as `_ask`."""
        part, *contents = self._ask("render", order.segment)
        for path, content in zip((part.result, part.strip), contents, strict=True):
            if content:
                (order.folder / path.name).write_bytes(content)
        strip = part.strip and order.folder / part.strip.name
        yield from (Rendered(None) for _ in range(part.frames))
        yield replace(part, result=order.folder / part.result.name, strip=strip)

    def _ask(self, method: str, *given: Any, seconds: float | None = None) -> Any:
        """What its actor answers, within so long. Raises EngineError, and Lost, but not too often."""
        self._is_busy = True
        try:
            return self.got(self.asked(method, *given), seconds)
        except Lost as error:
            self._has_begun = False
            self._lost += 1
            if self._lost > MOST_LOST:
                raise EngineError(
                    f"its workers on the cluster were lost each time ({error}); see whether its machines have enough "
                    "memory"
                ) from error
            raise
        finally:
            self._is_busy = False

    def stop(self) -> None:
        """What is under way is to end early."""
        with self._turn:
            if self._is_ready:
                self._actor.stop.remote()

    def kill(self) -> None:
        """End what it does now. May be called at any time, also where a signal is answered."""
        self.retire()
        if self._is_busy:
            self.dismiss()

    def close(self) -> None:
        """Wait for its end."""
        if self._is_ready:
            with suppress(EngineError):
                self._ask("end", seconds=_ENDING_SECONDS)
        self.dismiss()


def _names(files: Sequence[Path]) -> list[str]:
    """Of copies, each in a folder of its own."""
    return [f"{place}/{path.name}" for place, path in enumerate(files)]


def _taken(path: Path) -> bytes:
    """The content of a file, which is removed."""
    content = path.read_bytes()
    path.unlink()
    return content


class Spread:
    """Gives hands to the job of a worker: a `Hire`. A context manager: the cluster is joined when a job is cut.

    `own`: of its own machine. `wanted`: where the others are, at most `most` of them.
    """

    def __init__(self, own: int, wanted: ClusterOptions, most: int) -> None:
        self._own, self._wanted, self._most = own, wanted, most
        self._stack = ExitStack()

    def __call__(self, segments: int) -> Sequence[Hand]:
        """As `Hire`."""
        if segments < 2:
            return []
        from openportrait.batches.cluster import Cluster

        own = min(self._own, segments)
        others = min(self._most, segments - own)
        cluster = self._stack.enter_context(Cluster(self._wanted))
        return [*(Process() for _ in range(own)), *cluster.renderers(others)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
