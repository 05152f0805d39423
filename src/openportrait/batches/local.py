"""Jobs done by worker processes of this machine: inputs are fetched, and results are brought to their places."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openportrait import leaving
from openportrait.batches.addresses import fetch, send, url_of
from openportrait.batches.places import Place, Task
from openportrait.batches.processes import Worker
from openportrait.batches.worker import request
from openportrait.errors import MediaError
from openportrait.media.files import file_ids, unwritable
from openportrait.media.target import hidden_folder
from openportrait.pipeline.background import names_file
from openportrait.processes import cores
from openportrait.records import Result


def staged(task: Task, do: Callable[[Mapping[str, Any]], Result]) -> Result:
    """Fetch what a job needs, have it done by `do`, which takes a `request`, and bring its result where it belongs."""
    place, options = task.place, task.options.values()
    with ExitStack() as stack:
        paths = (task.job.source_path, *(one.path for one in task.job.drivings))
        source, *drivings = (_local(path, stack) for path in paths)
        given = tuple(replace(one, file=path) for one, path in zip(task.job.drivings, drivings, strict=True))
        if names_file(str(options["background"])):
            options["background"] = str(_local(Path(options["background"]), stack))
        if place.suffix and not place.url:
            output = Path(place.folder) / f"{place.stem}{place.suffix}"
            return do(request(source, given, output, options))
        # The suffix is known when the result is, or the result goes elsewhere: it is made under a hidden name.
        staging = stack.enter_context(hidden_folder(_room() if place.url else Path(place.folder)))
        output = staging / f"{place.stem}{place.suffix}" if place.suffix else staging
        result = do(request(source, given, output, options))
        return _delivered(result, place, (source, *drivings))


def _local(path: Path, stack: ExitStack) -> Path:
    """The file, or its copy in a folder that nobody else may enter."""
    url = url_of(path)
    return path if url is None else fetch(url, stack.enter_context(hidden_folder(_room())))


def _room() -> Path:
    """Where copies lie for a while."""
    return Path(tempfile.gettempdir())


def _delivered(result: Result, place: Place, inputs: Sequence[Path]) -> Result:
    """The same result where it belongs: the files beside it before itself."""

    def goal(path: Path) -> Path:
        return Path(place.folder) / f"{place.stem}{path.name.removeprefix(result.path.stem)}"

    made = [path for path in (result.side_by_side, result.template, result.path) if path is not None]
    if place.url:
        for path in made:
            send(path, f"{place.url}/{goal(path).name}")
    else:
        protected = file_ids(inputs)
        for path in made:
            if file_ids([goal(path)]) & protected:
                raise MediaError(f"{goal(path)}: is an input and the output at once; choose another name")
        with leaving.undivided():
            for path in made:
                try:
                    path.replace(goal(path))
                except OSError as error:
                    raise unwritable(goal(path), error) from error
    return replace(
        result,
        path=goal(result.path),
        side_by_side=result.side_by_side and goal(result.side_by_side),
        template=result.template and goal(result.template),
    )


class Processes:
    """A backend of this machine's cores."""

    def __init__(self, workers: int | None = None) -> None:
        """`workers`: None for one a core."""
        self._workers = workers

    @property
    def room(self) -> int:
        """Workers that were asked for, or one a core."""
        return self._workers or cores()

    def hire(self, count: int) -> list[Here]:
        """So many processes, which share the cores."""
        return [Here(max(cores() // count, 1)) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held between batches."""


class Here(Worker):
    """A process of this machine; the files of a job are fetched to this machine."""

    def __init__(self, threads: int, spread: Mapping[str, Any] | None = None) -> None:
        """`spread`: the cluster whose machines also render segments of its jobs, as `worker.animated` takes it."""
        super().__init__(threads)
        self._spread = spread

    def do_task(self, task: Task, tell: Callable[[int], None]) -> Result:
        """Have a job done, with its files fetched before and delivered after."""
        return staged(task, lambda job: self.do({**job, "spread": self._spread}, tell))
