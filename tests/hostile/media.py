"""Pictures, clips and folders of pictures that were damaged or forged."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.hostile.case import Case, Material, cut, damaged, flipped

FORMATS = (
    *(
        "PNG",
        "JPEG",
        "WEBP",
        "TIFF",
        "BMP",
        "GIF",
        "PPM",
        "TGA",
        "ICO",
        "ICNS",
        "PCX",
        "SGI",
        "DDS",
        "IM",
        "MPO",
        "PDF",
    ),
    *("JPEG2000", "AVIF", "SPIDER", "MSP", "XBM", "QOI", "EPS", "PALM"),
)
"""What Pillow reads and writes; most of it is nothing that a portrait comes as."""
SUFFIXES = ("jpg", "png", "webp", "bmp", "tif", "gif", "mp4")
RATES = (0, 1, 2, 2**15, 2**31 - 1, 2**31, 2**32 - 1)


def _picture(rng: random.Random, material: Material) -> bytes:
    """The portrait in a format of Pillow's choice, or noise where it cannot be written so."""
    image = Image.open(io.BytesIO(material.portrait)).convert("RGB").resize((96, 96))
    form, out = rng.choice(FORMATS), io.BytesIO()
    mode = {"MSP": "1", "XBM": "1", "SPIDER": "F", "PALM": "L"}.get(form) or rng.choice(
        ("RGB", "L", "RGBA", "P", "CMYK", "I;16")
    )
    extra = {"exif": rng.randbytes(60)} if form in ("JPEG", "WEBP", "PNG") and rng.random() < 0.3 else {}
    extra |= (
        {"icc_profile": rng.randbytes(200)} if form in ("JPEG", "PNG", "TIFF", "WEBP") and rng.random() < 0.3 else {}
    )
    try:
        image.convert(mode).save(out, form, **extra)
    except (OSError, ValueError, KeyError):
        image.save(out, "PNG", **extra)
    return out.getvalue()


