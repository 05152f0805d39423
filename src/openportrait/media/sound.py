"""Sound for a picture track: packets copied where the container takes them, encoded anew where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition

from openportrait.media.files import open_container


def with_sound(candidates: Sequence[Path]) -> Path | None:
    """The first file that has sound; what cannot be opened has none."""
    for path in candidates:
        if not path.is_file():
            continue
        try:
            with open_container(path) as container:
                if container.streams.audio:
                    return path
        except (av.FFmpegError, OSError):
            continue
    return None


class SoundTrack:
    """The sound of `path` in `output`, its time counted from the first picture of its file."""

    def __init__(self, path: Path, output: OutputContainer, copies: frozenset[str], encoder: str) -> None:
        self._input = open_container(path)
        self._output = output
        source = self._input.streams.best("audio")
        assert isinstance(source, AudioStream)
        start = _picture_start(self._input)
        copied = source.codec_context.name.removesuffix("float") in copies
        self._packets = self._copied(source, start) if copied else self._encoded(source, start, encoder)
        self._next: Packet | None = None
        if copied:
            self._stream = output.add_stream_from_template(source)
        else:
            rate = 48000 if encoder == "libopus" else source.rate
            self._stream = output.add_stream(encoder, rate=rate)
            self._stream.layout = "mono" if source.channels == 1 else "stereo"

    def advance(self, until_seconds: Fraction) -> None:
        """Write every packet that ends by `until_seconds` of the picture."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            packet = self._next
            if packet is None or ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base > until_seconds:
                return
            packet.stream = self._stream
            self._output.mux(packet)
            self._next = None

    def finish(self, until_seconds: Fraction) -> None:
        """Write the rest that fits, and close the input."""
        self.advance(until_seconds)
        self.close()

    def close(self) -> None:
        """Close the input."""
        self._packets.close()
        self._input.close()

    def _copied(self, source: AudioStream, start: Fraction) -> Iterator[Packet]:
        offset = round(start / source.time_base)
        for packet in self._input.demux(source):
            if packet.pts is None:
                continue
            packet.pts -= offset
            packet.dts = packet.pts
            if packet.pts + (packet.duration or 0) > 0:
                yield packet

    def _encoded(self, source: AudioStream, start: Fraction, encoder: str) -> Iterator[Packet]:
        return iter(())


def _picture_start(container) -> Fraction:
    """When the first picture is shown; where there is none, when the sound starts."""
    for stream in (*container.streams.video, *container.streams.audio):
        cover = stream.disposition & Disposition.attached_pic
        if not cover and stream.start_time is not None and stream.time_base:
            return stream.start_time * stream.time_base
    return Fraction(0)
