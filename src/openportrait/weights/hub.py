"""Downloading the published weights from the Hugging Face hub, when asked to.

Mirrors (`HF_ENDPOINT`), tokens (`HF_TOKEN`) and the offline switch (`HF_HUB_OFFLINE`) are honoured by
huggingface_hub, which carries the transfer. A file grows as `NAME.part` beside its place, so that an
interrupted download goes on where it stopped, and takes its name only once its hash is right.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from openportrait.errors import EngineError, WeightsError
from openportrait.extras import install
from openportrait.weights import manifest
from openportrait.weights.cache import weights_folder
from openportrait.weights.folder import WeightsFolder, locate
from openportrait.weights.manifest import PUBLISHED, Release, WeightFile


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is."""

    file: str
    """Name of the file under way."""
    done_bytes: int
    """Of all files, those already here included."""
    total_bytes: int


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
_RANGE_REFUSED = 416
"""HTTP status: the part that is asked for is not there."""
_UNKNOWN = (401, 404)
"""The hub answers 401 for a repository that does not exist, to those who are not logged in."""

OnProgress = Callable[[DownloadProgress], None]


def download(
    to: Path | None = None, progress: OnProgress | None = None, *, release: Release = PUBLISHED
) -> WeightsFolder | None:
    """Download the missing files into `to` (the package's cache) and give the folder, checked by hash.

    A second process that asks for the same folder waits, then finds everything there. `progress` may
    raise Cancelled. Raises WeightsError where the hub cannot be reached or gives something else, or the
    disk is full; EngineError where huggingface_hub is not installed.
    """
    folder = to or weights_folder()
    try:
        from filelock import FileLock
    except ModuleNotFoundError as error:
        raise EngineError(f"downloading needs huggingface_hub; {install('neural')}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock"):
            _fetch_missing(folder, progress or _unseen, release)
    except OSError as error:
        why = "is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else f"cannot be written ({error.strerror})"
        raise WeightsError(f"{folder} {why}; free some space there or download to another folder") from error
    return locate(folder) if release is PUBLISHED else None


def _unseen(progress: DownloadProgress) -> None:
    """Progress that nobody watches."""


def _fetch_missing(folder: Path, progress: OnProgress, release: Release) -> None:
    done = 0
    for file in release.files:
        target = folder / file.path
        if not _is_published(target, file):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            _check_space(part, file)
            with part.open("ab") as stream:
                _fetch(file, release, _Reporting(stream, file.name, done, release.bytes, progress))
            _check_content(part, file)
            part.replace(target)
        done += file.bytes
        progress(DownloadProgress(file.name, done, release.bytes))


def _is_published(path: Path, file: WeightFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and manifest.sha256(path) == file.sha256


def _check_space(part: Path, file: WeightFile) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > file.bytes:
        part.unlink()
        have = 0
    free = shutil.disk_usage(part.parent).free
    if free < file.bytes - have:
        raise WeightsError(
            f"{part.parent} has {free / 1e6:.0f} MB free where {file.name} needs {(file.bytes - have) / 1e6:.0f} MB; "
            "free some space or download to another folder"
        )


def _check_content(part: Path, file: WeightFile) -> None:
    if manifest.sha256(part) != file.sha256:
        part.unlink()
        raise WeightsError(
            f"what {_endpoint()} gave for {file.name} is not the published file (its hash differs) and was deleted; "
            "try again, or set HF_ENDPOINT to another mirror"
        )


class _Reporting:
    """The file that the transfer writes to, telling how far it is."""

    def __init__(self, stream: BinaryIO, name: str, before: int, total: int, progress: OnProgress) -> None:
        self.stream = stream
        self._name, self._before, self._total, self._progress = name, before, total, progress

    def write(self, data: bytes) -> int:
        written = self.stream.write(data)
        self._progress(DownloadProgress(self._name, self._before + self.stream.tell(), self._total))
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


def _fetch(file: WeightFile, release: Release, output: _Reporting) -> None:
    """Append what the file still lacks, from the first repository name that the hub knows."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    # The hub's error derives from the HTTP library's own, whichever that is in the installed version.
    transport = cast(tuple[type[Exception], ...], (*HfHubHTTPError.__bases__, OSError))
    for repository in release.repositories:
        try:
            with _quiet():
                http_get(
                    hf_hub_url(repository, file.path, endpoint=_endpoint()),
                    cast(BinaryIO, output),
                    resume_size=output.stream.tell(),
                    headers=build_hf_headers(library_name="openportrait"),
                    expected_size=file.bytes,
                )
            return
        except transport as error:
            if _status(error) in _UNKNOWN:
                continue
            if getattr(error, "errno", None) in _DISK:
                raise
            raise WeightsError(_network_problem(file, output.stream, error)) from error
    raise WeightsError(
        f"{_endpoint()} has no {release.repositories[0]}/{file.path}; set HF_ENDPOINT to another mirror, "
        "or copy the file from elsewhere"
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the hub's progress bar and its remarks on each retry off the terminal: a library does not print."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    bars = "huggingface_hub.http_get"
    shown = not are_progress_bars_disabled(bars)
    remarks = logging.getLogger("huggingface_hub.file_download")
    level = remarks.level
    try:
        remarks.setLevel(logging.ERROR)
        if shown:
            disable_progress_bars(bars)
        yield
    finally:
        remarks.setLevel(level)
        if shown:
            enable_progress_bars(bars)


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _network_problem(file: WeightFile, stream: BinaryIO, error: Exception) -> str:
    from huggingface_hub.errors import OfflineModeIsEnabled

    part = Path(stream.name)
    stream.close()
    have = part.stat().st_size
    foreign = have > file.bytes or _status(error) == _RANGE_REFUSED or (have and manifest.damage(part))
    if foreign or not have:
        part.unlink()
    if foreign:
        return (
            f"what {_endpoint()} gave for {file.name} is not the published file and was deleted; "
            "try again, or set HF_ENDPOINT to another mirror"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return f"{file.name} cannot be downloaded while HF_HUB_OFFLINE is set; unset it or copy the file from elsewhere"
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"the download of {file.name} from {_endpoint()} broke off ({reason}); {have / 1e6:.0f} of "
        f"{file.bytes / 1e6:.0f} MB are kept: run `openportrait weights download` again to go on"
    )
