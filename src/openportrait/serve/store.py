"""The jobs of the service in a SQLite file: accepted jobs survive any end of the process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openportrait.batches.database import Database, Kind
from openportrait.serve.records import Job, Refused

DEFAULT_NAME = "jobs.sqlite"
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    request TEXT NOT NULL,
    key TEXT,
    digest TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    result TEXT,
    error TEXT,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    UNIQUE (owner, key)
)
"""
_KIND = Kind(0x4F504A42, _TABLE, noun="list of jobs", user="service", flag="--folder")
"""Its mark is "OPJB"."""
_COLUMNS = "id, owner, kind, state, request, attempts, result, error, created, started, ended"
_NEXT = """
SELECT jobs.id FROM jobs
LEFT JOIN (SELECT owner, count(*) AS busy FROM jobs WHERE state = 'running' GROUP BY owner) USING (owner)
WHERE state = 'queued' ORDER BY coalesce(busy, 0), number LIMIT 1
"""
"""First the jobs of the owner with the fewest running ones; among these, the oldest first."""
_RETRY_SECONDS = 5
"""Seconds after which an owner with too many jobs may ask again."""


class Store:
    """Its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the file lies. Raises MediaError: another service has it, or it cannot be used."""
        self._rows = Database(folder / DEFAULT_NAME, _KIND)

    def add(self, job: Job, key: str | None, digest: str, *, most_open: int, most_waiting: int) -> Job:
        """Keep a new job, or give the one that the same owner handed in with the same key.

        `digest`: of all that was asked for. Raises Refused where the key was given to another request, and where
        there are too many jobs.
        """
        with self._rows.transaction() as cursor:
            if key is not None:
                cursor.execute(
                    f"SELECT digest, {_COLUMNS} FROM jobs WHERE owner = ? AND key = ?",  # noqa: S608
                    (job.owner, key),
                )
                found = cursor.fetchone()
                if found is not None:
                    if found[0] != digest:
                        raise Refused(422, "this Idempotency-Key was sent with another request; choose a new one")
                    return _job(found[1:])
            self._check_room(cursor, job.owner, most_open, most_waiting)
            cursor.execute(
                "INSERT INTO jobs (id, owner, kind, state, request, key, digest, created)"
                " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?)",
                (job.id, job.owner, job.kind, json.dumps(job.request), key, digest, job.created),
            )
        return job

    def check_room(self, owner: str, *, most_open: int, most_waiting: int) -> None:
        """Raise Refused where `add` would for too many jobs."""
        with self._rows.transaction() as cursor:
            self._check_room(cursor, owner, most_open, most_waiting)

    def _check_room(self, cursor: sqlite3.Cursor, owner: str, most_open: int, most_waiting: int) -> None:
        cursor.execute(
            "SELECT coalesce(sum(owner = ?), 0), coalesce(sum(state = 'queued'), 0) FROM jobs"
            " WHERE state IN ('queued', 'running')",
            (owner,),
        )
        own, waiting = cursor.fetchone()
        if own >= most_open:
            raise Refused(429, f"{own} of your jobs wait or run, which is the most; wait for one", _RETRY_SECONDS)
        if waiting >= most_waiting:
            raise Refused(429, f"{waiting} jobs wait, which is the most; try again later", _RETRY_SECONDS)

    def get(self, name: str, owner: str) -> Job | None:
        """The owner's job; None where the owner has none of that name."""
        with self._rows.transaction() as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ? AND owner = ?", (name, owner))  # noqa: S608
            found = cursor.fetchone()
        return _job(found) if found else None

    def take(self) -> Job | None:
        """The next job that waits, which runs from now on; None where none does."""
        with self._rows.transaction() as cursor:
            found = cursor.execute(_NEXT).fetchone()
            if found is None:
                return None
            cursor.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ? WHERE id = ?",
                (time.time(), *found),
            )
            cursor.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", found)  # noqa: S608
            return _job(cursor.fetchone())

    def give_back(self, name: str, *, counts: bool) -> bool:
        """A job that runs waits again. `counts`: whether this was an attempt. False where it was removed meanwhile."""
        with self._rows.transaction() as cursor:
            cursor.execute(
                "UPDATE jobs SET state = 'queued', started = NULL, attempts = attempts - ? WHERE id = ?",
                (int(not counts), name),
            )
            return cursor.rowcount > 0

    def give_back_all(self) -> None:
        """Let all running jobs wait again: the process in which they ran is gone."""
        with self._rows.transaction() as cursor:
            cursor.execute(
                "UPDATE jobs SET state = 'queued', started = NULL, attempts = attempts - 1 WHERE state = 'running'"
            )

    def end(self, name: str, result: Mapping[str, Any] | None, error: str | None) -> bool:
        """Keep the result of a job. False where it was removed meanwhile."""
        with self._rows.transaction() as cursor:
            cursor.execute(
                "UPDATE jobs SET state = ?, result = ?, error = ?, ended = ? WHERE id = ?",
                (
                    "done" if error is None else "failed",
                    None if result is None else json.dumps(result),
                    error and error.encode("utf-8", "backslashreplace").decode(),
                    time.time(),
                    name,
                ),
            )
            return cursor.rowcount > 0

    def remove(self, name: str) -> None:
        """Forget a job."""
        with self._rows.transaction() as cursor:
            cursor.execute("DELETE FROM jobs WHERE id = ?", (name,))

    def ended_before(self, moment: float) -> list[str]:
        """The jobs that had ended then."""
        with self._rows.transaction() as cursor:
            return [name for (name,) in cursor.execute("SELECT id FROM jobs WHERE ended < ?", (moment,))]

    def names(self) -> set[str]:
        """All jobs."""
        with self._rows.transaction() as cursor:
            return {name for (name,) in cursor.execute("SELECT id FROM jobs")}

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        with self._rows.transaction() as cursor:
            return dict(cursor.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())

    def close(self) -> None:
        """Close the file, so that other processes may open it."""
        self._rows.close()


def _job(row: tuple[Any, ...]) -> Job:
    name, owner, kind, state, request, attempts, result, error, created, started, ended = row
    return Job(
        id=name,
        owner=owner,
        kind=kind,
        state=state,
        request=json.loads(request),
        attempts=attempts,
        result=json.loads(result) if result is not None else None,
        error=error,
        created=created,
        started=started,
        ended=ended,
    )
