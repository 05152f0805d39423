"""What each visitor has here: files, running jobs, an editor, a live session. Nothing is shared between them."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from openportrait.batches.shelf import Shelf
from openportrait.bounds import shown
from openportrait.errors import MediaError, OpenPortraitError, OptionError
from openportrait.options import EngineOptions, Options
from openportrait.pipeline.editor import Editor
from openportrait.pipeline.live import LiveSession
from openportrait.pipeline.source import is_still, open_source_clip
from openportrait.pipeline.tools import Tools
from openportrait.records import FaceEdit, Image
from openportrait.web.checks import is_plain
from openportrait.web.jobs import Job
from openportrait.web.options import WebOptions

ROOMS_KEPT = 20
"""Results of so many jobs stay on the page; older ones make room."""
PICTURES_KEPT = 40
"""Pictures of found faces that stay: a tab with all its drivings shows twenty."""
TICKETS_KEPT = 50
"""A page asks for a job and then for its progress; what it never came back for is forgotten."""
UPLOADS_KEPT = 24
"""Uploads of a visitor that stay; those named longest ago make room."""
UPLOAD = "upload-"
"""What the folder of an upload begins with."""
GONE = "gone-"
"""What the name of a folder begins with that is being removed."""
UNCLAIMED_SECONDS = 300.0
"""An upload that no event has named for so long goes."""
STALE_SECONDS = 86_400.0
"""A session that nobody touched for so long is over: callers of the HTTP API need not say goodbye."""
REJOIN_SECONDS = 10.0
"""A page that is loaded anew waits so long for the end of the old one: 2 s were too few on a busy machine."""
LATE_SECONDS = 30.0
"""For so long a closed page's last events may still arrive; they must not open its session anew."""
PATIENCE_SECONDS = 3.0
"""How long the end of sessions waits for their jobs to stop."""
CLOSED = "this page was closed; load it again"
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""How `http://`, `file:` and `data:` begin. One letter alone is a drive."""


@dataclass
class Session:
    """One visitor's page."""

    name: str
    folder: Path
    uploads: dict[Path, None] = field(default_factory=dict)
    """Folders of what was handed in, the one used last at the end."""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """A secret of the page, by which it finds this again after it was loaded anew."""
    left: float | None = None
    """Since when no page shows it, s of the monotonic clock."""
    jobs: dict[str, Job] = field(default_factory=dict)
    """By their tickets, the oldest first."""
    touched: float = 0.0
    """When it was last asked for, s of the monotonic clock."""
    closed: threading.Event = field(default_factory=threading.Event)
    live: LiveSession | None = None
    live_token: str = ""
    recording: Path | None = None
    """The file that the live session is writing."""
    expressions: dict[tuple[Path, str], FaceEdit] = field(default_factory=dict)
    """What the editor showed last of each portrait: its file, and which face."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the editor works."""
    drawn: dict[FaceEdit, str] = field(default_factory=dict)
    """Expressions of the editor's portrait as pictures of the page."""
    measuring: threading.Lock = field(default_factory=threading.Lock)
    """Held while a frame is previewed."""
    _rooms: list[Path] = field(default_factory=list)
    _pictures: list[Path] = field(default_factory=list)
    _editor: tuple[Path, Options, Editor] | None = None
    _shelf: tuple[EngineOptions, Shelf] | None = None

    def room(self) -> Path:
        """A new empty folder for one job's results. Raises OpenPortraitError where the page was closed meanwhile."""
        path = self.folder / secrets.token_hex(8)
        with self._still_open():
            path.mkdir()
        self._rooms.append(path)
        while len(self._rooms) > ROOMS_KEPT:
            shutil.rmtree(self._rooms.pop(0), ignore_errors=True)
        return path

    def picture(self, image: Image) -> str:
        """A picture for the page, (H, W, 3) RGB, as a file that goes with the session."""
        path = self.folder / f"{secrets.token_hex(8)}.jpg"
        with self._still_open():
            Pillow.fromarray(image).save(path)
        self._pictures.append(path)
        while len(self._pictures) > PICTURES_KEPT:
            self._pictures.pop(0).unlink(missing_ok=True)
        return str(path)

    def shelf(self, engine: EngineOptions) -> Shelf:
        """What previews of this visitor have measured with this engine. Raises what loading the engine raises."""
        if self._shelf is None or self._shelf[0] != engine:
            self._shelf = engine, Shelf(Tools.load(engine))
        return self._shelf[1]

    @contextmanager
    def _still_open(self) -> Iterator[None]:
        """A block that writes into the folder. Raises OpenPortraitError where the page was closed meanwhile."""
        try:
            yield
        except FileNotFoundError as error:
            raise OpenPortraitError(CLOSED) from error

    def begin(self, tab: str, settings: Mapping[str, Any]) -> str:
        """The ticket of a new job, which may wait in line for long. See `Job`."""
        ticket = secrets.token_hex(8)
        self.jobs[ticket] = Job(tab, settings)
        if self.closed.is_set():
            self.jobs[ticket].stop.set()
        while len(self.jobs) > TICKETS_KEPT:
            del self.jobs[next(iter(self.jobs))]
        return ticket

    def editor(self, source: Path, options: Options) -> Editor:
        """The editor of this portrait, or of a clip's first frame; measured once. Raises what `Editor` raises."""
        if not self.knows(source, options):
            with self._still(source, options) as still:
                self._editor, self.drawn = (source, options, Editor(still, options)), {}
        assert self._editor is not None
        return self._editor[2]

    @contextmanager
    def _still(self, source: Path, options: Options) -> Iterator[Path]:
        """The source itself, or the first frame of a clip under its name, which goes again."""
        if is_still(source, options):
            yield source
            return
        with open_source_clip(source, options) as clip:
            frame = next(iter(clip)).image
        with self._still_open():
            folder = tempfile.TemporaryDirectory(dir=self.folder)
        with folder as name:
            path = Path(name) / source.name
            Pillow.fromarray(frame).save(path, "PNG")
            yield path

    def remember(self, portrait: tuple[Path, str], edit: FaceEdit) -> None:
        """The expression of a portrait is found again when it is opened anew."""
        self.expressions.pop(portrait, None)
        self.expressions[portrait] = edit
        while len(self.expressions) > UPLOADS_KEPT:
            del self.expressions[next(iter(self.expressions))]

    def knows(self, source: Path, options: Options) -> bool:
        """Whether the editor of this portrait is at hand."""
        return self._editor is not None and self._editor[:2] == (source, options)

    def stop(self) -> None:
        """Ask for the end of what runs."""
        self.closed.set()
        for job in list(self.jobs.values()):
            job.stop.set()

    def clear(self) -> None:
        """Remove all files."""
        if self.live is not None:
            self.live.finish()
        for folder in (self.folder, *self.uploads):
            gone = folder.with_name(f"{GONE}{folder.name}")
            with suppress(OSError):
                # Renamed first: what still works cannot put anything into it any more.
                folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


