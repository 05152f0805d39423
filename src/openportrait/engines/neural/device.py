"""Where the networks run and in which number type, chosen once at load."""

from __future__ import annotations

import torch

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

    PyTorch has these questions under private names only; where a release lacks them, the answer is no.
    """
    questions = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(question() for question in questions if question is not None)
