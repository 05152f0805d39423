"""A sound in memory, as callers have it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from openportrait.bounds import shown, whole
from openportrait.errors import OptionError

SUFFIX = ".wav"
_SLOWEST, _FASTEST = 4_000, 384_000
_LAYOUTS = ("mono", "stereo")
_CODECS = {"flt": "pcm_f32le", "s16": "pcm_s16le"}
_PIECE = 1 << 16


class Samples:
    """A sound in memory: `Samples(array, 16000)`."""

    samples: NDArray[Any]
    """(N,), or (N, 2) for left and right: numbers from −1 to 1, or int16."""
    rate: int
    """Samples a second."""

    def __init__(self, samples: NDArray[Any], rate: int) -> None:
        """`rate`: 4000 to 384000. Raises OptionError for another one, and for an array that is no sound."""
        try:
            self.rate = whole(rate, _SLOWEST, _FASTEST, "rate")
        except ValueError as error:
            raise OptionError(f"{error}; give samples a second, such as 16000") from error
        self.samples = _checked(samples)

    def write(self, path: Path) -> None:
        """Into a WAV file, without loss. Raises OSError or av.FFmpegError."""
        with av.open(str(path), "w", format="wav") as output:
            stream = output.add_stream(_CODECS[self._kind], rate=self.rate)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = self._layout
            for frame in self.frames():
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))

    def frames(self) -> Generator[AudioFrame, None, None]:
        """The same in pieces."""
        for start in range(0, len(self.samples), _PIECE):
            piece = np.ascontiguousarray(self.samples[start : start + _PIECE]).reshape(1, -1)
            frame = AudioFrame.from_ndarray(piece, format=self._kind, layout=self._layout)
            frame.sample_rate = self.rate
            yield frame

    @property
    def _kind(self) -> str:
        return "s16" if self.samples.dtype == np.int16 else "flt"

    @property
    def _layout(self) -> str:
        return _LAYOUTS[self.samples.shape[1] - 1]


def _checked(samples: Any) -> NDArray[Any]:
    """(N, 1 or 2) int16 or float32. Raises OptionError."""
    if not isinstance(samples, np.ndarray) or samples.ndim not in (1, 2) or not samples.size:
        what = f"an array of shape {samples.shape}" if isinstance(samples, np.ndarray) else shown(samples)
        raise OptionError(f"samples: {what}; give an array (N,), or (N, 2) for two channels")
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.shape[1] > len(_LAYOUTS):
        raise OptionError(f"samples: an array of shape {samples.shape}; give (N,) or (N, 2), as samples.mean(1)")
    if samples.dtype == np.int16:
        return np.asarray(columns)
    if samples.dtype.kind != "f":
        raise OptionError(f"samples: an array of {samples.dtype}; give int16, or numbers from -1 to 1")
    if not np.isfinite(columns).all() or np.abs(columns).max() > 1:
        raise OptionError("samples: its numbers are not all from -1 to 1; divide by the largest")
    return np.asarray(columns, np.float32)