class Sessions:
    """The visitors by their session's name."""

    def __init__(self, root: Path, keep_minutes: float = WebOptions.keep_minutes) -> None:
        """`root`: the folder under which all sessions' and uploaded files lie; `keep_minutes`: see `WebOptions`."""
        self.root = root
        self.keep_seconds = 60 * keep_minutes
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._unclaimed: dict[Path, float] = {}
        """Folders of uploads that no session has named yet, and since when, s of the monotonic clock."""
        self._gone: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def new_upload(self) -> Path:
        """A new empty folder for one upload, with a secret name."""
        path = self.root / f"{UPLOAD}{secrets.token_hex(16)}"
        path.mkdir()
        return path

    def offer(self, folder: Path) -> None:
        """A complete upload; it is the first session's that names it."""
        with self._lock:
            self._unclaimed[folder] = time.monotonic()

    def adopt(self, name: str | None, path: Path) -> Path:
        """A copy of a file of the app's own, as if the session had uploaded it."""
        folder = self.new_upload()
        copy = folder / path.name
        shutil.copyfile(path, copy)
        self.offer(folder)
        return self.own_file(name, str(copy))

    def of(self, name: str | None) -> Session:
        """The session of that name, opened where it is new.

        Raises OpenPortraitError for an event of a page that was just closed, OptionError for one without a name.
        """
        if not name:
            raise OptionError("the request names no session; send a session_hash")
        with self._lock:
            if name in self._gone:
                raise OpenPortraitError(CLOSED)
            session = self._open.get(name)
            if session is None:
                session = self._open[name] = Session(name, self.root / f"session-{secrets.token_hex(16)}")
                session.folder.mkdir(parents=True)
            session.touched = time.monotonic()
            return session

    def leave(self, name: str | None) -> None:
        """No page shows the session any more; it is closed later, unless one comes back to it."""
        with self._lock:
            session = self._open.get(name or "")
            if session is not None:
                session.left = time.monotonic()
        if not self.keep_seconds:
            self.close(name)

    def rejoin(self, name: str | None, key: str) -> Session:
        """The session that a page of this key left, from now on called `name`; a new one where there is none."""
        end = time.monotonic() + REJOIN_SECONDS
        while not self._take_over(name, key) and any(one.key == key for one in list(self._open.values())):
            # The page may still be leaving; or it is another one, of which this is a copy, and stays.
            if time.monotonic() > end:
                break
            time.sleep(0.1)
        return self.of(name)

    def _take_over(self, name: str | None, key: str) -> bool:
        with self._lock:
            there = [one for one in self._open.values() if one.left is not None and not one.closed.is_set()]
            session = next((one for one in there if secrets.compare_digest(one.key.encode(), key.encode())), None)
            if session is None or not name or name in self._open:
                return False
            self._gone[session.name] = time.monotonic()
            self._open[name] = self._open.pop(session.name)
            session.name, session.left = name, None
            return True

    def own_file(self, name: str | None, text: str) -> Path:
        """The file that an event of the session `name` hands in: its own result, its upload, or one of nobody yet.

        Nothing is looked up for any other text. Raises OptionError for it, MediaError where the file is gone.
        """
        session = self.of(name)
        path = Path(text)
        if ADDRESS.match(text):
            raise OptionError(f"{shown(text)} is an address; download the file first, then upload it")
        if ".." in path.parts or "\0" in text or not path.is_relative_to(self.root) or path == self.root:
            raise OptionError(f"{shown(text)} is no file of this page; upload it first")
        top = self.root / path.relative_to(self.root).parts[0]
        with self._lock:
            claimed = self._unclaimed.pop(top, None) is not None
            if claimed or top in session.uploads:
                session.uploads.pop(top, None)
                session.uploads[top] = None
            elif top != session.folder:
                raise OptionError(f"{shown(path.name)} is no file of this page; upload it first")
            left = list(session.uploads)[:-UPLOADS_KEPT]
            for folder in left:
                del session.uploads[folder]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        if not is_plain(path):
            raise MediaError(f"{path} is no longer here; add it again")
        return path

    def live(self, token: str) -> LiveSession | None:
        """The live session that was given this token."""
        with self._lock:
            live = [session for session in self._open.values() if session.live is not None]
            named = (one.live for one in live if secrets.compare_digest(one.live_token.encode(), token.encode()))
            return next(named, None)

    def sweep(self) -> None:
        """Close what nobody came back to, and remove uploads that nobody used."""
        now = time.monotonic()
        for name, session in list(self._open.items()):
            left = now if session.left is None else session.left
            if now - session.touched > STALE_SECONDS or now - left > self.keep_seconds:
                self.close(name)
        with self._lock:
            self._gone = {name: when for name, when in self._gone.items() if now - when < LATE_SECONDS}
            unused = [path for path, when in self._unclaimed.items() if now - when > UNCLAIMED_SECONDS]
            for path in unused:
                del self._unclaimed[path]
        for path in unused:
            shutil.rmtree(path, ignore_errors=True)

    def close(self, *names: str | None) -> None:
        """End sessions: their jobs stop, their files go."""
        with self._lock:
            ended = [session for name in names if (session := self._open.pop(name or "", None)) is not None]
            self._gone.update({session.name: time.monotonic() for session in ended})
        for session in ended:
            session.stop()
        jobs = [job.future for session in ended for job in list(session.jobs.values())]
        wait([future for future in jobs if future is not None], PATIENCE_SECONDS)
        for session in ended:
            session.clear()

    def close_all(self) -> None:
        """End every session."""
        self.close(*list(self._open))
