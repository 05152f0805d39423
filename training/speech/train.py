"""Train the network and write its weights.

    python train.py FOLDER OUTPUT.npz [STEPS]

FOLDER holds what prepare.py wrote. A quarter of an hour on two cores.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import prepare
import torch
from torch import nn

from openportrait.speech.network import CHANNELS, FIRST, LAYERS, OUTPUTS, STRIDE, Shape

CROP, BATCH = 200, 16
"""Frames of an example, examples of a step."""
WEIGHTS = torch.tensor([2.0, 1.5, 1.5, 2.0, 1.5, 1.0]).view(1, -1, 1)
"""How much each output counts."""


class Filter(nn.Module):
    def __init__(self, inputs: int, shape: Shape, stride: int = 1) -> None:
        super().__init__()
        self.shape, self.stride = shape, stride
        self.filter = nn.Conv1d(inputs, CHANNELS, shape.taps, stride, dilation=shape.dilation)
        self.norm = nn.BatchNorm1d(CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(x, (self.shape.past, self.shape.ahead * self.shape.dilation))
        made = torch.relu(self.norm(self.filter(padded)))
        return made if self.stride > 1 else x + made

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """(taps, out, in) weights and (out, 1) bias with the normalisation in them."""
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weights = (self.filter.weight * gain[:, None, None]).permute(2, 0, 1)
        bias = (self.filter.bias - self.norm.running_mean) * gain + self.norm.bias
        return weights.detach().numpy(), bias.detach().numpy()[:, None]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Filter(40, FIRST, STRIDE), *(Filter(CHANNELS, shape) for shape in LAYERS))
        self.drop = nn.Dropout(0.1)
        self.last = nn.Conv1d(CHANNELS, len(OUTPUTS), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(self.layers(x)))


def crop(x: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    start = int(chance.integers(0, max(len(y) - CROP, 0) + 1))
    x, y = x[2 * start : 2 * (start + CROP)].astype(np.float32), y[start : start + CROP].astype(np.float32)
    if len(y) < CROP:
        x = np.pad(x, ((0, 2 * CROP - len(x)), (0, 0)), mode="edge")
        y = np.pad(y, ((0, CROP - len(y)), (0, 0)))
    x = x + chance.normal(0, 0.2, x.shape) + np.linspace(0, 1, 40) * chance.normal(0, 0.6)
    if chance.random() < 0.3:
        band = int(chance.integers(0, 36))
        x[:, band : band + int(chance.integers(1, 5))] = x.min()
    return x, y


def main() -> None:
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 5000
    torch.manual_seed(0)
    torch.set_num_threads(1)
    chance, began = np.random.default_rng(0), time.monotonic()
    made = [one for kind in prepare.COPIES for one in prepare.load(folder, kind)]
    print(f"{len(made)} examples after {time.monotonic() - began:.0f} s", flush=True)
    sample = np.concatenate([x[::7] for x, _ in made[::5]]).astype(np.float32)
    mean, deviation = float(sample.mean()), float(sample.std())
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    lengths = np.array([len(y) for _, y in made], np.float64)
    recent = 0.0
    for step in range(steps):
        chosen = chance.choice(len(made), BATCH, p=lengths / lengths.sum())
        xs, ys = zip(*(crop(*made[place], chance) for place in chosen), strict=True)
        x = torch.tensor((np.stack(xs) - mean) / deviation, dtype=torch.float32).transpose(1, 2)
        y = torch.tensor(np.stack(ys)).transpose(1, 2)
        loss = (WEIGHTS * nn.functional.binary_cross_entropy_with_logits(net(x), y, reduction="none")).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        recent += 0.01 * (loss.item() - recent) if step > 10 else loss.item() - recent
        if step % 250 == 249:
            print(f"step {step + 1}: loss {recent:.4f}, {time.monotonic() - began:.0f} s", flush=True)
            save(net, mean, deviation, output)


def save(net: Net, mean: float, deviation: float, output: Path) -> None:
    net.eval()
    weights = {"mean": np.float32(mean), "deviation": np.float32(deviation)}
    for place, layer in enumerate(net.layers):
        weights[f"weight{place}"], weights[f"bias{place}"] = layer.folded()
    weights["weight_out"] = net.last.weight.detach().numpy()[:, :, 0]
    weights["bias_out"] = net.last.bias.detach().numpy()[:, None]
    half = {name: np.asarray(values, np.float16 if np.ndim(values) else np.float32) for name, values in weights.items()}
    np.savez(output, **half)
    net.train()


if __name__ == "__main__":
    main()
