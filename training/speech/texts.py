"""What the voices say: sentences written for this, and words made up of syllables that are rich in lip sounds."""

from __future__ import annotations

import random
from pathlib import Path

SENTENCES: dict[str, list[str]] = {}
"""Language, as eSpeak NG calls it → sentences."""
for _line in (Path(__file__).parent / "sentences.txt").read_text("utf-8").splitlines():
    _language, _, _sentence = _line.partition(": ")
    SENTENCES.setdefault(_language, []).append(_sentence)
HELD_OUT = ("hu", "el", "sw", "id")
LANGUAGES = tuple(name for name in SENTENCES if name not in HELD_OUT)
_OWN_LETTERS = ("ja", "hi", "ko", "cmn", "el")
_STARTS = "b c d f g h j k l m n p r s t v w z sh ch br pl st tr m p b m p b f v w".split()  # noqa: SIM905
_VOWELS = "a e i o u a e o ai ou ee oo ia".split()  # noqa: SIM905
_ENDS = ["", "", "", "n", "m", "s", "t", "l", "p", "r"]
_CYRILLIC = dict(zip("abvgdezijklmnoprstufhcw", "абвгдезийклмнопрстуфхцв", strict=True))


def text(language: str, chance: random.Random) -> str:
    """Some words; two of three times made up where the language has our letters."""
    if language in _OWN_LETTERS or chance.random() < 0.34:
        sentences = SENTENCES[language]
        if language in ("ja", "cmn"):
            return "。".join(chance.sample(sentences, 2))
        words = " ".join(chance.sample(sentences, min(3, len(sentences)))).split()
        start = chance.randrange(max(len(words) - 9, 1))
        return " ".join(words[start : start + 9]) + "."
    words = ["".join(_syllable(chance) for _ in range(chance.choice([1, 2, 2, 3]))) for _ in range(8)]
    made = " ".join(word + chance.choice(["", "", "", ",", "."]) for word in words)
    return "".join(_CYRILLIC.get(letter, letter) for letter in made) if language == "ru" else made


def _syllable(chance: random.Random) -> str:
    return chance.choice(_STARTS) + chance.choice(_VOWELS) + chance.choice(_ENDS)
