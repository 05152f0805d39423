"""Finding weights on this machine, and telling what state they are in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openportrait.errors import WeightsError
from openportrait.weights import manifest
from openportrait.weights.cache import weights_folder
from openportrait.weights.manifest import LANDMARK, NETWORKS, PUBLISHED, Release, WeightFile

if TYPE_CHECKING:
    import torch

HOW_TO_GET = (
    f"get the weights of the neural engine ({PUBLISHED.bytes / 1e6:.0f} MB, MIT licence) with "
    "`openportrait weights download`, or name their folder with --weights"
)
"""The one line for users without weights."""

State = Literal["present", "changed", "damaged", "missing"]
"""changed: readable, but not the published content (weights of one's own, or a flaw that only a hash shows)."""


@dataclass(frozen=True)
class FileStatus:
    """One file of the release, as it is on this machine."""

    name: str
    path: Path
    """Where it is, or where it would be."""
    bytes: int
    """Size here; the published size where it is missing."""
    state: State
    licence: str
    problem: str = ""
    """What is wrong and what to do, one line; empty for `present`."""


@dataclass(frozen=True)
class WeightsFolder:
    """A folder that has every network."""

    root: Path
    files: Mapping[str, Path]
    """Name of the file (`motion_extractor`, `landmark`, ...) → its path."""

    @property
    def landmarks(self) -> Path | None:
        """The 203-point landmark network, where it is present."""
        found = self.files.get(LANDMARK)
        return None if found is None or manifest.damage(found) else found

    def load(self, network: str, notice: Callable[[str], None] | None = None) -> dict[str, torch.Tensor]:
        """The float32 parameters of a network of `NETWORKS`, by their official keys, on the CPU.

        Raises WeightsError where the file is damaged, cut short or another network's, and EngineError
        where PyTorch is not installed. `notice` is told where the content is not the published one; without
        it that is a Python warning.
        """
        from openportrait.weights.reader import read_network, warn

        wanted = NETWORKS[network]
        file = next(file for file in PUBLISHED.files if file.name == wanted.file)
        return read_network(self.files[wanted.file], file, wanted, notice or warn)


def locate(folder: Path | None = None) -> WeightsFolder | None:
    """The weights of this machine; None where there are none.

    Looked for in `folder`; else in `OPENPORTRAIT_WEIGHTS`; else, in this order, in `./pretrained_weights`,
    the package's cache and the cache of the Hugging Face hub. Within a folder the layout of the
    released project, its inner folder alone, or all files side by side will do, as `.pth` or `.safetensors`.
    A folder that was not named is passed over where a network is missing or is no more than a pointer;
    of one that was named, that raises WeightsError.
    """
    named, origin = _named(folder)
    if named is not None:
        found = _files_in(named, PUBLISHED)
        problem = _problem(found)
        if problem:
            raise WeightsError(f"{origin} {named}: {problem}")
        return WeightsFolder(named, found)
    for root in _usual_places():
        found = _files_in(root, PUBLISHED)
        if not _problem(found):
            return WeightsFolder(root, found)
    return None


def _problem(found: Mapping[str, Path]) -> str:
    """Why these files are not every network, one line; empty where they are, as far as a glance tells."""
    needed = [file.name for file in PUBLISHED.files if file.name != LANDMARK]
    missing = [name for name in needed if name not in found]
    if missing:
        return f"{', '.join(missing)} missing; {HOW_TO_GET}"
    return next(filter(None, (manifest.damage(found[name]) for name in needed)), "")


def path(folder: Path | None = None) -> Path:
    """The folder in use, or the one that a download would fill."""
    named, _ = _named(folder)
    if named is not None:
        return named
    located = locate()
    return located.root if located else weights_folder()


def list_files(folder: Path | None = None, *, release: Release = PUBLISHED) -> list[FileStatus]:
    """What is there, judged by size and first bytes; quick."""
    return [_status(file, where, quick=True) for file, where in _expected(folder, release)]


def verify(folder: Path | None = None, *, release: Release = PUBLISHED) -> list[FileStatus]:
    """What is there, judged by the hash of every file; reads all of them."""
    return [_status(file, where, quick=False) for file, where in _expected(folder, release)]


def _named(folder: Path | None) -> tuple[Path | None, str]:
    if folder is not None:
        return folder, "--weights"
    named = os.environ.get("OPENPORTRAIT_WEIGHTS")
    return (Path(named).expanduser(), "OPENPORTRAIT_WEIGHTS") if named else (None, "")


def _usual_places() -> Iterator[Path]:
    yield Path("pretrained_weights")
    yield weights_folder()
    try:
        from huggingface_hub import constants
    except ImportError:
        return
    for repository in (*PUBLISHED.repositories, *PUBLISHED.safetensors_repositories):
        place = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "snapshots"
        yield from sorted(place.glob("*"))


def _files_in(root: Path, release: Release) -> dict[str, Path]:
    found = ((file.name, next((p for p in _candidates(root, file) if p.is_file()), None)) for file in release.files)
    return {name: where for name, where in found if where is not None}


def _candidates(root: Path, file: WeightFile) -> Iterator[Path]:
    """Where a file may lie: as published, below the project's folder, without `liveportrait/`, or flat."""
    published = Path(file.path)
    yield root / published
    yield root / "pretrained_weights" / published
    yield root / published.relative_to(published.parts[0])
    yield root / published.name
    if file.safetensors_sha256:
        yield root / f"{file.name}.safetensors"
        yield root / published.parts[0] / f"{file.name}.safetensors"


def _expected(folder: Path | None, release: Release) -> Iterator[tuple[WeightFile, Path]]:
    root = path(folder)
    if _named(folder)[0] is None and not locate():
        root = next((place for place in _usual_places() if _files_in(place, release)), root)
    found = _files_in(root, release)
    for file in release.files:
        yield file, found.get(file.name, root / file.path)


def _status(file: WeightFile, where: Path, *, quick: bool) -> FileStatus:
    if not where.is_file():
        return FileStatus(file.name, where, file.bytes, "missing", file.licence, f"{where} is missing; {HOW_TO_GET}")
    size = where.stat().st_size
    problem = manifest.damage(where)
    state: State = "damaged" if problem else "present"
    if not problem and _differs(file, where, size, quick=quick):
        state = "changed"
        problem = (
            f"{where} is not the published {file.name}; right for weights of your own, "
            "else delete it and run `openportrait weights download`"
        )
    return FileStatus(file.name, where, size, state, file.licence, problem)


def _differs(file: WeightFile, where: Path, size: int, *, quick: bool) -> bool:
    if quick:
        return where.suffix != ".safetensors" and size != file.bytes
    return manifest.sha256(where) != manifest.expected_sha256(where, file)
