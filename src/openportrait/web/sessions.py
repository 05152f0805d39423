"""What each visitor has here: a folder, running jobs, an editor, a live session. Nothing is shared between them."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openportrait.errors import OpenPortraitError
from openportrait.options import Options
from openportrait.pipeline.editor import Editor
from openportrait.pipeline.live import LiveSession

ROOMS_KEPT = 20
"""Results of so many jobs stay on the page; older ones make room."""
STALE_SECONDS = 86_400.0
"""A session that nobody touched for so long is over: callers of the HTTP API need not say goodbye."""
LATE_SECONDS = 30.0
"""For so long a closed page's last events may still arrive; they must not open its session anew."""
PATIENCE_SECONDS = 10.0
"""How long the end of a session waits for its jobs to stop."""


@dataclass
class Session:
    """One visitor's page."""

    folder: Path
    uploads: set[Path] = field(default_factory=set)
    jobs: dict[str, threading.Event] = field(default_factory=dict)
    """Ticket → set to stop that job."""
    touched: float = 0.0
    """When it was last asked for, s of the monotonic clock."""
    closed: threading.Event = field(default_factory=threading.Event)
    running: set[Future[Any]] = field(default_factory=set)
    live: LiveSession | None = None
    live_token: str = ""
    recording: Path | None = None
    """The file that the live session is writing."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the editor works."""
    _rooms: list[Path] = field(default_factory=list)
    _editor: tuple[Path, Options, Editor] | None = None

    def room(self) -> Path:
        """A new empty folder for one job's results."""
        path = self.folder / secrets.token_hex(8)
        path.mkdir(parents=True)
        self._rooms.append(path)
        while len(self._rooms) > ROOMS_KEPT:
            shutil.rmtree(self._rooms.pop(0), ignore_errors=True)
        return path

    def begin(self) -> str:
        """The ticket of a new job, which may wait in line for long; its event stops it."""
        ticket = secrets.token_hex(8)
        self.jobs[ticket] = threading.Event()
        return ticket

    def editor(self, source: Path, options: Options) -> Editor:
        """The editor of this portrait; measured once. Raises what `Editor` raises."""
        if not self.knows(source, options):
            self._editor = (source, options, Editor(source, options))
        assert self._editor is not None
        return self._editor[2]

    def knows(self, source: Path, options: Options) -> bool:
        """Whether the editor of this portrait is at hand."""
        return self._editor is not None and self._editor[:2] == (source, options)

    def close(self) -> None:
        """Stop what runs, then remove the folder."""
        self.closed.set()
        for stop in list(self.jobs.values()):
            stop.set()
        wait(list(self.running), PATIENCE_SECONDS)
        if self.live is not None:
            self.live.finish()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """The visitors by their session's name."""

    def __init__(self, root: Path) -> None:
        """`root`: the folder under which all sessions' and uploaded files lie."""
        self.root = root
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._kept: set[Path] = set()
        self._gone: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def keep_present(self) -> None:
        """What lies in the folder now belongs to the app, as the pictures of its examples: no session removes it."""
        self._kept = {path for path in self.root.rglob("*") if path.is_file()}

    def of(self, name: str | None, uploads: Iterable[Path | None] = ()) -> Session:
        """The session of that name, opened where it is new; it answers for these uploaded files from now on.

        Raises OpenPortraitError for an event of a page that was just closed.
        """
        now = time.monotonic()
        for stale in [key for key, session in list(self._open.items()) if now - session.touched > STALE_SECONDS]:
            self.close(stale)
        with self._lock:
            self._gone = {key: when for key, when in self._gone.items() if now - when < LATE_SECONDS}
            if (name or "") in self._gone:
                raise OpenPortraitError("this page was closed; load it again")
            session = self._open.get(name or "")
            if session is None:
                session = self._open[name or ""] = Session(self.root / f"session-{secrets.token_hex(16)}")
                session.folder.mkdir(parents=True)
            session.touched = now
            session.uploads.update(path for path in uploads if path is not None)
            return session

    def live(self, token: str) -> LiveSession | None:
        """The live session that was given this token."""
        with self._lock:
            live = [session for session in self._open.values() if session.live is not None]
            named = (one.live for one in live if secrets.compare_digest(one.live_token.encode(), token.encode()))
            return next(named, None)

    def close(self, name: str | None) -> None:
        """End a session: its jobs stop, its files go; equal uploads of others stay."""
        with self._lock:
            session = self._open.pop(name or "", None)
            if session is None:
                return
            self._gone[name or ""] = time.monotonic()
            still_used = set().union(*(other.uploads for other in self._open.values()))
        session.close()
        for path in session.uploads - still_used - self._kept:
            if path.is_relative_to(self.root):
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    path.parent.rmdir()

    def close_all(self) -> None:
        """End every session."""
        for name in list(self._open):
            self.close(name)
