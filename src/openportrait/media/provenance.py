"""What a result says of itself: that it is synthetic, for readers in words and for programs by IPTC's vocabulary.

The words are a comment or a description. The vocabulary's term stands in XMP (ISO 16684-1), for which each format has a
place but Matroska and WebM: there it is a tag named `DIGITAL_SOURCE_TYPE`, and BMP, which has none for either.
"""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import escape

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = f"{VOCABULARY}compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for media that generative models edited; the nearest for a captured face moved by a model's findings."""
TAG = "DIGITAL_SOURCE_TYPE"
_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
"""Of XMP in files of the MP4 family (XMP specification, part 3)."""
_GIF_TRAILER = b"\x3b"
_GIF_HEAD = b"\x21\xff\x0bXMP DataXMP"
_GIF_TAIL = b"\x01" + bytes(range(0xFF, -1, -1)) + b"\x00"
"""Whatever byte of the packet a reader takes for the length of a block, from here it gets to the end."""


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
