"""Runs the shipped TensorFlow Lite networks, on OpenCV or, where installed, on LiteRT.

They lie in `assets/models`: one by itself, the others uncompressed in `face_landmarker.task`, an ordinary zip.
Nothing is read before the first network is asked for.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from openportrait import leaving

Tensor = NDArray[np.float32]
Runtime = Literal["auto", "opencv", "litert"]


class Network(Protocol):
    """One network: float32 in (N, H, W, C) or (N, P, 2), named float32 tensors out."""

    def __call__(self, tensor: Tensor) -> dict[str, Tensor]:
        """Run once; not to be called from two threads at a time."""
        ...


@cache
def member(name: str) -> bytes:
    """The bytes of one shipped file, which may lie inside `face_landmarker.task`."""
    models = files("openportrait") / "assets" / "models"
    if (models / name).is_file():
        return (models / name).read_bytes()
    with (models / "face_landmarker.task").open("rb") as stream, zipfile.ZipFile(stream) as archive:
        return archive.read(name)


def load_network(name: str, outputs: tuple[str, ...], runtime: Runtime = "auto") -> Network:
    """The shipped network `name`; `auto` takes LiteRT where it can be imported, else OpenCV."""
    if runtime != "opencv":
        try:
            return _LiteRTNetwork(member(name), outputs)
        except (ImportError, OSError):
            if runtime == "litert":
                raise
    return _OpenCVNetwork(member(name), outputs)


class _OpenCVNetwork:
    def __init__(self, model: bytes, outputs: tuple[str, ...]) -> None:
        # OpenCV 5's new engine gives only one output of these networks; 4.x has no choice of engine.
        engine = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
        options: dict[str, Any] = {} if engine is None else {"engine": engine}
        # A file, since OpenCV 5.0 heeds the engine for files only, not for models in memory.
        with tempfile.TemporaryDirectory(prefix="openportrait-") as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(model)
            self._net = cv2.dnn.readNetFromTFLite(str(path), **options)
        self._outputs = outputs

    def __call__(self, tensor: Tensor) -> dict[str, Tensor]:
        blob = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2)) if tensor.ndim == 4 else tensor
        self._net.setInput(blob)
        results = self._net.forward(list(self._outputs))
        # OpenCV may hand out views of buffers that the next run overwrites.
        return {name: np.array(value) for name, value in zip(self._outputs, results, strict=True)}


_GREETING = re.compile(rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.\n?")
"""Its words alone: the end of its line may be written apart, behind what another thread writes."""
_LONGEST_WRITE_SECONDS = 1.0
_loading = threading.Lock()


@contextmanager
def _ungreeted() -> Iterator[None]:
    """Keep LiteRT's greeting off the user's terminal, and nothing else.

    It is written once a process to file descriptor 2, and no option silences it. So what arrives there meanwhile,
    from other threads and from processes that they start, goes through a pipe and is handed on without that line.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # closed: there is nobody to greet
        yield
        return
    source, sink = os.pipe()
    reader = threading.Thread(target=_hand_on, args=(source, os.dup(terminal)), daemon=True)
    reader.start()
    os.dup2(sink, 2)
    os.close(sink)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        # Until every write that had begun has ended; a process that was started meanwhile is not waited for.
        reader.join(_LONGEST_WRITE_SECONDS)


def _hand_on(source: int, terminal: int) -> None:
    """Copy line by line what comes out of a pipe, without the greeting; both descriptors are closed at the end."""
    line = b""
    with suppress(OSError):
        while part := os.read(source, 65536):
            whole, end, line = (line + part).rpartition(b"\n")
            os.write(terminal, _GREETING.sub(b"", whole + end))
        os.write(terminal, line)
    os.close(source)
    os.close(terminal)


@cache
def _greeted() -> None:
    """LiteRT has greeted: a first network was loaded, the smallest one."""
    with _ungreeted():
        _interpreter(member("face_blendshapes.tflite"))


def _interpreter(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


class _LiteRTNetwork:
    def __init__(self, model: bytes, outputs: tuple[str, ...]) -> None:
        with _loading:
            with leaving.undivided():  # what is said on leaving goes to file descriptor 2
                _greeted()
            leaving.answer_now()
        self._interpreter = _interpreter(model)
        self._input = self._interpreter.get_input_details()[0]["index"]
        places = {detail["name"]: detail["index"] for detail in self._interpreter.get_output_details()}
        self._outputs = {name: places[name] for name in outputs}

    def __call__(self, tensor: Tensor) -> dict[str, Tensor]:
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(place) for name, place in self._outputs.items()}
