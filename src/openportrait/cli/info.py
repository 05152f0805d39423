"""`openportrait info`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

from openportrait.cli.console import emit, emit_json
from openportrait.cli.flags import AsJson, Values, flags
from openportrait.cli.weights import described
from openportrait.options import EngineOptions

PACKAGES = ("numpy", "opencv-python-headless", "av", "ai-edge-litert", "torch", "onnxruntime", "gradio", "c2pa-python")
BUNDLED_MODELS, BUNDLED_LICENCE = ("face_landmarker.task", "selfie_segmentation.tflite"), "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Info:
    """Show the version, which engines and devices can be used here, and the model files with their licences."""

    json: AsJson = False
    engine: Annotated[Values, flags(EngineOptions, only=("weights",))]

    def run(self) -> None:
        """Collect and print."""
        facts = collect(EngineOptions(**self.engine))
        if self.json:
            emit_json(facts)
            return
        emit(f"openportrait {facts['version']}, Python {facts['python']}, {facts['platform']}")
        emit("engines")
        for engine in facts["engines"]:
            emit(f"  {engine['name']:8s} {'ready' if engine['ready'] else engine['problem']}")
        emit(f"devices: {', '.join(facts['devices'])}")
        emit("packages")
        for name, number in facts["packages"].items():
            emit(f"  {name:24s} {number or '–'}")
        emit("model files")
        for model in facts["models"]:
            emit(f"  {model['name']:30s} {model['state']:8s} {model['bytes'] / 1e6:6.1f} MB  {model['licence']}")


def collect(options: EngineOptions) -> dict[str, Any]:
    """Facts about this installation, as plain values."""
    from importlib.metadata import version
    from importlib.resources import files

    from openportrait import engines, weights

    bundled = [files("openportrait") / "assets" / "models" / name for name in BUNDLED_MODELS]
    return {
        "version": version("openportrait"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "engines": [
            {"name": status.name, "ready": status.ready, "problem": status.problem}
            for status in engines.available(options)
        ],
        "devices": _devices(),
        "packages": {name: _version(name) for name in PACKAGES},
        "models": [
            *(
                {
                    "name": model.name,
                    "state": "present",
                    "bytes": len(model.read_bytes()),
                    "licence": BUNDLED_LICENCE,
                    "path": str(model),
                }
                for model in bundled
            ),
            *(described(file) for file in weights.list_files(options.weights)),
        ],
    }


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """What `--device` may name here."""
    if find_spec("torch") is None:
        return ["cpu"]
    import torch

    cuda = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    others = [name for name in ("mps", "xpu") if getattr(torch, name).is_available()]
    return ["cpu", *cuda, *others]
