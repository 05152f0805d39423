"""Sound for a picture track: packets copied where the container takes them, encoded anew where not.

`Samples` is a sound in memory, as callers have it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Disposition
from numpy.typing import NDArray

from openportrait.bounds import shown, whole
from openportrait.errors import OptionError
from openportrait.media.files import is_locked, may_be_sought, open_container
from openportrait.media.timing import LONGEST_REST
from openportrait.trim import SEEK_MARGIN, WHOLE, Trim

SUFFIX = ".wav"
_SLOWEST, _FASTEST = 4_000, 384_000
"""Samples a second that are taken."""
_LAYOUTS = ("mono", "stereo")
_CODECS = {"flt": "pcm_f32le", "s16": "pcm_s16le"}
_PIECE = 1 << 16
"""Samples encoded at a time."""


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


# Sound for a picture track


_SAMPLE_FORMATS = {"aac": "fltp", "libopus": "flt"}
_TICK = Fraction(1, 500)
"""s by which times of packets may differ from what is due: containers round them."""
FARTHEST_TICK = 2**62
"""A time stamp that is farther out is damaged; sums of nearer ones still fit 64 bits."""
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


class Sound(NamedTuple):
    """A file whose sound is wanted."""

    path: Path
    delay_seconds: Fraction = Fraction(0)
    """Seconds by which it begins after the picture; below 0: that much of its start is left out."""
    trim: Trim = WHOLE
    """The part that is heard, counted from the file's first picture."""


def with_sound(candidates: Sequence[Sound]) -> Sound | None:
    """The first file that has sound that can be decoded; a picture, a folder or a damaged file has none."""
    for sound in candidates:
        if not sound.path.is_file():
            continue
        try:
            with open_container(sound.path) as container:
                if sound_stream(container):
                    return sound
        except (av.FFmpegError, OSError):
            continue
    return None


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound track of a file that can be decoded."""
    known = [s for s in container.streams.audio if not is_locked(s) and s.codec_context.sample_rate]
    return known[0] if known else None


class SoundTrack:
    """The sound of one file, its time counted from its part's begin and its delay, added to `output`.

    Sound from before the part or the first picture is left out, and so is what would last longer than the picture.
    """

    def __init__(self, sound: Sound, output: OutputContainer, copies: frozenset[str], encoder: str) -> None:
        """`copies` are the codecs that `output` takes as they are; others go through `encoder`."""
        self._input = open_container(sound.path)
        self._output = output
        source = sound_stream(self._input)
        assert source is not None, "with_sound chose this file"
        part, delay = sound.trim, sound.delay_seconds
        start = picture_start(self._input) + part.start_seconds - delay
        self._first = max(delay, Fraction(0))
        """When the result hears the first of it, s."""
        self._last = None if part.length_seconds is None else delay + part.length_seconds
        seek_sound(sound.path, self._input, source, part)
        if source.codec_context.codec.canonical_name in copies:
            self._stream = output.add_stream_from_template(source)
            self._packets = self._copied(source, start)
            coded = source.codec_context
        else:
            self._stream = self._encoding_stream(source, encoder)
            self._packets = self._encoded(source, start)
            coded = self._stream.codec_context
        # The last packet of a file states less than what decoders make of it.
        self._full_packet = Fraction(coded.frame_size or 0, coded.sample_rate)
        self._waiting: Packet[AudioStream] | None = None

    def advance(self, until_seconds: Fraction) -> None:
        """Write every packet that ends by `until_seconds` of the picture."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._packets, None)
            packet = self._waiting
            if packet is None or self._end(packet) > until_seconds:
                return
            packet.stream = self._stream
            self._output.mux(packet)
            self._waiting = None

    def _end(self, packet: Packet[AudioStream]) -> Fraction:
        length = max((packet.duration or 0) * packet.time_base, self._full_packet)
        return (packet.pts or 0) * packet.time_base + length

    def close(self) -> None:
        """Close the file the sound comes from."""
        self._packets.close()
        self._input.close()

    def _copied(self, source: AudioStream, start: Fraction) -> Generator[Packet[AudioStream], None, None]:
        base = source.time_base or Fraction(1, source.rate)
        offset = round(start / base)
        last = -FARTHEST_TICK
        for packet in _until_broken(self._input.demux(source)):
            if packet.pts is None or not last < packet.pts < FARTHEST_TICK:
                continue  # damaged or repeated: no container takes it
            last = packet.pts
            packet.pts -= offset
            packet.dts = packet.pts
            if self._last is not None and packet.pts * base >= self._last - _TICK:
                return
            # The packet that ends at the start (within one tick) prepares the decoder for the next.
            if (packet.pts + (packet.duration or 0)) * base > self._first - _TICK:
                yield packet

    def _encoding_stream(self, source: AudioStream, encoder: str) -> AudioStream:
        rate = 48000 if encoder == "libopus" or source.rate not in _AAC_RATES else source.rate
        stream = self._output.add_stream(encoder, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono" if source.channels == 1 else "stereo"
        stream.codec_context.format = _SAMPLE_FORMATS[encoder]
        stream.codec_context.bit_rate = 96_000 * stream.channels
        stream.codec_context.open()
        return stream

    def _encoded(self, source: AudioStream, start: Fraction) -> Generator[Packet[AudioStream], None, None]:
        """Decoded, brought to an even clock that begins with the picture, and encoded."""
        context = self._stream.codec_context
        graph: Graph | None = None
        for frame in decoded(self._input, source, start):
            if self._last is not None and (frame.time or 0) >= self._last:
                break
            if graph is None:
                graph = self._even_clock(source, frame)
            graph.push(frame)
            for even in pulled(graph):
                yield from self._stream.encode(even)
        if graph is not None:
            graph.push(None)
            for even in pulled(graph):
                yield from self._stream.encode(even)
        if context.is_open:
            yield from self._stream.encode(None)

    def _even_clock(self, source: AudioStream, first: AudioFrame) -> Graph:
        """Gaps become silence, overlaps are cut, what is not of the part goes; the encoder's frames come out."""
        context = self._stream.codec_context
        graph = Graph()
        last = "" if self._last is None else f":end={float(self._last):.6f}"
        chain = (
            graph.add_abuffer(
                sample_rate=first.sample_rate,
                format=first.format,
                layout=first.layout,
                time_base=source.time_base,
            ),
            graph.add("atrim", f"start={float(self._first):.6f}{last}"),
            graph.add("aresample", f"{context.sample_rate}:async=1:first_pts=0"),
            graph.add(
                "aformat",
                f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}:"
                f"channel_layouts={context.layout.name}",
            ),
            graph.add("asetnsamples", f"n={context.frame_size or 1024}:p=0"),
            graph.add("abuffersink"),
        )
        graph.link_nodes(*chain).configure()
        return graph


