"""Lists of jobs as files: CSV, JSON Lines and YAML; and the jobs that two folders make."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openportrait.batches.records import BatchJob
from openportrait.bounds import json_value, shown
from openportrait.checked import from_text
from openportrait.drivings import Driving, written
from openportrait.errors import MediaError, OptionError
from openportrait.extras import install
from openportrait.files import read_plain, told
from openportrait.media.files import is_folder
from openportrait.options import ClusterOptions, Pair, job_specs, specs

MOST_JOBS = 100_000
"""Of one batch: their list takes about 100 MB of memory."""
MOST_LIST_BYTES = 2**26
"""640 bytes for each of them."""
MOST_YAML_BYTES = 2**20
"""Reading one megabyte of YAML takes half a minute on one core; longer lists can be JSON Lines."""
_DEEPEST_YAML = 8
"""Levels of nesting. A list of jobs whose options are mappings has 3; thousands of levels take the reader minutes."""
OF_A_BATCH = ("workers", "retries", "ledger", *(spec.name for spec in specs(ClusterOptions)))
"""Options of a batch that no single job has."""
_WANTED = "a list of jobs: .csv, .jsonl or .yaml"

Row = tuple[int, Mapping[str, Any]]
"""The number of a line, from 1, and its values by name."""


def read_jobs(path: Path) -> list[BatchJob]:
    """The jobs of a list, in order; the suffix tells its format.

    Raises MediaError for a file that cannot be read or is too large; OptionError, which names the line, for what
    is no job.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".yaml": _yaml_rows, ".yml": _yaml_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise OptionError(f"{path}: is no list of jobs by its suffix; give .csv, .jsonl or .yaml")
    content = read_plain(path, MOST_YAML_BYTES if reader is _yaml_rows else MOST_LIST_BYTES, _WANTED)
    line = 0
    jobs: list[BatchJob] = []
    try:
        for line, row in reader(content):
            if len(jobs) == MOST_JOBS:
                raise ValueError(f"there are more than {MOST_JOBS:,} jobs; divide the list")
            jobs.append(_job(row, f"{path}, line {line}"))
    except ValueError as error:  # an OptionError is one too
        where = f"{path}, line {line}: " if isinstance(error, OptionError) else f"{path}: "
        raise OptionError(f"{where}{error}") from error
    if not jobs:
        raise OptionError(f"{path}: holds no job; give each a source and a driving")
    return jobs


def pair_folders(sources: Path, drivings: Path, pair: Pair) -> list[BatchJob]:
    """A job for each source with each driving (`cross`), or with those of its name but for the suffix (`name`).

    Raises MediaError for what is no folder, OptionError where there is no pair, or too many.
    """
    own, others = _files(sources), _files(drivings)
    if pair == "cross":
        count = len(own) * len(others)
    else:
        by_stem: dict[str, list[Path]] = {}
        for driving in others:
            by_stem.setdefault(driving.stem, []).append(driving)
        count = sum(len(by_stem.get(source.stem, ())) for source in own)
    if not count:
        names = "; none has the name of another, see --pair" if own and others else ""
        raise OptionError(f"{sources} and {drivings}: make no job{names}; put pictures or clips there")
    if count > MOST_JOBS:
        raise OptionError(f"{sources} and {drivings}: make {count:,} jobs; divide the folders, {MOST_JOBS:,} are most")
    return [
        BatchJob(source, Driving(driving))
        for source in own
        for driving in (others if pair == "cross" else by_stem.get(source.stem, ()))
    ]


def _files(folder: Path) -> list[Path]:
    if not is_folder(folder):
        raise MediaError(f"{folder}: is no folder; give one with pictures or clips")
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise MediaError(f"{folder}: cannot be read ({told(error)}); check its permissions") from error


def _job(row: Mapping[str, Any], where: str) -> BatchJob:
    values = {name.strip().replace("-", "_"): value for name, value in row.items()}
    for needed in ("source", "driving"):
        if not values.get(needed):
            raise OptionError(f"has no {needed}; give one")
    source, driving, output = (values.pop(name, None) for name in ("source", "driving", "output"))
    texts = driving if isinstance(driving, list) else [driving]
    for text in texts:
        if not isinstance(text, str) or not text:
            raise OptionError(f"driving is {shown(text)}; give a text as for --driving, or a list of them")
    of_all = next((name for name in values if name in OF_A_BATCH), None)
    if of_all is not None:
        raise OptionError(f"{of_all} is of the whole batch; give --{of_all.replace('_', '-')} on the command line")
    options = {name: option_value(name, value) for name, value in values.items()}
    return BatchJob(source, [written(text) for text in texts], output or None, options, where)


def option_value(name: str, given: Any) -> Any:
    """A value of a list as the kind of its option: faces and sliders may be written as numbers, numbers as texts."""
    spec = job_specs().get(name)
    if spec is None:
        return given  # refused with the nearest name
    if isinstance(given, str):
        return from_text(spec, given)
    return str(given) if spec.kind is str and isinstance(given, int) and not isinstance(given, bool) else given


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8; save it as that") from error


def _csv_rows(content: bytes) -> Iterator[Row]:
    """Columns by the names of the first line; of several columns `driving`, and of empty cells, those with a text."""
    reader = csv.reader(io.StringIO(_text(content), newline=""), strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _columns(cells)
                continue
            if len(cells) > len(names):
                raise ValueError(f"line {reader.line_num} has {len(cells)} cells for {len(names)} columns")
            filled = [(name, cell.strip()) for name, cell in zip(names, cells, strict=False) if cell.strip()]
            row: dict[str, Any] = dict(filled)
            row["driving"] = [cell for name, cell in filled if name == "driving"]
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is not CSV: {error}") from error


def _columns(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name in names if name != "driving" and names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the column {shown(twice)} is there twice")
    for needed in ("source", "driving"):
        if needed not in names:
            raise ValueError(f"the first line has no column {needed}; give source,driving and names of options")
    return names


def _json_rows(content: bytes) -> Iterator[Row]:
    for number, line in enumerate(_text(content).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json_value(line.encode())
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is {shown(row)}; an object is due")
        yield number, row


def _yaml_rows(content: bytes) -> Iterator[Row]:
    try:
        import yaml
    except ImportError as error:
        raise ValueError(f"YAML needs a package ({told(error)}); {install('batch')}") from error
    text = _text(content)
    try:
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # A few of them can name a list of millions.
                raise ValueError(f"line {event.start_mark.line + 1} repeats another by *; write it out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST_YAML:
                raise ValueError(f"line {event.start_mark.line + 1} is nested too deep")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.SequenceNode):
            raise ValueError("is no list; begin each job with a dash")
        for item in node.value:
            number = item.start_mark.line + 1
            row = loader.construct_document(item)
            if not isinstance(row, dict) or not all(isinstance(name, str) for name in row):
                raise ValueError(f"line {number} is no job; give names and values")
            if len(row) < len(item.value):
                raise ValueError(f"line {number} states a name twice")
            yield number, row
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML: {told(error)}") from error
