"""Turns the sound of speech into what a face does, by a small network in this package. Needs NumPy only."""

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
