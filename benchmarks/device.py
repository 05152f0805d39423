"""Speed of the neural engine on a device: by number type and batch size, of paste-back, and of a whole job.

    python -m benchmarks.device [cuda|mps|xpu|cpu]

Weights are seeded stand-ins, which take as long as trained ones. Share: of the rate at which the device
multiplies two large matrices of that type in the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.neural import flop, inputs
from tests.engines.neural.standins import stand_in_weights, write_official_layout

import openportrait
from openportrait.engines.base import Canvas, Shot
from openportrait.engines.neural.device import choose_device, choose_dtype, multiplied_in, spelled
from openportrait.engines.neural.engine import NeuralEngine
from openportrait.engines.neural.generator import Generator

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
AIM_FRAMES_A_SECOND = 250
"""Warping and decoding on a card of the H200's class."""
SECONDS = 2.0
"""How long each thing is repeated."""
FRAME = (1080, 1920, 3)


class Clock:
    """Seconds of one call on a device, median of many."""

    def __init__(self, device: torch.device) -> None:
        self._wait: Callable[[], None] = getattr(getattr(torch, device.type), "synchronize", lambda: None)

    def __call__(self, work: Callable[[], Any]) -> float:
        for _ in range(3):
            work()
        self._wait()
        taken: list[float] = []
        while sum(taken) < SECONDS or len(taken) < 3:
            start = time.perf_counter()
            work()
            self._wait()
            taken.append(time.perf_counter() - start)
        return float(np.median(taken))


def matrix_rate(clock: Clock, device: torch.device, dtype: torch.dtype) -> float:
    """FLOP a second of one large matrix product."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / clock(lambda: a @ b)


def pictures(clock: Clock, device: torch.device) -> float:
    """Print the table of W and G; the best frames a second."""
    best = 0.0
    volume, x_d, x_s = (value.to(device) for value in inputs())
    print(f"{'type':10s} {'batch':>5s} {'ms/frame':>9s} {'frames/s':>9s} {'share':>6s} {'of TFLOP/s':>10s} {'GB':>6s}")
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        if multiplied_in(device, dtype) != dtype:
            continue
        rate = matrix_rate(clock, device, dtype)
        generator = Generator(stand_in_weights, device, dtype)
        source = generator.warping.source(volume)
        count = flop(lambda g=generator, s=source: g._step(s.rows, s.compressed, s.still, x_d, x_s))  # type: ignore[misc]
        for batch in (1,) if device.type == "cpu" else (1, 2, 4, 8, 16):
            points = x_d.repeat(batch, 1, 1), x_s.repeat(batch, 1, 1)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            seconds = clock(lambda g=generator, s=source, p=points: g.pictures(s, *p)) / batch  # type: ignore[misc]
            memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
            best = max(best, 1 / seconds)
            print(
                f"{spelled(dtype):10s} {batch:5d} {1e3 * seconds:9.2f} {1 / seconds:9.1f} "
                f"{count / seconds / rate:6.0%} {rate / 1e12:10.2f} {memory:6.2f}"
            )
    return best


def painting(clock: Clock, device: torch.device) -> None:
    """Print what a whole frame takes with its paste-back, from the computer's memory and back into it."""
    engine = NeuralEngine(stand_in_weights, device, choose_dtype(device, "auto"))
    volume, x_d, x_s = inputs()
    appearance = engine._generator.warping.source(volume.to(device))
    shot = Shot(appearance, x_s[0].double().numpy(), x_d[0].double().numpy())
    place = np.array([[1.5, 0.1, 600.5], [-0.1, 1.5, 200.5], [0, 0, 1]])
    canvas = Canvas(np.zeros(FRAME, np.uint8), [shot], [place])
    count = engine.batch_size
    rendered = clock(lambda: engine.render([shot] * count)) / count
    painted = clock(lambda: engine.paint([canvas] * count)) / count
    print(f"\nface rendered and fetched {1e3 * rendered:8.2f} ms/frame\nwhole 1080p frame painted {1e3 * painted:8.2f}")


def whole_job(device: torch.device) -> None:
    """Print the frames a second of the bundled portrait driven by the bundled clip."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["OPENPORTRAIT_CACHE"] = str(folder / "cache")
        arguments: dict[str, Any] = {
            "engine": "neural",
            "weights": write_official_layout(folder / "weights"),
            "device": str(device),
        }
        source, clip = EXAMPLES / "source" / "officer.jpg", EXAMPLES / "driving" / "talk.mp4"
        openportrait.animate(source, source, folder / "warm.jpg", **arguments)
        result = openportrait.animate(source, clip, folder / "whole.mp4", **arguments)
    print(f"whole job {result.frames / result.seconds:.1f} frames/s ({result.frames} frames, {result.seconds:.1f} s)")


def main() -> None:
    """Print the tables."""
    device = choose_device(sys.argv[1] if len(sys.argv) > 1 else "auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(f"PyTorch {torch.__version__} on {name}; `--precision auto` is {choose_dtype(device, 'auto')} here\n")
    clock = Clock(device)
    best = pictures(clock, device)
    painting(clock, device)
    if device.type != "cpu":
        whole_job(device)
        met = "reached" if best >= AIM_FRAMES_A_SECOND else "not reached"
        print(f"best {best:.0f} frames/s; the aim on a card of the H200's class is {AIM_FRAMES_A_SECOND}: {met}")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
