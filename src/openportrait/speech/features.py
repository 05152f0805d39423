"""The input of the network: the loudness of 40 frequency bands, a hundred times a second."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]

SAMPLE_RATE = 16_000
"""Samples a second, mono: speech has little above 8 kHz that says where the lips are."""
HOP = 160
"""Samples from one window to the next: 10 ms."""
WINDOW = 400
"""Samples of a window: 25 ms."""
BANDS = 40
"""Frequency bands of a window."""
_FFT = 512
"""Samples of the Fourier transform: the next power of two above `WINDOW`."""
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
"""Lower end of the first band and upper end of the last; chosen, not measured."""
_FLOOR = 1e-6
"""Power below which nothing is heard: a quarter of a step of 16 bits."""


def log_mel(samples: Signal) -> Signal:
    """(N, 40) natural logarithm of the power in each band, of every whole window of samples in −1..1.

    Window k begins at sample k · HOP. Bands are triangles, equally wide on the mel scale (O'Shaughnessy, 1987).
    """
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] if len(samples) >= WINDOW else None
    if windows is None:
        return np.zeros((0, BANDS), np.float32)
    shaped = windows * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(shaped, _FFT, axis=1)) ** 2
    return np.asarray(np.log(power @ _bands() + _FLOOR), np.float32)


@cache
def _bands() -> Signal:
    """(257, 40) how much of each frequency belongs to each band."""
    low, high = _mel(_LOWEST_HZ), _mel(_HIGHEST_HZ)
    corners = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hertz = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)[:, None]
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (hertz - left) / (middle - left), (right - hertz) / (right - middle)
    return np.clip(np.minimum(rising, falling), 0, 1).astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))
