"""A sound as a driving: the motion of a face at rest that speaks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from openportrait.engines.base import Engine
from openportrait.errors import MediaError
from openportrait.media import Samples
from openportrait.media.listening import HEARD_RATE, PIECE, Listener, listen, sound_seconds
from openportrait.motion import edited_motion
from openportrait.options import SpeechOptions
from openportrait.pipeline.flow import Watch
from openportrait.records import Motion, Ratios
from openportrait.sequences import Computed
from openportrait.speech import OUTPUTS, Hearing, LivePerformance, Moment, Performance, Signal
from openportrait.trim import WHOLE, Trim

LONGEST_SECONDS = 10_000
"""Longest sound that is spoken: at 25 pictures a second it fills a template."""
_HEARD = 0.5
"""A voice was heard where its likelihood is above this"""
_SHORTEST_FRAMES = 5
"""in this many frames: 0.1 s."""
_FINEST_RATE = 10**6
"""Largest denominator of a rate."""


@dataclass(frozen=True, eq=False)
class Speech:
    """The motion of a face that speaks; computed when it is asked for, so that an hour takes no more than a second."""

    motions: Sequence[Motion]
    """One a picture, of an average face at rest."""
    ratios: Sequence[Ratios]
    rate: Fraction
    """Pictures a second."""
    warnings: tuple[str, ...]


def open_speech(path: Path, engine: Engine, options: SpeechOptions, watch: Watch, part: Trim = WHOLE) -> Speech:
    """Listen to a part of a file, and find what the engine's face does. Raises MediaError."""
    rate = Fraction(options.speech_rate).limit_denominator(_FINEST_RATE)
    heard = _heard(path, watch, part)
    performance = Performance(heard, rate, options.liveliness, options.seed)

    def motion(i: int) -> Motion:
        return _motion(engine, performance.moment(i))

    def ratios(i: int) -> Ratios:
        return performance.moment(i).ratios

    silent = (heard[:, OUTPUTS.index("voice")] > _HEARD).sum() < _SHORTEST_FRAMES
    said = f"{path}: no speech is heard in it, so the mouth stays shut; give a sound in which somebody speaks"
    count = len(performance)
    return Speech(Computed(motion, count), Computed(ratios, count), rate, (said,) if silent else ())


class LiveSpeech:
    """A sound that is still coming in: after each piece it gives the motion of a face at rest that speaks it."""

    def __init__(self, engine: Engine, options: SpeechOptions) -> None:
        self._engine = engine
        self._listen = Listener()
        self._performance = LivePerformance(options.liveliness, options.seed)

    def __call__(self, sound: Samples) -> tuple[Motion, Ratios]:
        """The present motion of an average face, and how open its eyes and lips are. Raises OptionError."""
        moment = self._performance(self._listen(sound))
        return _motion(self._engine, moment), moment.ratios


def _motion(engine: Engine, moment: Moment) -> Motion:
    layout = engine.layout
    return edited_motion(engine, layout.at_rest, Moment().ratios, moment.edit(layout.lip_open_of_ratio))


def _heard(path: Path, watch: Watch, part: Trim) -> Signal:
    """(N, 6) what the mouth does, as `Hearing` finds it."""
    hearing, found, samples = Hearing(), [], 0
    seconds = part.length_seconds if part.end_seconds is not None else sound_seconds(path)
    total = int(seconds * HEARD_RATE / PIECE) + 1 if seconds else None
    with watch.over(listen(path, part), total) as pieces:
        for piece in pieces:
            samples += len(piece)
            if samples > LONGEST_SECONDS * HEARD_RATE:
                raise MediaError(f"{path}: its sound is longer than {LONGEST_SECONDS} s; give a part of it")
            found.append(hearing(piece))
    found.append(hearing.end())
    if not samples:
        raise MediaError(f"{path}: its sound is empty; make or download it again")
    return np.concatenate(found)
