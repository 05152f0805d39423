"""Plans where the results of a batch go: no two jobs share a name, and all names are known before the work."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from openportrait.batches.addresses import fingerprint, url_of
from openportrait.batches.records import BatchJob
from openportrait.errors import MediaError, OptionError
from openportrait.files import status
from openportrait.media import check_suffix
from openportrait.media.files import WANTED, is_folder
from openportrait.media.sequence import is_pattern
from openportrait.options import Options
from openportrait.pipeline.background import names_file

_TAG_DIGITS = 10
"""Hexadecimal digits of the tag in a name. With 100,000 jobs of the same two files, two jobs share a tag in 1 of 200
batches; such a batch is refused."""
_MOST_OF_A_STEM = 60
"""Characters of a file's name that a result's repeats: two of them and the tag stay below the 255 bytes of a name."""
_IDENTITY = 1
"""Version of the way in which identities are made; a ledger with another version begins anew."""


@dataclass(frozen=True)
class Place:
    """Where a job's result goes."""

    folder: str
    """A path, or a URL."""
    stem: str
    suffix: str
    """Empty: the one that fits the result, known when it is made."""

    @property
    def key(self) -> str:
        """A text that no two jobs of a batch share."""
        folder = self.folder if self.url else os.path.realpath(self.folder)
        return f"{folder}/{self.stem}{self.suffix}"

    @property
    def url(self) -> str | None:
        """The folder where it is elsewhere."""
        return url_of(Path(self.folder))


@dataclass(frozen=True)
class Task:
    """A job with all that it depends on."""

    job: BatchJob
    options: Options
    place: Place

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files it is made of."""
        behind = self.options.output.background
        pictures = (Path(behind),) if names_file(behind) else ()
        return (self.job.source_path, *(one.path for one in self.job.drivings), *pictures)


def plan(jobs: Iterable[BatchJob], folder: Path, common: Mapping[str, Any]) -> list[Task]:
    """Each job with its options and the name of its result.

    Raises OptionError for a wrong option, for two jobs that would write the same file, and for one that would write
    what is read: by another too.
    """
    tasks = [_task(job, folder, common) for job in jobs]
    written: dict[str, Task] = {}
    for task in tasks:
        other = written.setdefault(task.place.key, task)
        if other is not task:
            raise OptionError(
                f"{task.job.said}: writes {task.place.key}, as does {other.job.said}; give one of them another output"
            )
    for task in tasks:
        for path in task.inputs:
            real = str(path) if url_of(path) else os.path.realpath(path)
            stem = written.get(os.path.splitext(real)[0])  # noqa: PTH122 - of a URL too
            writer = written.get(real) or (stem if stem and not stem.place.suffix else None)
            if writer is not None:
                raise OptionError(f"{writer.job.said}: would write {path}, an input of {task.job.said}; choose another")
    return tasks


def identity(task: Task) -> str:
    """A text that stays the same as long as the inputs and options, on which the result depends, are unchanged.

    Files are known by path, size and time of change. Raises MediaError for one that is not there.
    """
    drivings = [{**_plain(one), "file": str(one.path)} for one in task.job.drivings]
    marks = [list(mark(path)) for path in task.inputs]
    return _digest([_IDENTITY, task.place.key, marks, drivings, _texts(task.options.values())])


def mark(path: Path) -> Iterator[Hashable]:
    """A text that changes when a file or folder changes. Raises MediaError for one that is not there."""
    url = url_of(path)
    if url is not None:
        yield from (url, fingerprint(url))
        return
    found = status(path, WANTED)
    yield from (os.path.realpath(path), found.st_size, found.st_mtime_ns)
    if is_folder(path):
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                of_entry = entry.stat()
                yield from (entry.name, of_entry.st_size, of_entry.st_mtime_ns)


def _task(job: BatchJob, folder: Path, common: Mapping[str, Any]) -> Task:
    options = Options.of(**{**common, **job.options})
    output = folder if job.output_path is None else job.output_path
    url = url_of(output)
    if job.output_path is None or not output.suffix or (url is None and is_folder(output)):
        return Task(job, options, Place(url or str(output), _stem(job, options), ""))
    try:
        check_suffix(output, still=True)
    except MediaError as error:
        raise OptionError(f"{job.said}: {error}") from error
    if url is not None and is_pattern(output.name):
        raise OptionError(f"{job.said}: numbered pictures cannot be written to a URL; choose a clip")
    return Task(job, options, Place(url.rpartition("/")[0] if url else str(output.parent), output.stem, output.suffix))


def _stem(job: BatchJob, options: Options) -> str:
    """`SOURCE--DRIVING--TAG`; the tag follows from all that the job says."""
    defaults = Options().values()
    changed = {name: value for name, value in options.values().items() if value != defaults[name]}
    drivings = [{**_plain(one), "file": str(one.path)} for one in job.drivings]
    tag = _digest([str(job.source), drivings, _texts(changed)])[:_TAG_DIGITS]
    names: Sequence[str] = (job.source_path.stem, job.drivings[0].path.stem)
    return "--".join((*(name[:_MOST_OF_A_STEM] for name in names), tag))


def _plain(record: Any) -> dict[str, Any]:
    return {item.name: getattr(record, item.name) for item in fields(record)}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in sorted(values.items())}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
