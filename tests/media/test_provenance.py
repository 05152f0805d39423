"""Every format says that it is synthetic, to readers that are not ours, and loses nothing by it."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from openportrait.cli import main
from openportrait.errors import MediaError
from openportrait.media import open_clip, open_writer, write_image
from openportrait.media.provenance import SOURCE_TYPE, Said, said, synthetic
from openportrait.media.segments import SegmentWriter

WORDS = synthetic("mesh & <neural>")
SHADES = (30, 90, 150, 210)
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
TERM = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def clip(path: Path, description: str = WORDS) -> Path:
    with open_writer(path, rate=Fraction(25), description=description) as writer:
        for shade in SHADES:
            writer.write(np.full((48, 64, 3), shade, np.uint8))
    return path


def told_by_xmp(packet: str | bytes) -> tuple[str, str]:
    """The term and the words, as an XML parser finds them."""
    text = packet.decode() if isinstance(packet, bytes) else packet
    tree = ET.fromstring(text[text.index("<x:xmpmeta") : text.index("</x:xmpmeta>") + 12])
    (item,) = tree.iter(f"{RDF}li")
    return next(node.get(TERM, "") for node in tree.iter(f"{RDF}Description")), item.text or ""


def of_gif(path: Path) -> bytes:
    """The XMP packet of a GIF whose blocks are walked from its start to its end."""
    data = path.read_bytes()
    found, at = b"", 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        else:
            at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
        if data[start : start + 14] == b"\x21\xff\x0bXMP DataXMP":
            found = data[start + 14 : at - 258]
    assert at == len(data) - 1
    return found


def told(path: Path) -> tuple[str, str]:
    """Term and words of a result, read by Pillow, FFmpeg, or by hand."""
    if path.suffix == ".gif":
        return told_by_xmp(of_gif(path))
    if path.suffix in (".mp4", ".m4v", ".mov", ".mkv", ".webm"):
        with av.open(str(path), options={"export_xmp": "1"}) as container:
            found = {name.lower(): value for name, value in container.metadata.items()}
        return told_by_xmp(found["xmp"]) if "xmp" in found else (found["digital_source_type"], found["comment"])
    with Pillow.open(path) as picture:
        return told_by_xmp(picture.info["xmp"])


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".webp"])
def test_a_clip_says_it_and_is_a_clip_all_the_same(suffix: str, tmp_path: Path) -> None:
    path, plain = clip(tmp_path / f"marked{suffix}"), clip(tmp_path / f"plain{suffix}", "")
    assert told(path) == (SOURCE_TYPE, WORDS)
    assert said(path) == Said(SOURCE_TYPE, WORDS)
    assert said(plain) == Said()
    with open_clip(path) as one, open_clip(plain) as other:
        assert [frame.image.tobytes() for frame in one] == [frame.image.tobytes() for frame in other]
        assert (one.info.frames, one.info.rate) == (len(SHADES), other.info.rate)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_says_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, np.full((32, 32, 3), 90, np.uint8), description=WORDS)
    assert told(path) == (SOURCE_TYPE, WORDS)
    assert said(path) == Said(SOURCE_TYPE, WORDS)


def test_each_numbered_picture_says_it(tmp_path: Path) -> None:
    clip(tmp_path / "shots" / "%02d.png")
    assert {told(path) for path in (tmp_path / "shots").glob("*.png")} == {(SOURCE_TYPE, WORDS)}


def test_joined_segments_say_it(tmp_path: Path) -> None:
    goal, parts = tmp_path / "joined.mp4", [tmp_path / "0", tmp_path / "1"]
    for part in parts:
        with SegmentWriter(part, goal, rate=Fraction(25), quality=75) as segment:
            for shade in SHADES:
                segment.write(np.full((48, 64, 3), shade, np.uint8))
    with open_writer(goal, rate=Fraction(25), description=WORDS) as writer:
        for part in parts:
            writer.join(part, len(SHADES))
    assert told(goal) == (SOURCE_TYPE, WORDS)
    with open_clip(goal) as made:
        assert sum(1 for _ in made) == 2 * len(SHADES)


@pytest.mark.parametrize(
    "written", ['X:DigitalSourceType="{}"', "X:DigitalSourceType rdf:resource='{}'", "X:DigitalSourceType>\n {}\n<"]
)
def test_other_programs_ways_of_saying_it_are_read(written: str, tmp_path: Path) -> None:
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    Pillow.new("RGB", (8, 8)).save(tmp_path / "a.jpg", xmp=f"<{written.format(address)}>".encode())
    assert said(tmp_path / "a.jpg").term == "trainedAlgorithmicMedia"


def test_verify_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(clip(tmp_path / "a.mp4"))]) == 0
    lines = ["digital source type: compositeWithTrainedAlgorithmicMedia", f"description: {WORDS}"]
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["verify", str(clip(tmp_path / "b.mkv", ""))]) == 0
    assert capsys.readouterr().out == "the file says nothing of how it was made\n"


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40), struct.pack(">I", 8) + b"ftypisom"]
)
def test_what_is_no_picture_is_one_line(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        said(path)
    for wrong in (path, tmp_path, tmp_path / "none.png"):
        assert main(["verify", str(wrong)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"openportrait: error: {wrong}: ") and err.count("\n") == 1
