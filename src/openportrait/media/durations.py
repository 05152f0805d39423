"""How long the frames of an animated picture stay, from its headers: nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

_CENTISECOND, _MILLISECOND = Fraction(1, 100), Fraction(1, 1000)


def gif_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (GIF89a specification, sections 18 to 23). Ends where the file does."""
    head = file.read(13)
    _skip(file, _colour_table(head[10:11]))
    delay = Fraction(0)
    while kind := file.read(1):
        if kind == b"!":  # an extension
            label = file.read(1)
            block = _first_block(file)
            if label == b"\xf9" and len(block) >= 3:
                delay = int.from_bytes(block[1:3], "little") * _CENTISECOND
            if block:
                _skip_blocks(file)
        elif kind == b",":  # a frame
            _skip(file, _colour_table(file.read(9)[8:9]) + 1)
            yield delay
            _skip_blocks(file)
        else:
            return


def webp_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (RFC 9649, section 2.7.1)."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        start = file.tell()
        if head[:4] == b"ANMF":
            yield int.from_bytes(file.read(16)[12:15], "little") * _MILLISECOND
        file.seek(start + size + size % 2)


def png_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame (PNG 3rd edition, section 11.3.6)."""
    file.seek(8)
    began = False
    while len(head := file.read(8)) == 8:
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        start = file.tell()
        if name == b"fcTL":
            delay = file.read(24)[20:24]
            yield Fraction(int.from_bytes(delay[:2], "big"), int.from_bytes(delay[2:], "big") or 100)
        elif name == b"IDAT" and not began:
            yield Fraction(0)  # the picture for those who know no animation, which Pillow shows first
        began = began or name in (b"fcTL", b"IDAT")
        file.seek(start + size + 4)


def _colour_table(flags: bytes) -> int:
    """Bytes of the table that follows."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip(file: BinaryIO, count: int) -> None:
    file.seek(count, 1)


def _first_block(file: BinaryIO) -> bytes:
    size = file.read(1)
    return file.read(size[0]) if size else b""


def _skip_blocks(file: BinaryIO) -> None:
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], 1)