def _until_broken(packets: Iterator[Packet[AudioStream]]) -> Iterator[Packet[AudioStream]]:
    """Sound that breaks off ends there; the picture goes on."""
    try:
        yield from packets
    except av.FFmpegError:
        return


def decoded(container: InputContainer, source: AudioStream, start: Fraction) -> Iterator[AudioFrame]:
    """The frames of a sound track from `start` on, seconds of the file's clock, from which their own is counted.

    Damaged ones are left out, and so is what follows a break, or would come after hours of silence.
    """
    base = source.time_base or Fraction(1, source.rate)
    offset, end = round(start / base), max(start, picture_start(container))
    for frame in _decoded(container, source):
        if frame.pts is not None:
            if not -FARTHEST_TICK < frame.pts < FARTHEST_TICK or frame.pts * base - end > LONGEST_REST:
                return  # a broken clock
            end = frame.pts * base
            frame.pts -= offset
            if frame.pts * base + Fraction(frame.samples, frame.sample_rate or 1) <= 0:
                continue
        yield frame


def _decoded(container: InputContainer, source: AudioStream) -> Iterator[AudioFrame]:
    for packet in _until_broken(container.demux(source)):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue  # its time becomes silence
        except av.EOFError:
            return


def pulled(graph: Graph) -> Iterator[AudioFrame]:
    """What a filter has ready."""
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame


def seek_sound(path: Path, container: InputContainer, source: AudioStream, part: Trim) -> None:
    """Let what is read next of a file's sound begin shortly before a part, where the file allows it.

    Tried out with the file opened anew: what is read of it is gone.
    """
    wanted = picture_start(container) + part.start_seconds
    if part.start_seconds <= SEEK_MARGIN or not may_be_sought(container):
        return
    base = source.time_base or Fraction(1, source.rate)
    place = int((wanted - SEEK_MARGIN) / base)
    with suppress(av.FFmpegError), open_container(path) as trial:
        stream = trial.streams[source.index]
        trial.seek(place, stream=stream)
        first = next((packet.pts for packet in trial.demux(stream) if packet.pts is not None), None)
        if first is not None and first * base <= wanted:
            container.seek(place, stream=source)


def picture_start(container: InputContainer) -> Fraction:
    """When the first picture is shown, seconds of the file's clock; where there is none, when the sound starts."""
    for stream in (*container.streams.video, *container.streams.audio):
        cover = stream.disposition & Disposition.attached_pic
        if not cover and stream.start_time is not None and stream.time_base:
            return stream.start_time * stream.time_base
    return Fraction(0)
