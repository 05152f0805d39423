"""The neural engine: the published LivePortrait networks in PyTorch. Importing this loads no library."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from openportrait.engines.base import Engine
from openportrait.errors import EngineError, WeightsError
from openportrait.extras import install
from openportrait.options import EngineOptions

if TYPE_CHECKING:
    import torch

    from openportrait.faces import Refine
    from openportrait.weights import WeightsFolder

_KEPT = 2
"""Engines kept in memory, so that the next job need not load its weights again."""
_building = Lock()


class _Stamp(NamedTuple):
    """One weight file as it is now. When its content changes, the engine is loaded again."""

    name: str
    path: Path
    bytes: int
    changed_nanoseconds: int


def load_neural(options: EngineOptions) -> Engine:
    """The engine on the device and in the number type that the options name; jobs and threads share it.

    Raises EngineError where PyTorch or the device is missing, WeightsError where the weights are missing
    or are not those of the published networks.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise EngineError(f"the neural engine needs PyTorch; {install('neural')}") from error
    from openportrait import weights
    from openportrait.engines.neural.device import choose_device, choose_dtype

    device = choose_device(options.device)
    folder = weights.locate(options.weights)
    if folder is None:
        raise WeightsError(f"the neural engine has no weights; {weights.HOW_TO_GET}")
    stamps = tuple(_stamp(name, path.absolute()) for name, path in sorted(folder.files.items()))
    with _building:
        return _build(folder.root.absolute(), stamps, device, choose_dtype(device, options.precision))


def _stamp(name: str, path: Path) -> _Stamp:
    stat = path.stat()
    return _Stamp(name, path, stat.st_size, stat.st_mtime_ns)


@lru_cache(_KEPT)
def _build(root: Path, stamps: tuple[_Stamp, ...], device: torch.device, dtype: torch.dtype) -> Engine:
    from openportrait.engines.neural.engine import NeuralEngine
    from openportrait.weights import WeightsFolder

    notices: list[str] = []
    folder = WeightsFolder(root, {stamp.name: stamp.path for stamp in stamps})
    load = partial(folder.load, notice=notices.append)
    engine = NeuralEngine(load, device, dtype, _landmark_network(folder, device, notices))
    engine.notices = tuple(dict.fromkeys((*notices, *engine.notices)))
    return engine


def _landmark_network(folder: WeightsFolder, device: torch.device, notices: list[str]) -> Refine | None:
    """The 203-point network where it can run; elsewhere the face mesh stands in for it."""
    from openportrait.engines.neural.landmarks203 import LandmarkRefiner
    from openportrait.weights import LANDMARK, manifest

    if LANDMARK not in folder.files:
        return None
    path = folder.landmarks
    if path is None:
        problem = manifest.damage(folder.files[LANDMARK])
    elif find_spec("onnxruntime") is None:
        problem = f"{path} needs onnxruntime; {install('neural')}"
    else:
        return LandmarkRefiner(path, device).refine
    notices.append(f"{problem}; until then the face mesh gives the landmarks")
    return None
