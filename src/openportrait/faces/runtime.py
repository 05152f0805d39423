"""Runs the shipped TensorFlow Lite networks, on OpenCV or, where installed, on LiteRT.

They lie in `assets/models`: one by itself, the others uncompressed in `face_landmarker.task`, an ordinary zip.
Nothing is read before the first network is asked for.
"""

from __future__ import annotations

import os
import sys
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

if sys.platform == "linux":
    import fcntl

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


_GREETING = (b"INFO: ", b"Created TensorFlow Lite XNNPACK delegate for CPU.")
"""Written apart, as is the end of its line: between them may be what another thread writes."""
_PIPE_BYTES = 2**20
"""Room for what is written while the network loads: the most that Linux gives without privileges."""
_LONGEST_WRITE_SECONDS = 1.0
"""How long a write that had begun is waited for."""
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
    _widen(sink)
    filtered = _Filter(source, os.dup(terminal))
    reader = threading.Thread(target=filtered.run, daemon=True)
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
        filtered.release()


def _widen(sink: int) -> None:
    """Room for what other threads write meanwhile: LiteRT lets no thread of Python run while it waits to write."""
    if sys.platform == "linux":
        with suppress(OSError):  # More than this system allows; the usual room will do nearly always.
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _Filter:
    """Hands on what comes out of a pipe: from the greeting on, or from `release`, at once; before that it is held."""

    def __init__(self, source: int, terminal: int) -> None:
        self._source = source
        self._terminal = terminal
        self._lock = threading.Lock()
        self._held: bytes | None = b""

    def run(self) -> None:
        """Until the pipe ends; both descriptors are closed then."""
        with suppress(OSError):
            while part := os.read(self._source, 65536):
                self._take(part)
        self.release()
        os.close(self._source)
        os.close(self._terminal)

    def release(self) -> None:
        """Hand on what is held, without the greeting, and hold nothing more."""
        with self._lock, suppress(OSError):
            held, self._held = self._held, None
            if held:
                os.write(self._terminal, _without_greeting(held))

    def _take(self, part: bytes) -> None:
        with self._lock:
            if self._held is None:
                os.write(self._terminal, part)
                return
            self._held += part
            greeted = b"\n" in self._held.partition(_GREETING[1])[2]
        if greeted:
            self.release()


def _without_greeting(text: bytes) -> bytes:
    before, greeting, after = text.partition(_GREETING[1])
    if not greeting:
        return text
    start, _, between = before.rpartition(_GREETING[0])
    return start + between + after.removeprefix(b"\n")


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
