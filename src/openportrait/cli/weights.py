"""`openportrait weights ...`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import emit, emit_json, progress_line, say
from openportrait.cli.flags import AsJson, Values, flags
from openportrait.errors import WeightsError
from openportrait.options import EngineOptions

if TYPE_CHECKING:
    from openportrait.weights import DownloadProgress, FileStatus
    from openportrait.weights.hub import OnProgress

Folder = Annotated[Values, flags(EngineOptions, only=("weights",))]


@dataclass(frozen=True, kw_only=True)
class WeightsList:
    """List the weight files, where they are or would be, and their licences."""

    json: AsJson = False
    engine: Folder

    def run(self) -> None:
        """Judge each file by its size."""
        from openportrait import weights

        folder = EngineOptions(**self.engine).weights
        _show(weights.list_files(folder), self.json)
        if not self.json:
            emit(f"folder: {weights.path(folder)}")


@dataclass(frozen=True, kw_only=True)
class WeightsVerify:
    """Compare every weight file with the published hashes; fails unless all are the same."""

    json: AsJson = False
    engine: Folder

    def run(self) -> None:
        """Judge each file by its hash."""
        from openportrait import weights

        files = weights.verify(EngineOptions(**self.engine).weights)
        _show(files, self.json)
        wrong = [file for file in files if file.state != "present"]
        for file in wrong:
            if file.state != "missing":
                say(f"note: {file.problem}")
        if wrong:
            names = ", ".join(f"{file.name} ({file.state})" for file in wrong)
            raise WeightsError(f"not as published: {names}; `openportrait weights download --to FOLDER` replaces them")


@dataclass(frozen=True, kw_only=True)
class WeightsDownload:
    """Download the published weights, or what is missing of them.

    Nothing else downloads anything. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured.
    """

    to: Annotated[
        Path | None,
        Doc("Folder for the files; left out: the cache."),
    ] = None

    def run(self) -> None:
        """Fetch, check and print the folder."""
        from openportrait import weights

        leaving.say_instead("stopped; what was downloaded is kept: run `openportrait weights download` again to go on")
        with _download_bar() as progress:
            weights.download(self.to, progress)
        emit(self.to or weights.path())


@dataclass(frozen=True, kw_only=True)
class WeightsPath:
    """Print the folder of weights in use, or the one that a download would fill."""

    engine: Folder

    def run(self) -> None:
        """Print it."""
        from openportrait import weights

        emit(weights.path(EngineOptions(**self.engine).weights))


def described(file: FileStatus) -> dict[str, Any]:
    """Plain values of a weight file, for JSON."""
    return {
        "name": file.name,
        "state": file.state,
        "bytes": file.bytes,
        "licence": file.licence,
        "path": str(file.path),
    }


def _show(files: Sequence[FileStatus], as_json: bool) -> None:
    if as_json:
        emit_json([described(file) for file in files])
        return
    for file in files:
        emit(f"{file.name:30s} {file.state:8s} {file.bytes / 1e6:6.1f} MB  {file.licence}")


@contextmanager
def _download_bar() -> Iterator[OnProgress]:
    with progress_line() as line:

        def show(now: DownloadProgress) -> None:
            if line is not None:
                line.show(now.file, now.done_bytes / 1e6, now.total_bytes / 1e6, "MB")

        yield show
