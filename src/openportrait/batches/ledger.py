"""The ledger of a batch: a SQLite file that says which jobs are done, so that the same batch can go on where it
stopped.

It has one row for each place that results go to. A row says which job wrote there last, by its identity, and how it
ended. A job is finished where its row says so and the result is still there.
"""

from __future__ import annotations

import json
from pathlib import Path

from openportrait.batches.addresses import exists, url_of
from openportrait.batches.database import Database, Kind
from openportrait.batches.places import Task
from openportrait.batches.records import Outcome, result_of
from openportrait.media import is_sequence
from openportrait.records import Result

DEFAULT_NAME = "openportrait-batch.sqlite"
"""Of a ledger beside the results."""
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    place TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'failed')),
    attempts INTEGER NOT NULL,
    result TEXT,
    error TEXT,
    changed TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
_KIND = Kind(0x4F504C42, _TABLE, noun="ledger", user="batch", flag="--ledger")
"""Its mark is "OPLB"."""
_RECORD = """
INSERT OR REPLACE INTO jobs (place, identity, source, state, attempts, result, error) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class Ledger:
    """A context manager. Its methods may be called from any thread; one process has it at a time."""

    def __init__(self, path: Path | None) -> None:
        """`path`: None keeps it in memory. Raises MediaError: another batch has it, or it is none."""
        self._rows = Database(path, _KIND)

    def result(self, task: Task, identity: str) -> Result | None:
        """The result of the job from an earlier run, where it is still there."""
        with self._rows.transaction() as cursor:
            cursor.execute(
                "SELECT result FROM jobs WHERE place = ? AND identity = ? AND state = 'done'",
                (_storable(task.place.key), identity),
            )
            found = cursor.fetchone()
        if found is None:
            return None
        try:
            result = result_of(json.loads(found[0]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        made = (result.path, result.side_by_side, result.template)
        return result if all(_is_there(path) for path in made if path is not None) else None

    def begin(self, task: Task, identity: str) -> None:
        """Note that the job is under way, so that its result from an earlier run counts no more."""
        self._record(task, identity, "begun", 0, None, None)

    def end(self, task: Task, identity: str, outcome: Outcome) -> None:
        """Keep how the job ended."""
        result = json.dumps(outcome.result.as_dict()) if outcome.result is not None else None
        error = str(outcome.error) if outcome.error is not None else None
        self._record(task, identity, "done" if result else "failed", outcome.attempts, result, error)

    def _record(
        self, task: Task, identity: str, state: str, attempts: int, result: str | None, error: str | None
    ) -> None:
        source = _storable(str(task.job.source))
        with self._rows.transaction() as cursor:
            cursor.execute(
                _RECORD,
                (_storable(task.place.key), identity, source, state, attempts, result, error and _storable(error)),
            )

    def close(self) -> None:
        """Close the file, so that other processes may open it."""
        self._rows.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _storable(text: str) -> str:
    """Names of files may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_there(path: Path) -> bool:
    url = url_of(path)
    if url is not None:
        return exists(url)
    return path.parent.is_dir() if is_sequence(path) else path.is_file()
