"""From phonemes to what the mouth does: by where each stands in the chart of the International Phonetic Association.

The chart (2020) orders vowels by how open the mouth is (its rows), by front and back, and by whether the lips are
round; consonants by the place where the mouth is narrow. The numbers below put these rows on a scale from 0 to 1.
"""

from __future__ import annotations

import unicodedata
from math import ceil

import numpy as np

OUTPUTS = ("openness", "rounding", "spreading", "closure", "lip_on_teeth", "voice")

ROWS = {
    0.20: "i y ɨ ʉ ɯ u",  # close
    0.30: "ɪ ʏ ʊ ᵻ I",  # near-close
    0.45: "e ø ɘ ɵ ɤ o O A",  # close-mid
    0.50: "ə ɚ ᵊ",  # mid
    0.65: "ɛ œ ɜ ɝ ɞ ʌ ɔ Q Y",  # open-mid
    0.85: "æ ɐ W",  # near-open
    1.00: "a ɶ ɑ ɒ",  # open
}
"""Openness of the rows of vowels. Capitals are the diphthongs of the Kokoro alphabet, by their beginning."""
ROUNDED = {
    "u": 1,
    "y": 1,
    "ʉ": 0.9,
    "o": 0.8,
    "ø": 0.8,
    "ɵ": 0.7,
    "ʊ": 0.7,
    "ʏ": 0.7,
    "ɔ": 0.6,
    "œ": 0.6,
    "ɒ": 0.45,
    "ɶ": 0.4,
    "ɞ": 0.4,
    "O": 0.8,
    "Q": 0.6,
    "Y": 0.5,
    "ɚ": 0.3,
    "ɝ": 0.3,
}
SPREAD = {"i": 0.9, "ɪ": 0.5, "e": 0.6, "ɛ": 0.4, "æ": 0.4, "ɨ": 0.4, "ᵻ": 0.4, "ɯ": 0.2, "a": 0.15, "A": 0.6, "I": 0.2}
SPLIT = {
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "Q": "əʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
    "ʦ": "ts",
    "ʣ": "dz",
    "ʨ": "tɕ",
    "ʥ": "dʑ",
    "ꭧ": "tʂ",
}
CONSONANTS = {
    **dict.fromkeys("pbmɓ", (0.0, 0.0, 0.0, 1, 0)),  # bilabial
    **dict.fromkeys("fvʋɱ", (0.10, 0.0, 0.1, 0, 1)),  # labiodental
    **dict.fromkeys("ɸβ", (0.08, 0.3, 0.0, 0, 0)),  # bilabial fricatives: nearly closed
    **dict.fromkeys("wɥʍ", (0.15, 1.0, 0.0, 0, 0)),  # labial-velar
    **dict.fromkeys("ʃʒ", (0.15, 0.5, 0.0, 0, 0)),  # postalveolar: lips pushed forward
    **dict.fromkeys("ʂʐ", (0.15, 0.4, 0.0, 0, 0)),
    **dict.fromkeys("ɕʑ", (0.15, 0.2, 0.3, 0, 0)),
    **dict.fromkeys("ɹɻ", (0.20, 0.4, 0.0, 0, 0)),
    **dict.fromkeys("jʝç", (0.20, 0.0, 0.6, 0, 0)),  # palatal
    **dict.fromkeys("szθð", (0.10, 0.0, 0.3, 0, 0)),  # teeth close together
    **dict.fromkeys("hɦʔʕħ", (0.35, 0.0, 0.1, 0, 0)),  # whatever the neighbours do
    **dict.fromkeys("kgɡŋxɣqɢχʁɴ", (0.25, 0.0, 0.1, 0, 0)),
}
"""Openness, rounding, spreading, closure, lower lip on the upper teeth."""
OTHER = (0.20, 0.0, 0.1, 0, 0)
"""Any other consonant: the tongue at the teeth or behind."""
MODIFIERS = "ːˑˈˌʰʲʷˠˤ̃ᵝ"
_VOWELS = {letter: openness for openness, row in ROWS.items() for letter in row.split()}
RATE = 50
"""Frames a second of the targets."""
_SOFT_FRAMES = 1.5
"""How soon jaw and corners follow, standard deviation: 30 ms. Closures are as sharp as they are."""


def articulation(phoneme: str) -> list[tuple[float, float, float, float, float]]:
    """What the mouth does in the parts of a phoneme, in IPA; empty for a pause."""
    spelt = "".join(SPLIT.get(letter, letter) for letter in phoneme)
    parts = []
    for letter in spelt:
        plain = unicodedata.normalize("NFD", letter)[0]
        letter = plain if plain in _VOWELS else letter  # ä is an a
        if letter in _VOWELS:
            parts.append((_VOWELS[letter], ROUNDED.get(letter, 0.0), SPREAD.get(letter, 0.0), 0.0, 0.0))
        elif letter in CONSONANTS:
            parts.append(CONSONANTS[letter])
        elif letter.isalpha() and letter not in MODIFIERS:
            parts.append(OTHER)
    return parts


def targets(events: list[tuple[float, float, str]], frames: int) -> np.ndarray:
    """(frames, 6) in the order of `OUTPUTS`, frame k about the time k / `RATE`.

    `events`: phonemes with the seconds at which they begin and end.
    """
    made = np.zeros((frames, len(OUTPUTS)), np.float32)
    for start, end, phoneme in events:
        parts = articulation(phoneme)
        for place, values in enumerate(parts):
            first = ceil((start + (end - start) * place / len(parts)) * RATE)
            last = max(ceil((start + (end - start) * (place + 1) / len(parts)) * RATE), first + 1)
            made[first:last, :5] = values
            made[first:last, 5] = 1
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / _SOFT_FRAMES) ** 2)
    for column in range(3):
        made[:, column] = np.convolve(made[:, column], kernel / kernel.sum(), "same")[:frames]
    made[:, 0] *= 1 - made[:, 3]
    return made
