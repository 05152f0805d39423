"""Measure a network on voices and languages that it was not trained on.

    python measure.py FOLDER [WEIGHTS.npz]

FOLDER holds what record.py wrote; without WEIGHTS the shipped network is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import augment
import data
import numpy as np
import texts
from phonemes import targets
from record import KOKORO_HELD_OUT

from openportrait.speech import RATE, Network, hear

OPEN, ROUND, SPREAD, CLOSED, LIP_ON_TEETH, VOICE = range(6)
NEAR = 2
"""Frames: 40 ms."""
SURE = 0.375
"""Where `speech.performance` has half closed the lips."""
VOICED = 0.42
DECIBEL = 10


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, behind the last) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def near(one: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(one[0] - NEAR < other[1] and other[0] - NEAR < one[1] for other in others)


def measured(network: Network, known: list[data.Utterance]) -> dict[str, float]:
    found, due, loud, hits, false = [], [], [], [], []
    for one in known:
        y, p = targets(one.events, data.frames(one.samples)), hear(one.samples, network)[: data.frames(one.samples)]
        true, said = runs(y[:, CLOSED] > 0.5), runs((p[:, CLOSED] > SURE) & (p[:, VOICE] > VOICED))
        hits += [near(closure, said) for closure in true]
        false += [not near(closure, true) for closure in said]
        found.append(p)
        due.append(y)
        power = np.convolve(one.samples**2, np.ones(640) / 640, "same")[:: 16000 // RATE][: len(y)]
        loud.append(np.log(power + 1e-7))
    p, y = np.concatenate(found), np.concatenate(due)
    rounded, spread = (y[:, ROUND] > 0.6) & (y[:, OPEN] > 0.1), (y[:, SPREAD] > 0.5) & (y[:, OPEN] > 0.1)
    more = p[:, ROUND] > p[:, SPREAD]
    return {
        "openness r": float(np.corrcoef(p[:, OPEN], y[:, OPEN])[0, 1]),
        "loudness r": float(np.corrcoef(np.concatenate(loud), y[:, OPEN])[0, 1]),
        "rounding r": float(np.corrcoef(p[:, ROUND], y[:, ROUND])[0, 1]),
        "closures found": float(np.mean(hits)),
        "false closures": float(np.mean(false)) if false else 0.0,
        "round or spread": float((more[rounded].mean() + 1 - more[spread].mean()) / 2),
        "closures": len(hits),
    }


def voice_activity(network: Network, known: list[data.Utterance]) -> float:
    """F1 of frames with a voice, at 10 dB over noise, a third of the time pauses."""
    chance, found, due = np.random.default_rng(0), [], []
    for one in known:
        quiet = np.zeros(int(chance.uniform(0.8, 1.6) * 16000), np.float32)
        y = targets(one.events, data.frames(one.samples))[:, VOICE] > 0.5
        power = (one.samples**2).mean()
        sound = np.concatenate([quiet, one.samples, quiet])
        noise = augment._noise(len(sound), chance)
        sound = sound + noise / np.sqrt((noise**2).mean()) * np.sqrt(power) * 10 ** (-DECIBEL / 20)
        sound *= 0.1 / np.sqrt((sound**2).mean())
        p = hear(sound.astype(np.float32), network)[:, VOICE] > VOICED
        edge = np.zeros(len(p), bool)
        start = round(len(quiet) / 16000 * RATE)
        edge[start : start + len(y)] = y[: len(edge) - start]
        found.append(p)
        due.append(edge)
    p, y = np.concatenate(found), np.concatenate(due)
    return float(2 * (p & y).sum() / (p.sum() + y.sum()))


def main() -> None:
    folder = Path(sys.argv[1])
    network = Network(np.load(sys.argv[2])) if len(sys.argv) > 2 else Network.shipped()
    known = [one for one in data.utterances(folder) if one.held_out]
    groups = {f"language {name}, eSpeak NG": [o for o in known if o.tag == f"espeak:{name}"] for name in texts.HELD_OUT}
    groups["voice joe, English"] = [one for one in known if one.tag.startswith("joe")]
    groups[f"voice {KOKORO_HELD_OUT}"] = [one for one in known if one.tag.startswith("kokoro")]
    for name, group in groups.items():
        if group:
            figures = measured(network, group)
            figures["voice activity F1"] = voice_activity(network, group)
            print(f"{name}: " + ", ".join(f"{what} {value:.2f}" for what, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
