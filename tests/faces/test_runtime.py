"""The shipped networks, and the two ways to run them."""

from __future__ import annotations

import builtins
import hashlib
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from openportrait.faces import FaceFinder
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Image
from tests.conftest import missing

MODELS = files("openportrait") / "assets" / "models"
LICENCE_TITLE = "Apache License"


def test_the_shipped_bundle_is_the_published_one() -> None:
    data = (MODELS / "face_landmarker.task").read_bytes()
    assert len(data) == 3_758_596
    digest = hashlib.sha256(data).hexdigest()
    assert digest == "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
    assert digest in (MODELS / "NOTICE").read_text()
    assert LICENCE_TITLE in (MODELS / "LICENSE-Apache-2.0.txt").read_text()


def need(runtime: Runtime) -> None:
    if runtime == "litert":
        try:
            import ai_edge_litert.interpreter  # noqa: F401
        except ImportError:
            missing("ai-edge-litert (extra `fast`)")


@pytest.mark.parametrize("runtime", ["opencv", "litert"])
def test_each_runtime_finds_the_same_landmarks(runtime: Runtime, officer: Image) -> None:
    need(runtime)
    face = FaceFinder(runtime=runtime).find(officer)[0]
    other = FaceFinder(runtime="opencv").find(officer)[0]
    assert np.abs(face.landmarks - other.landmarks).max() < 0.3
    assert np.abs(face.landmarks - other.landmarks).mean() < 0.05


@pytest.mark.parametrize(
    ("name", "shape", "outputs"),
    [
        ("face_detector.tflite", (1, 128, 128, 3), ("regressors", "classificators")),
        ("face_landmarks_detector.tflite", (1, 256, 256, 3), ("Identity", "Identity_1")),
        ("face_blendshapes.tflite", (1, 146, 2), ("StatefulPartitionedCall:0",)),
    ],
)
def test_the_runtimes_agree_on_any_input(name: str, shape: tuple[int, ...], outputs: tuple[str, ...]) -> None:
    need("litert")
    tensor = np.random.default_rng(0).random(shape, np.float32)
    opencv, litert = (load_network(name, outputs, runtime)(tensor) for runtime in ("opencv", "litert"))
    for output in outputs:
        assert opencv[output].size == litert[output].size
        assert np.allclose(opencv[output].ravel(), litert[output].ravel(), rtol=1e-3, atol=2e-3)


def test_without_litert_opencv_serves(monkeypatch: pytest.MonkeyPatch, officer: Image) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("ai_edge_litert"):
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert len(FaceFinder().find(officer)) == 1
    with pytest.raises(ImportError):
        FaceFinder(runtime="litert").find(officer)
