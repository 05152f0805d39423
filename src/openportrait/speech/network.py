"""Turns the loudness of 40 bands into what the mouth does: a small network in NumPy, block by block.

The first layers look a little ahead (`LOOK_AHEAD_SECONDS`), the others back, farther and farther. Every layer keeps
what it still needs of the past, so that sound may come in pieces of any length and the result is the same.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from openportrait.speech.features import HOP, SAMPLE_RATE, WINDOW, Signal, log_mel

RATE = 50
"""Frames of the result a second."""
STRIDE = SAMPLE_RATE // HOP // RATE
"""Windows for each frame of the result."""
OUTPUTS = ("openness", "rounding", "spreading", "closure", "lip_on_teeth", "voice")
"""What the network says of each frame, 0..1."""
_FILE = "speech.npz"
"""Its weights, in this package."""


@dataclass(frozen=True)
class Shape:
    """One layer: how many frames its filter spans, how far apart they are, how many of them lie ahead."""

    taps: int
    dilation: int = 1
    ahead: int = 0

    @property
    def past(self) -> int:
        """Frames before the present one."""
        return (self.taps - 1 - self.ahead) * self.dilation


FIRST = Shape(taps=5, ahead=2)
"""From windows to frames, each frame `STRIDE` windows."""
LAYERS = (Shape(5, ahead=2), Shape(5, ahead=2), *(Shape(3, dilation) for dilation in (2, 4, 8, 16)))
"""Each layer adds its output to its input."""
CHANNELS = 80
"""Channels of each hidden layer."""
LOOK_AHEAD_SECONDS = (
    FIRST.ahead * HOP / SAMPLE_RATE + sum(layer.ahead for layer in LAYERS) / RATE + WINDOW / 2 / SAMPLE_RATE
)
"""From the middle of the sound that a frame is about to the newest sample that it needs: 112.5 ms."""


_BEFORE = FIRST.past + sum(layer.past for layer in LAYERS)
"""Frames that are looked back on: 1.3 s."""


class Network:
    """The trained filters; any number of `Hearing`s use them at once."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """`weights` as `training/speech/train.py` writes them."""
        kept = {name: np.asarray(weights[name], np.float32) for name in weights}
        self.mean, self.deviation = kept["mean"], kept["deviation"]
        self.filters = [(kept[f"weight{place}"], kept[f"bias{place}"]) for place in range(len(LAYERS) + 1)]
        """(taps, out, in) and (out, 1) of each layer."""
        self.last = kept["weight_out"], kept["bias_out"]

    @classmethod
    @cache
    def shipped(cls) -> Network:
        """The one that comes with the package (docs/SPEECH.md has its model card)."""
        content = (resources.files("openportrait") / "assets" / "speech" / _FILE).read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as weights:
            return cls(weights)


class _Filter:
    """One layer while it runs: the past that it still needs, and the sum of its taps."""

    def __init__(self, shape: Shape, filters: tuple[Signal, Signal], stride: int = 1, *, adds: bool) -> None:
        self._shape = shape
        self._weights, self._bias = filters
        self._stride = stride
        self._adds = adds
        self._held = np.zeros((self._weights.shape[2], shape.past), np.float32)

    def __call__(self, new: Signal) -> Signal:
        """(out, n) of (in, m) new frames."""
        shape = self._shape
        held = np.concatenate([self._held, new], axis=1)
        span = (shape.taps - 1) * shape.dilation
        count = max((held.shape[1] - span - 1) // self._stride + 1, 0)
        self._held = held[:, count * self._stride :]
        if not count:
            return np.zeros((len(self._bias), 0), np.float32)
        reach = (count - 1) * self._stride + 1
        starts = range(0, span + 1, shape.dilation)
        columns = [held[:, start : start + reach : self._stride] for start in starts]
        made = np.tensordot(self._weights, np.stack(columns), axes=((0, 2), (0, 1))) + self._bias
        made = np.maximum(made, 0)
        return made + columns[shape.taps - 1 - shape.ahead] if self._adds else made


class Hearing:
    """One sound as it comes in: give samples, get frames. Frame k is about the time k / `RATE`."""

    def __init__(self, network: Network | None = None) -> None:
        """Before the sound there is silence."""
        self._network = network or Network.shipped()
        first, *others = self._network.filters
        self._layers = [
            _Filter(FIRST, first, STRIDE, adds=False),
            *(_Filter(shape, filters, adds=True) for shape, filters in zip(LAYERS, others, strict=True)),
        ]
        # The first window lies about the time 0, behind as much silence as the layers look back on.
        self._samples = np.zeros(WINDOW // 2 + _BEFORE * SAMPLE_RATE // RATE, np.float32)
        self._made = -_BEFORE
        self._given = 0

    def __call__(self, samples: Signal) -> Signal:
        """(n, 6) in the order of `OUTPUTS`, 0..1: the frames that these samples complete, in −1..1 at `SAMPLE_RATE`."""
        self._given += len(samples)
        return self._frames(samples)

    def end(self) -> Signal:
        """(n, 6) the remaining frames, after the end of the sound; silence follows it."""
        due = -(-self._given * RATE // SAMPLE_RATE) - self._made
        silence = np.zeros(int((LOOK_AHEAD_SECONDS + 2 / RATE) * SAMPLE_RATE) + WINDOW, np.float32)
        return self._frames(silence)[: max(due, 0)]

    def _frames(self, samples: Signal) -> Signal:
        joined = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        heard = log_mel(joined)
        self._samples = joined[len(heard) * HOP :]
        values = ((heard - self._network.mean) / self._network.deviation).T
        for layer in self._layers:
            values = layer(values)
        weights, bias = self._network.last
        made = 1 / (1 + np.exp(-(weights @ values + bias))).T
        before = min(max(-self._made, 0), len(made))
        self._made += len(made)
        return np.asarray(made[before:], np.float32)


def hear(samples: Signal, network: Network | None = None) -> Signal:
    """(N, 6) as `Hearing`, of a whole sound."""
    hearing = Hearing(network)
    return np.concatenate([hearing(samples), hearing.end()])
