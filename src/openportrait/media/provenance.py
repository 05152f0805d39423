"""States in a result that it is synthetic: in words for people, and by IPTC's vocabulary for programs.

The words are a comment or a description. The vocabulary's term stands in XMP (ISO 16684-1), for which each format has a
place but Matroska and WebM: there it is a tag named `DIGITAL_SOURCE_TYPE`, and BMP, which has none for either.
What other files say of how they were made is read here too."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape, unescape

import av
from PIL import ExifTags

from openportrait.errors import MediaError
from openportrait.files import open_plain, told
from openportrait.media.files import open_container
from openportrait.media.pixels import BROKEN, find_picture

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = f"{VOCABULARY}compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for media that generative models edited; the nearest for a captured face moved by a model's findings."""
TAG = "DIGITAL_SOURCE_TYPE"
_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
"""Of XMP in files of the MP4 family (XMP specification, part 3)."""
_GIF_TRAILER = b"\x3b"
_GIF_HEAD = b"\x21\xff\x0bXMP DataXMP"
_GIF_TAIL = b"\x01" + bytes(range(0xFF, -1, -1)) + b"\x00"
"""A reader may take any byte of the packet for the length of a block; from here it always reaches the end."""


def synthetic(engine: str) -> str:
    """The words."""
    return f"Synthetic: animated with OpenPortrait, {engine} engine"


def xmp(description: str) -> bytes:
    """The XMP packet of a synthetic file; nothing where there is no description."""
    if not description:
        return b""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool="OpenPortrait">'
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(description)}</rdf:li></rdf:Alt>'
        "</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    ).encode()


def add_to_mp4(path: Path, description: str) -> None:
    """Write the packet behind a complete file of the MP4 family. Raises OSError."""
    packet = xmp(description)
    if packet:
        with path.open("ab") as file:
            file.write(struct.pack(">I", 8 + len(_BOX) + len(packet)) + b"uuid" + _BOX + packet)


def add_to_gif(path: Path, description: str) -> None:
    """Write the packet into a complete GIF, before its end. Raises OSError."""
    packet = xmp(description)
    if packet:
        with path.open("r+b") as file:
            file.seek(-len(_GIF_TRAILER), 2)
            file.write(_GIF_HEAD + packet + _GIF_TAIL + _GIF_TRAILER)


# What a file says of how it was made


WANTED = "a picture or a clip"
_MOST_XMP = 1_000_000
"""Bytes of a packet that are looked at."""
_TAIL_BYTES = 100_000
"""Bytes at the end of a GIF in which its packet is looked for: Pillow finds only packets before the first frame."""
_MOST_TEXT = 1000
"""Characters of a description that are looked at."""
_TERM = re.compile(rb"""DigitalSourceType(?:\s*=\s*["']|\s[^<>]{0,200}rdf:resource=["']|\s*>\s*)([^"'<>\s]{1,300})""")
"""An attribute, a resource or an element; XMP may have any of them."""
_WORDS = re.compile(rb"<dc:description>.{0,300}?<rdf:li[^>]{0,100}>([^<]{1,1000})", re.DOTALL)


@dataclass(frozen=True)
class Said:
    """The statement of a file about itself."""

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
