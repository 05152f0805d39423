"""Reads the sound of a file for the speech network: one channel, 16 kHz, piece by piece."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition
from numpy.typing import NDArray

from openportrait.errors import MediaError, OptionError
from openportrait.media.files import existing, open_container
from openportrait.media.sound import Samples, decoded, picture_start, pulled, seek_sound, sound_stream
from openportrait.trim import WHOLE, Trim

HEARD_RATE = 16_000
"""Samples a second."""
PIECE = 1 << 15
"""Samples of a piece: two seconds."""
_REMEDY = "give a WAV, MP3, M4A, FLAC, OGG or video file with sound, or export it again"


def is_sound(path: Path) -> bool:
    """Whether a file holds sound and no moving picture; False where it cannot be opened."""
    if not path.is_file():
        return False
    try:
        with open_container(path) as container:
            moving = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
            return not moving and bool(container.streams.audio)
    except (av.FFmpegError, OSError):
        return False


def sound_seconds(path: Path) -> float | None:
    """How long a file says that it is; None where it does not."""
    try:
        with open_container(path) as container:
            return container.duration / av.time_base if container.duration and container.duration > 0 else None
    except (av.FFmpegError, OSError):
        return None


def listen(path: Path, part: Trim = WHOLE) -> Generator[NDArray[np.float32], None, None]:
    """(n,) samples in −1..1 at `HEARD_RATE`, all channels mixed, of a part counted from the file's first picture or
    sound.

    Gaps are silence. Raises MediaError for a file without sound, or none of which can be decoded, or that ends before
    the part begins.
    """
    existing(path)
    left = None if part.length_seconds is None else max(round(part.length_seconds * HEARD_RATE), 1)
    empty = True
    try:
        with open_container(path) as container, closing(_heard(path, container, part)) as pieces:
            for piece in pieces:
                empty = False
                yield piece[:left]
                left = None if left is None else left - len(piece)
                if left is not None and left <= 0:
                    return
        if empty and part.start_seconds:
            raise part.nothing_left(path)
    except av.FFmpegError as error:
        raise MediaError(f"{path}: its sound cannot be read ({error.strerror}); {_REMEDY}") from error


class Listener:
    """The same for a sound that comes in pieces, as from a microphone."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None
        self._kind: tuple[int, int] | None = None

    def __call__(self, sound: Samples) -> NDArray[np.float32]:
        """(n,) samples in −1..1 at `HEARD_RATE`. Raises OptionError where rate or channels change."""
        kind = (sound.rate, sound.samples.shape[1])
        if self._resampler is None or self._kind is None:
            self._resampler, self._kind = AudioResampler("flt", "mono", HEARD_RATE), kind
        if kind != self._kind:
            raise OptionError(f"samples: {_told(kind)} after {_told(self._kind)}; begin anew, or keep to one kind")
        pieces = [_samples(made) for frame in sound.frames() for made in self._resampler.resample(frame)]
        return np.concatenate([np.zeros(0, np.float32), *pieces])


def _told(kind: tuple[int, int]) -> str:
    return f"{kind[0]} a second in {kind[1]} channel{'s' * (kind[1] > 1)}"


def _heard(path: Path, container: InputContainer, part: Trim) -> Generator[NDArray[np.float32], None, None]:
    source = sound_stream(container)
    if source is None:
        known = "its sound is encrypted or of an unknown kind" if container.streams.audio else "it has no sound"
        raise MediaError(f"{path}: {known}; {_REMEDY}")
    start, graph = picture_start(container) + part.start_seconds, None
    seek_sound(path, container, source, part)
    for frame in decoded(container, source, start):
        graph = graph or _mixing(source, frame)
        graph.push(frame)
        yield from map(_samples, pulled(graph))
    if graph is None and part.start_seconds:
        raise part.nothing_left(path)
    if graph is None:
        raise MediaError(f"{path}: its sound holds nothing that can be decoded, it is damaged or locked; {_REMEDY}")
    graph.push(None)
    yield from map(_samples, pulled(graph))


def _mixing(source: AudioStream, first: AudioFrame) -> Graph:
    """Gaps become silence, overlaps are cut, sound from before the picture goes; pieces of one channel come out."""
    graph = Graph()
    chain = (
        graph.add_abuffer(
            sample_rate=first.sample_rate, format=first.format, layout=first.layout, time_base=source.time_base
        ),
        graph.add("aresample", f"{HEARD_RATE}:async=1:first_pts=0"),
        graph.add("aformat", f"sample_fmts=flt:sample_rates={HEARD_RATE}:channel_layouts=mono"),
        graph.add("asetnsamples", f"n={PIECE}:p=0"),
        graph.add("abuffersink"),
    )
    graph.link_nodes(*chain).configure()
    return graph


def _samples(frame: AudioFrame) -> NDArray[np.float32]:
    """Values that are no numbers become silence: damaged files of floats may hold them."""
    samples = np.nan_to_num(frame.to_ndarray().reshape(-1).astype(np.float32), posinf=0.0, neginf=0.0)
    return np.clip(samples, -1, 1)
