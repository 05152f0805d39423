"""What a file says of how it was made: the counterpart of `provenance`, for files of any program."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import av
from PIL import ExifTags

from openportrait.errors import MediaError
from openportrait.files import open_plain, told
from openportrait.media.files import open_container
from openportrait.media.pixels import BROKEN, find_picture
from openportrait.media.provenance import TAG

WANTED = "a picture or a clip"
_MOST_XMP = 1_000_000
"""Bytes of a packet that are looked at."""
_TAIL_BYTES = 100_000
"""In which a GIF's packet is looked for, from the end: Pillow knows but those before the first frame."""
_MOST_TEXT = 1000
_TERM = re.compile(rb"""DigitalSourceType(?:\s*=\s*["']|\s[^<>]{0,200}rdf:resource=["']|\s*>\s*)([^"'<>\s]{1,300})""")
"""An attribute, a resource or an element; XMP may have any of them."""
_WORDS = re.compile(rb"<dc:description>.{0,300}?<rdf:li[^>]{0,100}>([^<]{1,1000})", re.DOTALL)


@dataclass(frozen=True)
class Said:
    """What a file says of itself."""

    source_type: str = ""
    """IPTC's term for what it was made from, usually an address; empty where it has none."""
    description: str = ""
    """In words; empty where there are none."""

    @property
    def term(self) -> str:
        """The last part of `source_type`."""
        return self.source_type.rstrip("/").rpartition("/")[2]


def said(path: Path) -> Said:
    """What the file says. Raises MediaError where it is no picture or clip, or damaged."""
    open_plain(path, WANTED).close()
    with find_picture(path) as picture:
        if picture is not None:
            try:
                packet = picture.info.get("xmp") or (_tail(path) if picture.format == "GIF" else b"")
                words = picture.getexif().get(ExifTags.Base.ImageDescription, "")
            except BROKEN as error:
                raise MediaError(
                    f"{path}: its metadata are damaged ({told(error)}); make or download it again"
                ) from error
            return Said(_found(_TERM, packet), plain(words) or _found(_WORDS, packet))
    try:
        with open_container(path, xmp=True) as clip:
            found = {name.upper(): value for name, value in clip.metadata.items()}
    except av.FFmpegError as error:
        raise MediaError(f"{path}: holds no picture or clip ({told(error)}); give {WANTED}") from error
    words = found.get("COMMENT") or found.get("DESCRIPTION", "")
    return Said(plain(found.get(TAG)) or _found(_TERM, found.get("XMP", "").encode()), plain(words))


def _tail(path: Path) -> bytes:
    with open_plain(path, WANTED) as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _TAIL_BYTES, 0))
        return file.read(_TAIL_BYTES)


def _found(pattern: re.Pattern[bytes], packet: Any) -> str:
    found = pattern.search(packet[:_MOST_XMP]) if isinstance(packet, bytes) else None
    return plain(unescape(found[1].decode("utf-8", "replace"))) if found else ""


def plain(given: Any) -> str:
    """One line of printable text, whatever a file may hold."""
    text = " ".join(str(given)[:_MOST_TEXT].split()) if given else ""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
