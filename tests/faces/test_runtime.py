"""The shipped networks, and the two ways to run them."""

from __future__ import annotations

import builtins
import hashlib
import subprocess
import sys
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from openportrait.faces import FaceFinder, FaceNetworks
from openportrait.faces.runtime import Runtime, load_network
from openportrait.records import Image
from tests.conftest import missing

MODELS = files("openportrait") / "assets" / "models"
LICENCE_TITLE = "Apache License"


@pytest.mark.parametrize(
    ("name", "count", "digest"),
    [
        ("face_landmarker.task", 3_758_596, "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"),
        ("selfie_segmentation.tflite", 249_024, "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"),
    ],
)
def test_the_shipped_models_are_the_published_ones(name: str, count: int, digest: str) -> None:
    data = (MODELS / name).read_bytes()
    assert len(data) == count
    assert hashlib.sha256(data).hexdigest() == digest
    notice = (MODELS / "NOTICE").read_text()
    assert name in notice
    assert digest in notice
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
    face = FaceFinder(networks=FaceNetworks(runtime)).find(officer)[0]
    other = FaceFinder(networks=FaceNetworks("opencv")).find(officer)[0]
    assert np.abs(face.landmarks - other.landmarks).max() < 0.3
    assert np.abs(face.landmarks - other.landmarks).mean() < 0.05


@pytest.mark.parametrize(
    ("name", "shape", "outputs"),
    [
        ("face_detector.tflite", (1, 128, 128, 3), ("regressors", "classificators")),
        ("face_landmarks_detector.tflite", (1, 256, 256, 3), ("Identity", "Identity_1")),
        ("selfie_segmentation.tflite", (1, 256, 256, 3), ("activation_10",)),
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
        FaceFinder(networks=FaceNetworks("litert")).find(officer)


TALKING = """
import os, sys, threading, warnings
from openportrait.faces.runtime import load_network

said, stop = 0, threading.Event()

def talk():
    global said
    while not stop.is_set():
        os.write(2, b"line %d\\n" % said)
        warnings.warn(f"warning {said}", stacklevel=1)
        said += 1

warnings.simplefilter("always")
thread = threading.Thread(target=talk)
thread.start()
for name in ("face_detector.tflite", "face_landmarks_detector.tflite"):
    load_network(name, (), "litert")
stop.set()
thread.join()
print(said)
"""


def test_other_threads_are_heard_while_litert_loads_without_its_greeting() -> None:
    need("litert")
    ran = subprocess.run([sys.executable, "-c", TALKING], capture_output=True, text=True, timeout=60, check=True)
    said = int(ran.stdout)
    lines = ran.stderr.splitlines()
    assert {line for line in lines if line.startswith("line ")} == {f"line {i}" for i in range(said)}
    assert sum("UserWarning: warning" in line for line in lines) == said
    assert "XNNPACK" not in ran.stderr


def test_litert_loads_where_stderr_is_closed() -> None:
    need("litert")
    loads = "from openportrait.faces.runtime import load_network; load_network('face_detector.tflite', (), 'litert')"
    closed = f"import os; os.close(2); {loads}; print('loaded')"
    ran = subprocess.run([sys.executable, "-c", closed], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "loaded\n"
