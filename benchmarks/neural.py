"""Speed of the published networks on this processor: ours against their plain float32 form, in one run.

    python -m benchmarks.neural [threads]

Weights are seeded stand-ins, which take as long as trained ones. Rounds alternate, so that what else the
machine does strikes all forms alike; the shortest counts. FLOP are those of the convolutions, a
multiplication and an addition as two. Bytes are weights and maps of the convolutions, once each.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from tests.engines.neural import plain_networks as plain
from tests.engines.neural.standins import stand_in_weights
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from openportrait.engines.neural.checkpoint import read
from openportrait.engines.neural.device import choose_dtype, multiplied_in
from openportrait.engines.neural.extractors import AppearanceExtractor, MotionExtractor
from openportrait.engines.neural.generator import Generator
from openportrait.engines.neural.layers import Conv, place

CPU = torch.device("cpu")
TYPES = {
    name: dtype
    for name, dtype in {"bfloat16": torch.bfloat16, "float32": torch.float32}.items()
    if multiplied_in(CPU, dtype) == dtype
}
"""The types that this processor multiplies itself."""
MATRIX = 4096
ROUNDS = 4


def shortest(works: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of each work, the shortest of alternating rounds after one to warm up."""
    best = dict.fromkeys(works, float("inf"))
    for turn in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken = time.perf_counter() - start
            best[name] = min(best[name], taken) if turn else best[name]
    return best


def matrix_rates() -> dict[str, float]:
    """FLOP a second of one large matrix product in each type."""
    pairs = {name: [torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2)] for name, dtype in TYPES.items()}
    taken = shortest({name: lambda pair=pair: pair[0] @ pair[1] for name, pair in pairs.items()})  # type: ignore[misc]
    return {name: 2 * MATRIX**3 / seconds for name, seconds in taken.items()}


class Counter:
    """FLOP and bytes of the convolutions of some networks while they run."""

    def __init__(self, *networks: nn.Module) -> None:
        self.bytes = 0
        for network in networks:
            for part in network.modules():
                if isinstance(part, Conv):
                    part.register_forward_hook(self._add)

    def _add(self, conv: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(conv, Conv)
        self.bytes += conv.weight.nbytes + output.nbytes + inputs[0].numel() * conv.weight.element_size()


def flop(work: Callable[[], Any]) -> int:
    """FLOP of the convolutions and matrix products that run."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


class Subject:
    """One number type of the generator, with inputs."""

    def __init__(self, dtype: torch.dtype, volume: Tensor, x_d: Tensor, x_s: Tensor) -> None:
        start = time.perf_counter()
        self.generator = Generator(stand_in_weights, CPU, dtype)
        self.built_seconds = time.perf_counter() - start
        self.source = self.generator.warping.source(volume)
        self.x_d, self.x_s = x_d, x_s

    def __call__(self) -> Tensor:
        return self.generator.pictures(self.source, self.x_d, self.x_s)

    def parts(self) -> dict[str, Callable[[], Any]]:
        """Each step on the outputs of the step before."""
        warping, source, x_d, x_s = self.generator.warping, self.source, self.x_d, self.x_s
        fields = warping.fields(source, x_d, x_s)
        features = warping.hourglass(fields)
        mask, occlusion = warping.heads(features)
        displacement = warping.displacement(mask, x_d, x_s)
        warped = warping.moved(source, displacement, occlusion)
        return {
            "W fields": lambda: warping.fields(source, x_d, x_s),
            "W hourglass": lambda: warping.hourglass(fields),
            "W mask and occlusion": lambda: warping.heads(features),
            "W displacement": lambda: warping.displacement(mask, x_d, x_s),
            "W moved features": lambda: warping.moved(source, displacement, occlusion),
            "G": lambda: self.generator.decoder.logits(warped),
        }


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """A feature volume, driving and source keypoints."""
    g = torch.Generator().manual_seed(1)
    x_s = torch.rand((1, 21, 3), generator=g) - 0.5
    x_d = x_s + 0.08 * torch.randn((1, 21, 3), generator=g)
    return 0.5 * torch.randn((1, 32, 16, 64, 64), generator=g), x_d, x_s


def peak_gigabytes() -> float:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(threads: int) -> None:
    """Print the tables."""
    torch.set_num_threads(threads)
    volume, x_d, x_s = inputs()
    print(f"PyTorch {torch.__version__}, {threads} threads; `--precision auto` is {choose_dtype(CPU, 'auto')} here")
    warp_state, decoder_state = stand_in_weights("warping_module"), stand_in_weights("spade_generator")
    weights_gigabytes = peak_gigabytes()
    subjects: dict[str, Subject] = {}
    for name, dtype in TYPES.items():
        subjects[name] = Subject(dtype, volume, x_d, x_s)
        subjects[name]()
        print(f"memory with the generator in {name:9s} {peak_gigabytes() - weights_gigabytes:5.2f} GB more than before")

    def run_plain() -> Tensor:
        return plain.decode(decoder_state, plain.warp(warp_state, volume, x_d, x_s))

    rates = matrix_rates()
    taken = shortest({"plain": run_plain, **subjects})
    counts = {"plain": flop(run_plain), **{name: flop(subject) for name, subject in subjects.items()}}
    expected = run_plain().permute(0, 2, 3, 1)
    print(
        f"\n{'form':9s} {'ms/frame':>9s} {'× plain':>8s} {'PSNR':>6s} {'TFLOP':>6s} {'GB':>5s} {'of matrix rate':>15s}"
    )
    print(f"{'plain':9s} {1e3 * taken['plain']:9.0f} {1:8.1f} {'–':>6s} {counts['plain'] / 1e12:6.2f}")
    for name, subject in subjects.items():
        psnr = -10 * float(torch.log10(((subject().float() / 255 - expected) ** 2).mean()))
        counter = Counter(subject.generator.warping, subject.generator.decoder)
        subject()
        share = counts[name] / taken[name] / rates[name]
        print(
            f"{name:9s} {1e3 * taken[name]:9.0f} {taken['plain'] / taken[name]:8.1f} {psnr:6.1f} "
            f"{counts[name] / 1e12:6.2f} {counter.bytes / 1e9:5.2f} {share:9.0%} of {rates[name] / 1e12:.2f} TFLOP/s"
        )
    for name, subject in subjects.items():
        print(f"\nparts in {name} (built in {subject.built_seconds:.1f} s)")
        for part, seconds in shortest(subject.parts()).items():
            print(f"  {part:22s} {1e3 * seconds:8.1f} ms")
    once(torch.rand(1, 3, 256, 256))


def once(image: Tensor) -> None:
    """What is computed once a driving frame (M) and once a source (F)."""
    works: dict[str, Callable[[], Any]] = {}
    motion = read("motion_extractor", stand_in_weights("motion_extractor"), MotionExtractor)
    works["M float32"] = lambda: motion(image)
    for name, dtype in TYPES.items():
        key = "appearance_feature_extractor"
        appearance = read(key, stand_in_weights(key), AppearanceExtractor)
        place(appearance, CPU, dtype)
        works[f"F {name}"] = lambda appearance=appearance: appearance(image)  # type: ignore[misc]
    print("\nonce a driving frame, once a source")
    for name, seconds in shortest(works).items():
        print(f"  {name:22s} {1e3 * seconds:8.1f} ms")


if __name__ == "__main__":
    with torch.inference_mode():
        main(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