def _forged_size(rng: random.Random, material: Material) -> bytes:
    """A small file that says it is a very large picture."""
    width, height = (rng.choice((0, 1, 9999, 30_000, 65_535, 2**31 - 1)) for _ in range(2))
    form = rng.choice(("png", "bmp", "gif", "ppm", "tga"))
    if form == "png":
        header = b"IHDR" + struct.pack(">II", width, height) + material.portrait[24:29]
        return material.portrait[:12] + header + struct.pack(">I", zlib.crc32(header)) + material.portrait[33:]
    if form == "bmp":
        return (
            b"BM"
            + struct.pack("<IIIIiiHHIIiiII", 9999, 0, 54, 40, width, -height, 1, 24, 0, 0, 0, 0, 0, 0)
            + bytes(300)
        )
    if form == "gif":
        size = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
        frame = (
            b"\x21\xf9\4\0" + rng.choice((b"\0\0", b"\xff\xff", b"\1\0")) + b"\0\0,\0\0\0\0" + size + b"\0\2\2\x44\1\0"
        )
        return b"GIF89a" + size + b"\x80\0\0" + bytes(6) + frame * rng.choice((1, 2, 300)) + b";"
    if form == "ppm":
        return f"P6 {width} {height} 255\n".encode() + bytes(300)
    return (
        bytes([0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
        + b"\x18\0"
        + b"\xff" * 90
    )


def _animated(rng: random.Random, material: Material) -> bytes:
    """An animation with odd durations."""
    image = Image.open(io.BytesIO(material.portrait)).convert("RGB").resize((96, 96))
    frames = [image.rotate(2 * turn) for turn in range(4)]
    form, out = rng.choice(("GIF", "WEBP", "PNG", "TIFF")), io.BytesIO()
    longest = {"GIF": 655_350, "PNG": 65_535_000}.get(form, 16_777_215)
    durations = [rng.choice((0, 1, 10, 40, 300, 2000, longest)) for _ in frames]
    timed = {"duration": durations} if form != "TIFF" else {}
    frames[0].save(out, form, save_all=True, append_images=frames[1:], **timed)
    return out.getvalue()


def pictures(rng: random.Random, count: int) -> Iterator[Case]:
    """As the source, as the driving, or to find faces in."""
    for index in range(count):
        kind = ("damaged", "cut", "flipped", "size", "animated", "sound")[index % 6]
        name = f"p.{rng.choice(SUFFIXES)}"

        def make(folder: Path, material: Material, rng: random.Random, kind: str = kind, name: str = name) -> None:
            plain = {"size": _forged_size, "animated": _animated}.get(kind, _picture)(rng, material)
            change = {"damaged": damaged, "cut": cut, "flipped": flipped}.get(kind)
            (folder / name).write_bytes(change(rng, plain) if change else plain)

        paths = rng.choice(
            (
                {"path": f"in/{name}"},
                {"source": f"in/{name}", "driving": "in/portrait.png", "output": "out/o.webp"},
                {"source": "in/portrait.png", "driving": f"in/{name}", "output": "out/o.webp"},
            )
        )
        yield Case(f"{kind}", "faces" if "path" in paths else "animate", paths, make)


def _container(rng: random.Random, material: Material) -> bytes:
    """The clip in another container, sometimes without its sound or its pictures."""
    form, drop = rng.choice(("mp4", "mov", "matroska")), rng.choice(("", "", "", "audio", "video"))
    out = io.BytesIO()
    with av.open(io.BytesIO(material.clip), "r") as source, av.open(out, "w", format=form) as target:
        streams = {each.index: target.add_stream_from_template(each) for each in source.streams if each.type != drop}
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out.getvalue()


def _forged_clip(rng: random.Random, material: Material) -> bytes:
    """An MP4 whose boxes state other numbers: lengths, rates, sizes, rotation, aspect, encryption."""
    data = bytearray(material.clip)
    for _ in range(rng.choice((1, 2, 4))):
        box = rng.choice(
            (b"mvhd", b"tkhd", b"mdhd", b"stts", b"elst", b"stsz", b"stsc", b"stco", b"avc1", b"avcC", b"ftyp", b"hdlr")
        )
        at = data.find(box)
        if at < 0:
            continue
        if rng.random() < 0.15:
            data[at : at + 4] = rng.choice((b"encv", b"free", b"skip", b"xxxx"))
            continue
        place = at + 4 + 4 * rng.randrange(24)
        data[place : place + 4] = struct.pack(">I", rng.choice((*RATES, rng.getrandbits(32))))
    return bytes(data)


def _playlist(rng: random.Random, folder: Path) -> bytes:
    """A text that names other files, as FFmpeg would follow it."""
    target = rng.choice(
        (
            str(folder / "clip.mp4"),
            "clip.mp4",
            "http://127.0.0.1:9/x.mp4",
            "file:///etc/passwd",
            "concat:clip.mp4|clip.mp4",
        )
    )
    return rng.choice(
        (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{target}'\nduration 1\n",
            f"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\ni={target}\n",
            f'<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>',
            f"[playlist]\nFile1={target}\nNumberOfEntries=1\n",
        )
    ).encode()


def clips(rng: random.Random, count: int) -> Iterator[Case]:
    """As the source, as the driving, or to be measured or retargeted."""
    for index in range(count):
        kind = ("forged", "damaged", "container", "flipped", "playlist", "forged")[index % 6]
        suffix = rng.choice(("mp4", "mkv", "webm", "avi", "mov", "gif"))

        def make(
            folder: Path, material: Material, rng: random.Random, kind: str = kind, name: str = f"c.{suffix}"
        ) -> None:
            if kind == "playlist":
                made = _playlist(rng, folder)
            elif kind == "forged":
                made = _forged_clip(rng, material)
            else:
                made = _container(rng, material) if rng.random() < 0.8 else material.clip
                if kind != "container":
                    made = (damaged if kind == "damaged" else flipped)(rng, made)
            (folder / name).write_bytes(made)

        command = rng.choice(("animate", "animate", "retarget", "make", "faces"))
        paths = {
            "animate": {"source": "in/portrait.png", "driving": f"in/c.{suffix}", "output": "out/o.mp4"},
            "retarget": {"source": f"in/c.{suffix}", "output": "out/o.mp4"},
            "make": {"driving": f"in/c.{suffix}", "output": "out/o.motion"},
            "faces": {"path": f"in/c.{suffix}"},
        }[command]
        yield Case(kind, command, paths, make, refused=kind == "playlist")


def sounds(rng: random.Random, count: int) -> Iterator[Case]:
    """Clips whose sound is damaged, and sound alone."""
    for index in range(count):
        kind, form = ("damaged", "alone")[index % 2], rng.choice(("wav", "mp3", "flac", "matroska"))

        def make(folder: Path, material: Material, rng: random.Random, kind: str = kind, form: str = form) -> None:
            if kind == "damaged":
                (folder / "c.mp4").write_bytes(flipped(rng, material.clip, len(material.clip) // 2))
                return
            with av.open(str(folder / "c.mp4"), "w", format=form) as out:
                codec = {"wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "matroska": "aac"}[form]
                stream = out.add_stream(codec, rate=48_000)
                assert isinstance(stream, av.AudioStream)
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), "s16", "mono")
                frame.rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
                out.mux(stream.encode(frame))
                out.mux(stream.encode(None))

        # A sound alone may drive; it has no face that could be driven.
        alone = kind == "alone"
        given = {"source": "in/c.mp4", "driving": "in/portrait.png"} if alone and index % 4 == 3 else {}
        paths = {"source": "in/portrait.png", "driving": "in/c.mp4", "output": "out/o.mp4", **given}
        yield Case(kind, "animate", paths, make, refused=bool(given))


def _shots(folder: Path, kind: str, material: Material, rng: random.Random) -> None:
    """Three pictures, and among them what does not belong."""
    folder.mkdir()
    for number in range(0 if kind == "empty" else 3):
        (folder / f"{number}.png").write_bytes(material.portrait)
    names = {"gap": "90000.png", "name": "\udcff%d 1.png", "twice": "01.png", "words": "readme.txt"}
    odd = folder / names.get(kind, "1.png")
    odd.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind in ("loop", "device"):
        odd.symlink_to("1.png" if kind == "loop" else "/dev/zero")
    elif kind == "folder":
        odd.mkdir()
    elif kind in ("size", "huge"):
        odd.write_bytes(_picture(rng, material) if kind == "size" else _forged_size(rng, material))
    elif kind != "empty":
        odd.write_bytes(rng.choice((material.portrait, b"words\n", b"")))


def folders(rng: random.Random, count: int) -> Iterator[Case]:
    """Numbered pictures among which something does not belong."""
    kinds = ("gap", "pipe", "loop", "device", "folder", "size", "words", "empty", "many", "name", "huge", "twice")
    roles = (
        {"source": "in/shots", "driving": "in/portrait.png", "output": "out/o.mp4"},
        {"source": "in/portrait.png", "driving": "in/shots", "output": "out/o.mp4"},
    )
    for index in range(count):
        kind = kinds[index % len(kinds)]

        def make(folder: Path, material: Material, rng: random.Random, kind: str = kind) -> None:
            _shots(folder / "shots", kind, material, rng)

        yield Case(kind, "animate", rng.choice(roles), make, refused=kind in ("pipe", "loop", "device", "empty"))
