"""How a portrait speaks: against a mouth that is seen, in step with its sound, and how fast.

    python benchmarks/speech.py [CLIP_OF_A_SPEAKER ...]

Each clip shows a face that speaks its sound: what the network hears is compared with the lips that are tracked, beside
the loudness of the sound. Voices and languages that were held out are measured by `training/speech/measure.py`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from openportrait import Animator, Samples
from openportrait.faces import FaceFinder, ratios
from openportrait.media import open_clip
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.speech import LOOK_AHEAD_SECONDS, Hearing, Performance, hear

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
MOST_LAG = 5
"""Pictures: a clip's own sound may be out of step; the best lag of both is stated."""
STEP_SECONDS = 600


def against_tracked(animator: Animator, clip: Path) -> None:
    """Correlation of what was heard with the lips that are seen."""
    driving = animator.driving(clip)
    seen = np.array([one.lip for one in driving.ratios])
    rate = driving.rate or Fraction(25)
    samples = np.concatenate(list(listen(clip)))
    openness = Performance(hear(samples), rate, 0.0, 0).openness
    loudness = _loudness(samples, rate)
    for name, track in (("heard", openness), ("loudness", loudness)):
        best = max(_lagged(track, seen, lag) for lag in range(-MOST_LAG, MOST_LAG + 1))
        print(f"{clip.name}: {name} against tracked lips r {_lagged(track, seen, 0)[0]:.2f}, at the best lag "
              f"{best[0]:.2f} ({float(best[1] / rate) * 1000:.0f} ms)")  # fmt: skip


def _loudness(samples: NDArray[np.float32], rate: Fraction) -> NDArray[np.float64]:
    """Decibel of each picture, softened by 40 ms as lips are."""
    step = float(HEARD_RATE / rate)
    edges = (np.arange(int(len(samples) / step) + 1) * step).astype(int)
    power = np.array([np.mean(samples[a:b] ** 2) for a, b in pairwise(edges)])
    return np.asarray(gaussian_filter1d(np.log(power + 1e-7), 1.0), np.float64)


def _lagged(track: NDArray[np.float64] | NDArray[np.float32], seen: NDArray[np.float64], lag: int) -> tuple[float, int]:
    """Correlation where the track is shifted by `lag` pictures."""
    count = min(len(track), len(seen))
    a, b = track[max(lag, 0) : count + min(lag, 0)], seen[max(-lag, 0) : count - max(lag, 0)]
    return float(np.corrcoef(a, b)[0, 1]), lag


def in_step(animator: Animator) -> None:
    """Closures in the picture against closures in the sound, at the beginning and behind ten minutes."""
    samples = np.concatenate(list(listen(EXAMPLES / "driving" / "speech.ogg")))
    period = len(samples) / HEARD_RATE
    long = Samples(np.tile(samples, int(STEP_SECONDS / period)), HEARD_RATE)
    portrait = animator.portrait(EXAMPLES / "source" / "officer.jpg")
    finder, heard = FaceFinder(), hear(samples)
    sound = _middles(heard[:, 3] > 0.45, 50)
    driving = animator.driving(long, liveliness=0.0)
    for name, start in (("first seconds", 0), ("behind ten minutes", int(STEP_SECONDS / period) - 1)):
        offset = start * period
        part = _part(driving, int(offset * 25), int((offset + period) * 25))
        with portrait.stream(part) as job:
            lips = np.array([ratios(finder.find(picture.image)[0]).lip for picture in job])
        seen = _middles(lips < 0.03, 25) + int(offset * 25) / 25 - offset
        offsets = [float(seen[np.argmin(np.abs(seen - at))] - at) for at in sound]
        near = np.array([value for value in offsets if abs(value) < 0.15])
        print(f"{name}: {len(near)} of {len(offsets)} closures seen, offset mean {near.mean() * 1000:.0f} ms, "
              f"mean |offset| {np.abs(near).mean() * 1000:.0f} ms")  # fmt: skip


def _part(driving: MeasuredDriving, start: int, end: int) -> MeasuredDriving:
    """Some pictures of a driving, behind the one at rest."""
    places = [0, *range(start + 1, end)]
    return replace(
        driving,
        motions=[driving.motions[place] for place in places],
        ratios=[driving.ratios[place] for place in places],
        present=[True] * len(places),
    )


def _middles(closed: NDArray[np.bool_], rate: int) -> NDArray[np.float64]:
    """Seconds of the middle of each stretch; those at the ends, which are pauses, left out."""
    edges = np.flatnonzero(np.diff(closed.astype(int)))
    starts, ends = edges[closed[edges + 1]], edges[~closed[edges + 1]]
    ends = ends[ends > starts[0]] if len(starts) else ends
    return np.array([(a + 1 + b + 1) / 2 / rate for a, b in zip(starts, ends, strict=False)])


def speed() -> None:
    """Times real time, of one thread where BLAS has one (OMP_NUM_THREADS=1)."""
    samples = np.tile(np.concatenate(list(listen(EXAMPLES / "driving" / "speech.ogg"))), 20)
    hearing, start = Hearing(), time.process_time()
    for place in range(0, len(samples), HEARD_RATE * 2):
        hearing(samples[place : place + HEARD_RATE * 2])
    took = time.process_time() - start
    print(f"hearing {len(samples) / HEARD_RATE / took:.0f} times real time in pieces of 2 s")
    hearing, start, count = Hearing(), time.process_time(), 250
    for place in range(count):
        hearing(samples[place * 640 : (place + 1) * 640])
    took = (time.process_time() - start) / count
    print(f"live, a piece of 40 ms: {took * 1000:.1f} ms; look-ahead {LOOK_AHEAD_SECONDS * 1000:.1f} ms")


def main() -> None:
    speed()
    with Animator(engine="mesh") as animator:
        for clip in map(Path, sys.argv[1:]):
            with open_clip(clip) as opened:
                assert opened.info.has_audio, f"{clip} has no sound"
            against_tracked(animator, clip)
        in_step(animator)


if __name__ == "__main__":
    main()
