"""Where the networks run and in which number type, chosen once at load; and recorded CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from openportrait.errors import EngineError, OptionError
from openportrait.options import Precision

KINDS = ("cuda", "mps", "xpu", "cpu")
"""In the order of preference."""

_DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_KERNEL_QUESTIONS = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}


def choose_device(name: str) -> torch.device:
    """The device that an option names; `auto` is the first of CUDA, MPS, XPU and CPU that is here.

    Raises OptionError for an unknown name, EngineError for a device that is not here.
    """
    if name == "auto":
        return torch.device(next(kind for kind in KINDS if _count(kind)))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in KINDS:
        raise OptionError(f"--device is {name!r}; choose auto, {', '.join(KINDS)}, or one of several as cuda:1")
    if (device.index or 0) >= _count(device.type):
        here = ", ".join(kind for kind in KINDS if _count(kind))
        raise EngineError(f"there is no device {name} for PyTorch {torch.__version__} here; there is {here}")
    return device


def choose_dtype(device: torch.device, precision: Precision) -> torch.dtype:
    """The type of the large networks' convolutions.

    `auto` is float16 on a GPU, bfloat16 on a processor with instructions for it, else float32.
    """
    if precision != "auto":
        return _DTYPES[precision]
    if device.type != "cpu":
        return torch.float16
    return torch.bfloat16 if _has_bfloat16_units() else torch.float32


def multiplied_in(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """The type in which convolutions of maps in `dtype` are computed: `dtype` wherever there are kernels for it.

    A processor without them imitates a narrow type number by number, which takes up to 300 times as long
    as float32; there products are float32 and only maps and weights are rounded, as matrix units do it.
    """
    question = _KERNEL_QUESTIONS.get(dtype) if device.type == "cpu" else None
    if question is None:
        return dtype
    has_kernels = getattr(torch.ops.mkldnn, question, None)
    return dtype if has_kernels is not None and has_kernels() else torch.float32


def spelled(dtype: torch.dtype) -> str:
    """`float16`, not `torch.float16`."""
    return str(dtype).removeprefix("torch.")


def on_processor(x: torch.Tensor) -> bool:
    """Whether a CPU computes with it: some forms that suit its caches do not suit a GPU, and the other way round."""
    return x.device.type == "cpu"


def wider(device: torch.device) -> torch.dtype:
    """The type for a part whose values leave float16's range."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    if kind == "xpu":
        return torch.xpu.device_count() if torch.xpu.is_available() else 0
    return 1


def _has_bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16 natively (AMX, AVX-512 BF16); emulated it is slower than float32.

    PyTorch answers this under private names only; where a release lacks them, the answer is no.
    """
    questions = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(question() for question in questions if question is not None)


# Recorded CUDA graphs: hundreds of small launches as one


Step = Callable[..., Sequence[Tensor]]


class Graphs:
    """A function of tensors on a CUDA device, recorded for each set of shapes that comes again.

    The first call with some shapes just runs: a single picture, or the last few of a clip, would not pay
    for a recording. Results lie in the recordings' own memory, which all share: the next call overwrites
    them. Only for one thread at a time.
    """

    def __init__(self, function: Step, device: torch.device, notice: Callable[[str], None]) -> None:
        """`notice` is told where recording is not possible."""
        self._function = function
        self._device = device
        self._notice = notice
        self._graphs: dict[tuple[torch.Size, ...], _Graph | None] = {}
        # Only recordings of the same stream share memory.
        self._memory = _Memory(torch.cuda.graph_pool_handle(), torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
        self._refused = False

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the function gives, valid until the next call."""
        # Streams belong to the current device, which need not be the one that was chosen.
        with torch.cuda.device(self._device):
            return self._run(inputs)

    def _run(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        shapes = tuple(value.shape for value in inputs)
        if self._refused or shapes not in self._graphs:
            self._graphs[shapes] = None
            return self._function(*inputs)
        graph = self._graphs[shapes]
        if graph is None:
            try:
                graph = self._graphs[shapes] = _Graph(self._function, inputs, self._memory)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._notice(f"CUDA graphs cannot be used here ({error}); frames take a little longer")
                self._refused = True
                return self._function(*inputs)
        return graph(inputs)


class _Memory(NamedTuple):
    """What recordings have in common."""

    pool: Any
    """As `torch.cuda.graph_pool_handle` gives it."""
    stream: torch.cuda.Stream


class _Graph:
    """One recording."""

    def __init__(self, function: Step, inputs: Sequence[Tensor], memory: _Memory) -> None:
        """Raises RuntimeError where recording is not possible."""
        self._inputs = [value.clone() for value in inputs]
        # Libraries set up their workspaces for a stream in its first run, which cannot be recorded.
        memory.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(memory.stream):
            function(*self._inputs)
        torch.cuda.current_stream().wait_stream(memory.stream)
        self._graph = torch.cuda.CUDAGraph()
        # By default, anything that another thread of the program does with CUDA would end the recording.
        with torch.cuda.graph(self._graph, memory.pool, memory.stream, capture_error_mode="thread_local"):
            self._results = function(*self._inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        for kept, value in zip(self._inputs, inputs, strict=True):
            kept.copy_(value, non_blocking=True)
        self._graph.replay()
        return self._results
