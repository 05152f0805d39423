"""Whatever is given: one clear line with the file, the problem and a remedy."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import open_clip, probe, read_image

from .make import Video, index_of, picture


def refused(path: Path, said: str) -> None:
    """Both ways to read it say the same, in one line that names the file."""
    for read in (probe, open_clip):
        with pytest.raises(MediaError, match=said) as caught:
            read(path)
        message = str(caught.value)
        assert str(path) in message
        assert "\n" not in message
        assert ";" in message, "the remedy"


def test_missing_empty_and_no_plain_files(tmp_path: Path) -> None:
    refused(tmp_path / "missing.mp4", "no such file")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "is empty")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path / "pipe.mp4", "no plain file")
    refused(Path("/dev/zero"), "no plain file")
    refused(Path("https://example.org/a.mp4"), "download it first")


def test_text_and_archives_are_no_clips(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("This is a text.\n" * 100)
    refused(tmp_path / "a.mp4", "cannot be read as a picture or clip")
    (tmp_path / "b.mp4").write_bytes(b"PK\x03\x04" + np.random.default_rng(0).bytes(5000))
    refused(tmp_path / "b.mp4", "cannot be (read|decoded)|can be decoded|no picture")
    with pytest.raises(MediaError, match="holds no picture"):
        read_image(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("kind", ["m3u8", "concat", "image2", "sdp"])
def test_scripts_that_name_other_files_are_never_followed(tmp_path: Path, kind: str) -> None:
    clip = Video().save(tmp_path / "real.ts")
    Pillow.fromarray(picture()).save(tmp_path / "shot1.pgm")
    texts = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{clip.name}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {clip.name}\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "image2": "shot%d.pgm",
    }
    script = tmp_path / f"script.{kind}"
    script.write_text(texts[kind])
    refused(script, "cannot be read as a picture or clip")


def test_cut_off_and_garbled_pictures(tmp_path: Path) -> None:
    noise = Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    for suffix in ("jpg", "png", "webp"):
        path = tmp_path / f"a.{suffix}"
        noise.save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(MediaError, match=r"damaged or cut off|cannot be read|holds no picture"):
            read_image(path)


def test_a_hundred_megapixels_are_refused_before_decoding(tmp_path: Path) -> None:
    for side in (10_001, 20_000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
        packed = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
        refused(tmp_path / "bomb.png", "megapixels")


def test_a_clip_of_a_hundred_megapixels_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mov"), "w") as output:
        stream = output.add_stream("png", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 10_001
        stream.pix_fmt = "monob"
        output.mux(stream.encode(VideoFrame(10_001, 10_001, "monob")))
        output.mux(stream.encode(None))
    refused(tmp_path / "a.mov", "10001 × 10001 is more than 100 megapixels")


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w") as output:
        stream = output.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 44100, 1024):
            frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    refused(tmp_path / "a.m4a", "no picture track")


def test_a_clip_without_a_decodable_picture(tmp_path: Path) -> None:
    key = "00112233445566778899aabbccddeeff"
    protected = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    refused(Video(container=protected).save(tmp_path / "protected.mp4"), "encrypted")
    unknown = tmp_path / "unknown.mp4"
    unknown.write_bytes(Video().save(tmp_path / "a.mp4").read_bytes().replace(b"avc1", b"encv"))
    refused(unknown, "encrypted or of an unknown kind")


def test_a_clip_cut_before_its_index(tmp_path: Path) -> None:
    content = Video().save(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "cut.mp4", "cannot be read as a picture or clip")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_clip_that_breaks_off_gives_what_it_has_and_says_where(tmp_path: Path, name: str) -> None:
    options = {"g": "10", "b": "4000000"}
    video = Video(frames=100, container={"movflags": "faststart"} if name == "a.mp4" else {}, options=options)
    path = video.save(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with open_clip(path) as clip:
        frames = list(clip)
        assert clip.truncated is not None
        assert str(path) in clip.truncated
        assert "breaks off after" in clip.truncated
    assert 30 < len(frames) < 90
    assert [index_of(frame.image) for frame in frames[:30]] == [n % 16 for n in range(30)]


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = Video(frames=100, rate=Fraction(25), options={"g": "10"}).save(tmp_path / "a.mkv")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    with open_clip(path) as clip:
        frames = list(clip)
        assert clip.truncated is None
    assert len(frames) == 100
    assert index_of(frames[-1].image) == 99 % 16
