"""The service without HTTP. Its methods wait for disks and processes, so they are called from threads."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from openportrait.arguments import as_arguments
from openportrait.batches.worker import ANIMATE, request
from openportrait.drivings import Driving
from openportrait.errors import NoFaceError, OpenPortraitError, OptionError
from openportrait.limits import UploadLimits
from openportrait.media.files import unwritable
from openportrait.media.target import remove
from openportrait.options import EngineOptions
from openportrait.serve.asked import (
    EDIT_FILES,
    EDIT_TEXTS,
    FACES_TEXTS,
    JOB_FILES,
    JOB_TEXTS,
    TEMPLATE_FILES,
    TEMPLATE_TEXTS,
    edit_asked,
    engine_values,
    faces_asked,
    job_asked,
    template_asked,
)
from openportrait.serve.crew import Crew
from openportrait.serve.fetching import fetch
from openportrait.serve.forms import Form, copied
from openportrait.serve.metrics import Metrics
from openportrait.serve.options import ServeOptions
from openportrait.serve.pictures import Pictures
from openportrait.serve.portraits import Portraits
from openportrait.serve.records import Hand, Job, Kind, Moment, Refused, State
from openportrait.serve.store import Store
from openportrait.templates import SUFFIX

JOBS = "jobs"
"""The folder of the jobs' own folders."""
PORTRAITS = "portraits"
"""The folder of the pictures that are edited."""
_PICTURE = "the picture"
"""What refusals call a picture that is edited, as the name of its file is a hash."""
MADE = "made"
"""What a job makes lies in a folder of this name within its own."""
RESULTS = ("path", "side_by_side", "template")
"""The files of a result, by their names in its record."""
_DIGITS = 32
"""Hexadecimal ones of a job's name: it cannot be guessed."""
_HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Hands:
    """What does the work of a service."""

    jobs: Sequence[Hand]
    pictures: Sequence[Hand]


