"""Reading checkpoints without running code in them, and converting each once for fast loading."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openportrait.errors import EngineError, WeightsError
from openportrait.extras import install
from openportrait.weights import manifest
from openportrait.weights.cache import converted_folder
from openportrait.weights.manifest import NETWORKS, STITCHING, Network, WeightFile

if TYPE_CHECKING:
    import torch

Notice = Callable[[str], None]
"""Takes one line that the user should see."""

_AGAIN = "delete it and run `openportrait weights download`"
_COUNTER = "num_batches_tracked"
_ABANDONED_SECONDS = 3600
"""Age from which a file that a process was converting counts as left behind."""


def warn(text: str) -> None:
    """A notice as a Python warning."""
    warnings.warn(text, stacklevel=2)


def read_network(path: Path, file: WeightFile, network: Network, notice: Notice = warn) -> dict[str, torch.Tensor]:
    """The float32 parameters of one network by their official keys, on the CPU (integer counters stay integers).

    A `.pth` file is converted to safetensors in the cache the first time; later calls map that file.
    Raises WeightsError where the file is damaged or holds something else, EngineError where PyTorch
    or safetensors is not installed. `notice` is told where the content is not the published one.
    """
    import torch

    flat = _read_file(path, file, notice)
    if file.name == STITCHING:
        flat = _part(flat, network.name)
    _check_identity(path, flat, network)
    return {key: value.to(torch.float32) if value.is_floating_point() else value for key, value in flat.items()}


def _read_file(path: Path, file: WeightFile, notice: Notice) -> dict[str, torch.Tensor]:
    problem = manifest.damage(path)
    if problem:
        raise WeightsError(problem)
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        return _read_converted(path, file, notice)
    except ModuleNotFoundError as error:
        raise EngineError(f"reading weights needs the package {error.name}; {install('neural')}") from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(_official(load_file(path)))
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is cut short or damaged; {_AGAIN}") from error


def _read_converted(path: Path, file: WeightFile, notice: Notice) -> dict[str, torch.Tensor]:
    """The tensors of a `.pth` file, by way of its converted copy, which is made when there is none.

    The copy's name states the file's path, size and time of change, so a changed file is converted anew.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    copy = _copy_of(path)
    with suppress(SafetensorError, OSError):
        tensors = load_file(copy)
        with safe_open(copy, framework="pt") as opened:
            _check_content(path, file, (opened.metadata() or {}).get("sha256", ""), notice)
        return tensors
    tensors = _read_pickle(path)
    digest = manifest.sha256(path)
    _check_content(path, file, digest, notice)
    _keep(tensors, copy, digest, notice)
    return tensors


def _copy_of(path: Path) -> Path:
    stat = path.stat()
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    content = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:12]
    return converted_folder() / f"{path.stem}-{place}-{content}.safetensors"


def _keep(tensors: Mapping[str, torch.Tensor], copy: Path, digest: str, notice: Notice) -> None:
    """Write the converted copy whole or not at all; two processes may do so at once.

    Each writes its own file and renames it: the later rename replaces the same content. Where the
    cache cannot be written, the next start is merely slow again.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        whole = {key: value.clone(memory_format=torch.contiguous_format) for key, value in tensors.items()}
        save_file(whole, part, {"sha256": digest})
        part.replace(copy)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        why = "is full" if _is_full(error) else f"cannot be written ({error})"
        notice(
            f"the cache {copy.parent} {why}, so every start reads the original weights; "
            "free some space or set OPENPORTRAIT_CACHE to another folder"
        )
        return
    _remove_older(copy)


def _remove_older(copy: Path) -> None:
    """Delete copies of former contents of the file, and what processes that were killed left of theirs."""
    place = copy.name.rsplit("-", 1)[0]
    for other in copy.parent.glob(f"{place}-*"):
        with suppress(OSError):
            if other != copy and (other.suffix != ".part" or time.time() - other.stat().st_mtime > _ABANDONED_SECONDS):
                other.unlink()


def _is_full(error: Exception) -> bool:
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)


def _check_content(path: Path, file: WeightFile, digest: str, notice: Notice) -> None:
    """The same line for every file, so that whoever has weights of his own is told once."""
    if digest != manifest.expected_sha256(path, file):
        notice("the weights are not all the published ones; `openportrait weights verify` names the files")


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a PyTorch checkpoint; anything in it but tensors and plain containers is refused."""
    import pickle

    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(path):
            raise WeightsError(f"{path} holds more than tensors and is not opened; {_AGAIN}") from error
        raise WeightsError(f"{path} is cut short, damaged or no PyTorch file; {_AGAIN}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise WeightsError(f"{path} is cut short or damaged; {_AGAIN}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path} holds no table of weights; {_AGAIN}")
    return dict(_official(loaded))


def _official(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Key and tensor, tables within tables joined by dots, without what parallel training put before the keys."""
    import torch

    for name, value in tree.items():
        key = f"{prefix}{str(name).removeprefix('module.')}"
        if isinstance(value, torch.Tensor):
            yield key, value
        elif isinstance(value, Mapping):
            yield from _official(value, f"{key}.")


def _part(flat: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """One network of the stitching file; its safetensors form writes `NAME_module.` before each key."""
    starts = (f"{name}_module.", f"{name}.")
    return {
        key.removeprefix(start).removeprefix("module."): value
        for key, value in flat.items()
        for start in starts
        if key.startswith(start)
    }


def _check_identity(path: Path, tensors: Mapping[str, torch.Tensor], network: Network) -> None:
    def matches(other: Network) -> bool:
        return other.key in tensors and tuple(tensors[other.key].shape) == other.shape

    if not matches(network):
        held = next((other.name for other in NETWORKS.values() if matches(other)), "no network known here")
        raise WeightsError(f"{path} should hold {network.name} but holds {held}; put the right file there")
    numbers = sum(value.numel() for key, value in tensors.items() if not key.endswith(_COUNTER))
    if numbers != network.numbers:
        raise WeightsError(
            f"{path} has {numbers:,} values for {network.name} where {network.numbers:,} belong; {_AGAIN}"
        )
