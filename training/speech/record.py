"""Let the voices speak: clean samples at 16 kHz with their phonemes, one file a voice.

python record.py FOLDER espeak|kokoro|hibari|joe [MINUTES]
"""

from __future__ import annotations

import random
import sys
from math import gcd
from pathlib import Path

import espeak
import numpy as np
import texts
import voices
from scipy.signal import resample_poly

RATE = 16000
VARIANTS = ("", "+f2", "+m3", "+f4", "+m7", "+f5", "+m1", "+m5", "+klatt2", "+klatt4", "+croak", "+whisper")
KOKORO_TRAINED, KOKORO_HELD_OUT = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jm_kumo"), "jf_tebukuro"
KOKORO_LANGUAGES = ("en-us", "en", "ja", "es", "fr", "it", "pt-br", "hi", "cmn", "de")
MINUTES = {"espeak": 75.0, "hibari": 25.0, "kokoro": 5.2, "joe": 4.0}
_PAUSE_DB, _PAUSE_SECONDS = -36.0, 0.07


def speakers(kind: str, folder: Path, chance: random.Random):
    """Endless (tag, samples, rate, events)."""
    if kind == "espeak":
        while True:
            for language in texts.SENTENCES:
                said = texts.text(language, chance)
                rate, pitch = chance.randint(110, 230), chance.randint(15, 85)
                samples, events = espeak.say(said, language + chance.choice(VARIANTS[:-1]), rate, pitch)
                yield f"espeak:{language}", samples, espeak.SAMPLE_RATE, events
    if kind == "kokoro":
        voice = voices.Kokoro(folder)
        while True:
            for name in (*KOKORO_TRAINED, "jm_kumo", KOKORO_HELD_OUT):
                language = chance.choice(KOKORO_LANGUAGES)
                style = {name: 1.0}
                if name != KOKORO_HELD_OUT and chance.random() < 0.4:
                    other, share = chance.choice(KOKORO_TRAINED), chance.uniform(0.2, 0.5)
                    style = {name: 1 - share, other: share} if other != name else style
                said = espeak.phonemes(texts.text(language, chance), language)
                yield f"kokoro-{name}:{language}", *voice.say(said[:90], style, chance.uniform(0.8, 1.3))
    language = "en-us"
    if kind == "hibari":
        voice = voices.Hibari(folder)
        while True:
            language = chance.choice(("en-us", "en-us", *KOKORO_LANGUAGES))
            said = espeak.phonemes(texts.text(language, chance), language)
            yield f"hibari:{language}", *voice.say(said, chance.uniform(0.75, 1.35), chance.randrange(10**6))
    voice = voices.Joe(folder)
    while True:
        said = espeak.phonemes(texts.text(chance.choice(("en-us", "en")), chance), language)
        yield f"joe:{language}", *voice.say(said, chance.uniform(0.85, 1.2))


def settled(samples: np.ndarray, events: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Phonemes that reach up to the next one, but not into a pause that is heard."""
    loud = np.convolve(samples**2, np.ones(320) / 320, "same")[::160]
    level = 10 * np.log10(loud + 1e-12) - 10 * np.log10(np.percentile(loud, 95) + 1e-12)
    still = level < _PAUSE_DB
    made = []
    for place, (start, end, name) in enumerate(events):
        limit = events[place + 1][0] if place + 1 < len(events) else len(samples) / RATE
        tail = still[round(end * 100) : round(limit * 100)]
        if limit - end < _PAUSE_SECONDS or not tail.any():
            end = limit
        # The last one before a pause ends where its sound does.
        heard = np.flatnonzero(~still[round(start * 100) : round(end * 100)])
        if end - start > 0.25 and heard.size:
            end = min(end, start + (heard[-1] + 2) / 100)
        made.append((start, end, name))
    return made


def main() -> None:
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else MINUTES[kind]
    chance, total = random.Random(kind), 0.0
    tags, sounds, phonemes = [], [], []
    for tag, samples, rate, events in speakers(kind, folder, chance):
        shared = gcd(rate, RATE)
        samples = resample_poly(samples, RATE // shared, rate // shared).astype(np.float32)
        tags.append(tag)
        sounds.append((samples / max(np.abs(samples).max(), 1e-3) * 30000).astype(np.int16))
        late = voices.LATE_SECONDS.get(kind, 0.0)
        events = [(max(start - late, 0.0), end - late, name) for start, end, name in events if end > late]
        phonemes.append(settled(samples, events))
        total += len(samples) / RATE / 60
        if total > minutes:
            break
    np.savez(
        folder / f"{kind}.npz",
        tags=np.array(tags),
        samples=np.concatenate(sounds),
        lengths=np.array([len(one) for one in sounds]),
        events=np.array([(place, *times) for place, found in enumerate(phonemes) for *times, _ in found], np.float32),
        names=np.array([name for found in phonemes for *_, name in found]),
    )
    print(f"{kind}: {len(tags)} utterances, {total:.1f} minutes")


if __name__ == "__main__":
    main()
