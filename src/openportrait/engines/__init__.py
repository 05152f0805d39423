"""The engines that compute pictures: the mesh engine, which needs nothing, and the neural engine, which needs
weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from openportrait.engines.base import Engine
from openportrait.extras import install
from openportrait.options import EngineOptions

_NEURAL_PACKAGES = ("torch", "safetensors")


@dataclass(frozen=True)
class EngineStatus:
    """Whether an engine can run here."""

    name: str
    """`mesh` or `neural`."""
    problem: str = ""
    """Why not, and what to do about it, in one line; empty where it can."""

    @property
    def ready(self) -> bool:
        """Whether it can run."""
        return not self.problem


def load(options: EngineOptions) -> Engine:
    """The engine that the options name; `auto` is the neural one where it can run, else the mesh engine.

    Raises EngineError or WeightsError where the neural engine is asked for by name, or its weights' folder
    is named, and it cannot run.
    """
    if options.engine == "neural" or (options.engine == "auto" and (options.weights or _neural(options).ready)):
        from openportrait.engines.neural import load_neural

        return load_neural(options)
    from openportrait.engines.mesh.engine import MeshEngine

    return MeshEngine(options)


def available(options: EngineOptions | None = None) -> list[EngineStatus]:
    """What can run here, and why the rest cannot; nothing is loaded or downloaded.

    Raises WeightsError where a folder of weights is named that has none.
    """
    return [EngineStatus("mesh"), _neural(options or EngineOptions())]


def _neural(options: EngineOptions) -> EngineStatus:
    lacking = [name for name in _NEURAL_PACKAGES if find_spec(name) is None]
    if lacking:
        return EngineStatus("neural", f"{' and '.join(lacking)} missing; {install('neural')}")
    from openportrait import weights

    return EngineStatus("neural", "" if weights.locate(options.weights) else weights.HOW_TO_GET)
