"""From the sound of speech to what a face does: a small network that ships with the package, NumPy alone."""

from openportrait.speech.features import Signal
from openportrait.speech.network import LOOK_AHEAD_SECONDS, OUTPUTS, RATE, Hearing, Network, hear
from openportrait.speech.performance import LivePerformance, Moment, Performance

__all__ = [
    "LOOK_AHEAD_SECONDS",
    "OUTPUTS",
    "RATE",
    "Hearing",
    "LivePerformance",
    "Moment",
    "Network",
    "Performance",
    "Signal",
    "hear",
]
