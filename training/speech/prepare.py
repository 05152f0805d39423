"""Make the examples of training: each utterance in several recordings, and sounds without speech.

    python prepare.py FOLDER espeak|hibari|kokoro|silence

FOLDER holds what record.py wrote. Voices that are held out are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import augment
import data
import numpy as np

COPIES = {"espeak": 2, "hibari": 4, "kokoro": 10, "silence": 350}
Example = tuple[np.ndarray, np.ndarray]
"""(2 N, 40) features and (N, 6) targets, float16."""


def load(folder: Path, kind: str) -> Iterator[Example]:
    with np.load(folder / f"examples-{kind}.npz") as file:
        x, y, lengths = file["x"], file["y"], file["lengths"]
    for end, length in zip(np.cumsum(lengths), lengths, strict=True):
        yield x[2 * (end - length) : 2 * end], y[end - length : end]


def examples(folder: Path, kind: str, chance: np.random.Generator) -> Iterator[Example]:
    if kind == "silence":
        for _ in range(COPIES[kind]):
            sound = augment.without_speech(5 * augment.RATE, chance)
            yield data.heard(sound), data.nothing(sound)
        return
    known = [one for one in data.utterances(folder, (kind,)) if not one.held_out]
    others = [one.samples for one in known[:200]]
    for one in known:
        for _ in range(COPIES[kind]):
            yield data.varied(one, others, chance)


def main() -> None:
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    chance = np.random.default_rng(list(COPIES).index(kind))
    made = [(x.astype(np.float16), y.astype(np.float16)) for x, y in examples(folder, kind, chance)]
    xs, ys = zip(*made, strict=True)
    lengths = np.array([len(y) for y in ys])
    np.savez(folder / f"examples-{kind}.npz", x=np.concatenate(xs), y=np.concatenate(ys), lengths=lengths)
    print(f"{kind}: {len(made)} examples, {lengths.sum() / data.RATE / 60:.0f} minutes")


if __name__ == "__main__":
    main()
