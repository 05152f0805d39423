"""A SQLite file that one process uses at a time; its content outlives the process."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from openportrait.errors import MediaError
from openportrait.files import told


class Kind(NamedTuple):
    """The content of such a file, and its names in messages."""

    application: int
    """The application id of the file, so that no other database is taken for it."""
    tables: str
    """The statement that makes them."""
    noun: str
    """`ledger`."""
    user: str
    """What uses it, as messages say: `batch`."""
    flag: str
    """The flag that chooses another."""


class Database:
    """Used by any thread, one at a time. A transaction that was committed is there after a loss of power too."""

    def __init__(self, path: Path | None, kind: Kind) -> None:
        """`path`: None keeps it in memory. Raises MediaError: another process has it, or it is of another kind."""
        self._path = path
        self._kind = kind
        self._turn = threading.Lock()
        with self._told():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = sqlite3.connect(
                ":memory:" if path is None else path, timeout=0, isolation_level=None, check_same_thread=False
            )
            try:
                self._take()
            except BaseException:
                self._rows.close()
                raise

    def _take(self) -> None:
        """Lock the file until it is closed, and check that it is of the right kind."""
        # The lock of the first transaction is kept; the system releases it at any end of the process.
        for words in ("trusted_schema = OFF", "locking_mode = EXCLUSIVE", "synchronous = FULL"):
            self._rows.execute(f"PRAGMA {words}")
        self._rows.execute("BEGIN EXCLUSIVE")
        (mark,) = self._rows.execute("PRAGMA application_id").fetchone()
        (tables,) = self._rows.execute("SELECT count(*) FROM sqlite_master").fetchone()
        noun, flag = self._kind.noun, self._kind.flag
        if tables and mark != self._kind.application:
            raise MediaError(f"{self._path}: is another database and no {noun}; choose another with {flag}")
        self._rows.execute(f"PRAGMA application_id = {self._kind.application}")
        self._rows.execute(self._kind.tables)
        self._rows.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """A context in which all changes are made, or none where it ends with an exception. Raises MediaError."""
        with self._told():
            cursor = self._rows.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            finally:
                if self._rows.in_transaction:
                    self._rows.rollback()
                cursor.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        noun, user, flag = self._kind.noun, self._kind.user, self._kind.flag
        with self._turn:
            try:
                yield
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    raise MediaError(
                        f"{self._path}: another {user} works with this {noun}; wait for it, or choose another ({flag})"
                    ) from error
                raise MediaError(f"{self._path}: cannot be used ({told(error)}); choose another ({flag})") from error
            except sqlite3.DatabaseError as error:
                raise MediaError(
                    f"{self._path}: is no {noun} ({told(error)}); remove it, or choose another ({flag})"
                ) from error
            except OSError as error:
                raise MediaError(f"{self._path}: cannot be made ({told(error)}); choose another ({flag})") from error

    def close(self) -> None:
        """Close the file, so that other processes may open it."""
        with self._turn:
            self._rows.close()
