"""The files of a job where it is done: inputs are fetched, and the result is brought to its place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from openportrait import leaving
from openportrait.batches.addresses import fetch, send, url_of
from openportrait.batches.places import Place, Task
from openportrait.batches.worker import request
from openportrait.errors import MediaError
from openportrait.media.files import file_ids, unwritable
from openportrait.media.target import hidden_folder
from openportrait.pipeline.background import names_file
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