class Service:
    """Jobs on disk, the hands that do them, and the limits of those who ask."""

    def __init__(self, options: ServeOptions, engine: EngineOptions, hands: Hands) -> None:
        """Raises MediaError where the folder cannot be used."""
        self.options, self._engine = options, engine_values(engine)
        self.draining = False
        self.metrics = Metrics()
        try:
            (options.folder / JOBS).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(options.folder / JOBS, error) from error
        self._root = options.folder.resolve() / JOBS
        self.store = Store(options.folder)
        self.store.give_back_all()
        self._remove_strays()
        self._portraits = Portraits(options.folder.resolve() / PORTRAITS)
        self.crew = Crew(self.store, hands.jobs, self, options.retries, options.job_minutes)
        self.pictures = Pictures(hands.pictures)

    def start(self) -> None:
        """Begin to do the jobs that wait."""
        self.crew.start()
        self.pictures.start({"kind": "warm", "source": "", "engine": self._engine})

    def accept(self, kind: Kind, owner: str, form: Form, key: str | None) -> Job:
        """Accept a job: from now on it will be done, even if this process ends. Raises Refused."""
        most = {"most_open": self.options.max_jobs, "most_waiting": self.options.max_waiting}
        if key is None:
            self.store.check_room(owner, **most)
        parts = JOB_FILES if kind == ANIMATE else TEMPLATE_FILES
        form.check_names(parts, JOB_TEXTS if kind == ANIMATE else TEMPLATE_TEXTS)
        name = secrets.token_hex(_DIGITS // 2)
        folder = self._folder(name)
        kept = False
        try:
            folder.mkdir(mode=0o700)
            names, digests = self._taken(form, tuple(parts), folder)
            asked = job_asked(form, names, self.options.max_seconds) if kind == ANIMATE else template_asked(form, names)
            files = [str(folder / one) for several in names.values() for one in several]
            self._asked_at_once({"kind": "check", "source": files[0], "files": files, "asked": asked})
            _sync(folder)
            digest = hashlib.sha256(json.dumps([kind, asked, digests], sort_keys=True).encode()).hexdigest()
            job = Job(name, owner, kind, "queued", asked, 0, None, None, time.time(), None, None)
            found = self.store.add(job, key, digest, **most)
            kept = found.id == name
        finally:
            if not kept:
                remove(folder)
        self.crew.wake()
        return found

    def look(self, owner: str, name: str) -> tuple[Job, Moment | None]:
        """A job and its progress. Raises Refused where the owner has none of that name."""
        job = self.store.get(name, owner)
        if job is None:
            raise Refused(404, "there is no such job; it may have been removed")
        return job, self.crew.moment(name)

    def remove(self, owner: str, name: str) -> None:
        """End and forget a job. Raises Refused where the owner has none of that name."""
        job, _ = self.look(owner, name)
        self._forget(job.id)

    def result(self, owner: str, name: str, which: str) -> Path:
        """A file of a result. Raises Refused."""
        job, _ = self.look(owner, name)
        if job.is_open:
            raise Refused(409, f"the job is {job.state}; wait until it is done", 1)
        made = (job.result or {}).get(which)
        path = self._folder(name) / MADE / str(made)
        if not made or not path.is_file():
            raise Refused(404, f"the job is {job.state} and has no such file")
        return path

    def edit(self, form: Form) -> tuple[bytes, str, list[str]]:
        """Edit a picture by sliders: the content, the format, and the warnings. Raises Refused."""
        form.check_names(EDIT_FILES, EDIT_TEXTS)
        asked = edit_asked(form)
        with self._picture(form) as path:
            made = self._portraits.place(f".{asked['format']}")
            try:
                found = self._asked_at_once(
                    {
                        "kind": "edit",
                        "source": str(path),
                        "edit": asked["edit"],
                        "options": {**asked["options"], **self._engine},
                        "output": str(made),
                    },
                    _PICTURE,
                )
                warnings = [self._plainly(line, path.parent).replace(path.name, _PICTURE) for line in found["warnings"]]
                return made.read_bytes(), asked["format"], warnings
            finally:
                remove(made)

    def faces(self, form: Form) -> dict[str, Any]:
        """The faces of a picture. Raises Refused."""
        form.check_names(EDIT_FILES, FACES_TEXTS)
        options = {**faces_asked(form)["options"], **self._engine}
        with self._picture(form) as path:
            found = self._asked_at_once({"kind": "faces", "source": str(path), "options": options}, _PICTURE)
        return {name: found[name] for name in ("width", "height", "faces")}

    def _picture(self, form: Form) -> AbstractContextManager[Path]:
        parts = form.parts("picture")
        if not parts:
            raise Refused(422, "there is no picture; send its file as a part of that name")
        return self._portraits.held(parts[0], self.options.max_upload_mb)

    def sweep(self) -> None:
        """Remove what is older than it is kept."""
        self._portraits.sweep()
        for name in self.store.ended_before(time.time() - self.options.keep_hours * _HOUR_SECONDS):
            self._forget(name)

    def drain(self) -> None:
        """Accept nothing more, and let running jobs end as far as time allows."""
        self.draining = True
        self.crew.drain(self.options.drain_seconds)

    def close(self) -> None:
        """Close the rest, after the last request."""
        self.pictures.close()
        self.store.close()

    def expires(self, job: Job) -> float | None:
        """When the job and its result are removed, seconds since 1970."""
        return None if job.ended is None else job.ended + self.options.keep_hours * _HOUR_SECONDS

    def check_open(self) -> None:
        """Raise Refused where the service accepts nothing more."""
        if self.draining:
            raise Refused(503, "the service is about to stop; try again soon", 10)

    def _folder(self, name: str) -> Path:
        return self._root / name

    def _forget(self, name: str) -> None:
        self.store.remove(name)
        # The folder of a job that runs is removed after its hand has ended it.
        if not self.crew.cancel(name):
            remove(self._folder(name))

    def _remove_strays(self) -> None:
        """Remove the folders of jobs that were never accepted, or were removed."""
        known = self.store.names()
        for path in self._root.iterdir():
            if len(path.name) == _DIGITS and path.name not in known:
                remove(path)

    def _taken(
        self, form: Form, parts: Sequence[str], folder: Path
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The names of a form's files as they were written to `folder`, and their digests, by parts."""
        names: dict[str, list[str]] = {}
        digests: dict[str, list[str]] = {}
        for part in parts:
            given = form.parts(part)
            names[part] = [f"{part}{place or ''}{one.suffix}" for place, one in enumerate(given)]
            digests[part] = [
                copied(one, folder / name, self.options.max_upload_mb, fetch if self.options.allow_urls else None)
                for one, name in zip(given, names[part], strict=True)
            ]
        return names, digests

    def _asked_at_once(self, job: Mapping[str, Any], name: str = "") -> dict[str, Any]:
        """What a hand answers. `name`: of its file in refusals, where it lies here under another. Raises Refused."""
        source = Path(job["source"])

        def plainly(text: object) -> str:
            return self._plainly(text, source.parent).replace(source.name, name or source.name)

        limits = {item.name: getattr(self.options, item.name) for item in fields(UploadLimits)}
        try:
            found = self.pictures.ask({"files": [job["source"]], "limits": limits, **job})
        except (OptionError, NoFaceError) as error:
            raise Refused(422, plainly(error)) from error
        except OpenPortraitError as error:
            raise Refused(415, plainly(error)) from error
        if found["status"]:
            raise Refused(found["status"], plainly(found["line"]))
        return found

    def _plainly(self, text: object, folder: Path) -> str:
        """A text for clients: without folders of this machine, and with names of options in place of flags."""
        return as_arguments(str(text).replace(f"{folder / MADE}/", "").replace(f"{folder}/", ""))

    def wanted(self, job: Job) -> Mapping[str, Any]:
        """The request to a hand."""
        folder, asked = self._folder(job.id), job.request
        made = folder / MADE
        remove(made)
        made.mkdir(mode=0o700)
        options = {**asked["options"], **self._engine}
        if job.kind != ANIMATE:
            wanted = {"source": str(folder / asked["source"]), "output": str(made / f"result{SUFFIX}")}
            return {"kind": job.kind, "options": options, **wanted}
        drivings = tuple(Driving(**{**one, "file": folder / one["file"]}) for one in asked["drivings"])
        if (folder / str(options.get("background", ""))).is_file():
            options["background"] = str(folder / options["background"])
        output = made / f"result.{asked['format']}" if asked["format"] else made
        return request(folder / asked["source"], drivings, output, options)

    def kept(self, job: Job, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The part of a hand's answer that is kept."""
        folder = self._folder(job.id)
        files = {name: Path(answer[name]).name for name in RESULTS if answer.get(name)}
        warnings = [self._plainly(line, folder) for line in answer["warnings"]]
        return {**answer, **dict.fromkeys(RESULTS), **files, "warnings": warnings}

    def said(self, job: Job, error: OpenPortraitError) -> str:
        """The part of an error that is kept."""
        return self._plainly(error, self._folder(job.id))

    def ended(self, job: Job, state: State, seconds: float) -> None:
        """A job ended: remove its inputs."""
        self.metrics.job_ended(job.kind, state, seconds)
        with suppress(OSError):
            for path in self._folder(job.id).iterdir():
                if path.name != MADE or state == "failed":
                    remove(path)

    def dropped(self, job: Job) -> None:
        """A job was removed while it ran."""
        remove(self._folder(job.id))


def _sync(folder: Path) -> None:
    """Make sure that the content of a folder survives a loss of power."""
    for path in (*folder.iterdir(), folder, folder.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
