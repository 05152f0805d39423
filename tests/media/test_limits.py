"""What a small file may make the reader do: bounded before, by what headers say, and while reading."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import open_clip, probe, read_image
from openportrait.media import pixels as reading
from openportrait.media.pixels import Bands
from openportrait.media.timing import gif_durations, png_durations, webp_durations
from openportrait.scaling import resized

from .make import PRINT_PEAK, Video, picture


def bomb(path: Path, side: int, frames: int, delay: int = 4) -> Path:
    """A GIF whose frames are one pixel each, on a canvas of `side` × `side`."""
    frame = b"\x21\xf9\x04\x00" + struct.pack("<H", delay) + b"\x00\x00" + b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    path.write_bytes(head + frame * frames + b"\x3b")
    return path


def test_an_animation_beyond_the_budget_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openportrait.media.animation.pixels", lambda *_, **__: pytest.fail("a frame was decoded"))
    path = bomb(tmp_path / "a.gif", 5999, 1000)
    said = r"a\.gif: more than 694 frames of 5999 × 5999, .* 20-fold .*limit of 500 gigapixels; .*--max-gigapixels"
    for read in (probe, open_clip):
        with pytest.raises(MediaError, match=said):
            read(path)
    with pytest.raises(MediaError, match="9999 × 9999 is more than 36 megapixels, the most for a frame of a clip"):
        probe(bomb(tmp_path / "b.gif", 9999, 300))


def test_an_ordinary_animation_passes_and_the_option_decides(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.gif", 500, 1000)
    assert probe(path).frames == 1000
    with pytest.raises(MediaError, match="limit of 4 gigapixels"):
        open_clip(path, max_gigapixels=4)


def test_frames_that_rest_for_long_count_as_often_as_they_are_shown(tmp_path: Path) -> None:
    """A thousand frames of 16 × 16 px that stay for ten minutes each."""
    path = bomb(tmp_path / "a.gif", 16, 200)
    slow = bomb(tmp_path / "slow.gif", 16, 1000, delay=60000)
    path.write_bytes(path.read_bytes()[:-1] + slow.read_bytes()[19:])
    with pytest.raises(MediaError, match="more than 83,333 frames of 16 × 16"):
        open_clip(path)


def test_what_a_header_does_not_tell_is_counted_while_reading(tmp_path: Path) -> None:
    path = Video(frames=30, codec="libx264").save(tmp_path / "a.h264")
    with open_clip(path) as clip:
        assert clip.info.frames is None
        clip._reader.budget.most_frames = 20
        with pytest.raises(MediaError, match="more than 20 frames of 96 × 64 exceed the limit"):
            list(clip)


@pytest.mark.parametrize(
    "tag",
    [
        b"aa:bb:cc",
        b"00:00:1e999999999",
        b"00:00:1/0",
        b"00:00:nan",
        b"::",
        b"-1:00:00",
        b"99999999:00:00",
        "٣:٣:٣".encode(),
    ],
)
def test_a_duration_tag_that_is_no_time_is_passed_over(tmp_path: Path, tag: bytes) -> None:
    path = Video(frames=10).save(tmp_path / "a.mkv")
    content = path.read_bytes()
    tags = set(re.findall(rb"\d\d:\d\d:\d\d\.\d{9}", content))
    assert tags
    for found in tags:
        content = content.replace(found, tag.ljust(len(found)))
    path.write_bytes(content)
    assert probe(path).frames == 10
    with open_clip(path) as clip:
        assert len(list(clip)) == 10


@pytest.mark.parametrize("kind", ["fifo", "folder", "link to a device"])
def test_what_is_no_file_inside_a_picture_folder(tmp_path: Path, kind: str) -> None:
    for number in range(3):
        Pillow.fromarray(picture()).save(tmp_path / f"{number}.png")
    for number in (0, 2):
        odd = tmp_path / f"{number}.png"
        odd.unlink()
        if kind == "fifo":
            os.mkfifo(odd)
        elif kind == "folder":
            odd.mkdir()
        else:
            odd.symlink_to("/dev/zero")
        with pytest.raises(MediaError, match=rf"{number}\.png: is a .*; give"), open_clip(tmp_path) as clip:
            list(clip)
        odd.rmdir() if kind == "folder" else odd.unlink()
        Pillow.fromarray(picture()).save(odd)


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    for made in (Video(frames=2).save(tmp_path / "a.mp4"), tmp_path / "a.png"):
        if made.suffix == ".png":
            Pillow.fromarray(picture()).save(made)
        assert probe(made.rename(tmp_path / os.fsdecode(b"\xff" + made.name.encode()))).width == 96
    assert probe(tmp_path / os.fsdecode(b"\xffa.png")).kind == "image"


@pytest.mark.parametrize("max_size", [0, 97])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "I;16", "F", "CMYK", "1"])
def test_bands_make_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, max_size: int) -> None:
    grey = (np.add.outer(np.arange(211) * 7, np.arange(307) * 3) % 256).astype(np.uint8)
    if mode == "I;16":
        made = Pillow.fromarray(grey.astype(np.uint16) * 257)
    else:
        made = (
            Pillow.fromarray(np.dstack((grey, grey.T[:211, :1] + grey, 255 - grey)))
            .convert("RGB" if mode in ("LA", "1") else mode)
            .convert(mode)
        )
    if mode in ("RGBA", "LA"):
        made.putalpha(Pillow.fromarray(grey))
    path = tmp_path / "a.tif"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    made.save(path, exif=exif)
    whole = read_image(path, max_size=max_size)
    monkeypatch.setattr(reading, "_LARGE_PIXELS", 1000)
    monkeypatch.setattr(reading, "_BAND_PIXELS", 307 * 10)
    bands = read_image(path, max_size=max_size)
    assert np.abs(whole.image.astype(int) - bands.image).max() <= (1 if max_size else 0)
    assert (whole.alpha is None) == (bands.alpha is None) == (mode not in ("RGBA", "LA"))
    if whole.alpha is not None and bands.alpha is not None:
        assert np.abs(whole.alpha.astype(int) - bands.alpha).max() <= 1


def test_bands_of_any_height(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 90, 3), np.uint8)
    bands = Bands((90, 100), (31, 34))
    for top in range(0, 100, 7):
        bands.add(noise[top : top + 7])
    assert np.abs(bands.finished().astype(int) - resized(noise, 31, 34)).max() <= 1


def test_a_large_jpeg_is_reduced_while_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pillow.fromarray(picture(960, 640)).save(tmp_path / "a.jpg", quality=95)
    asked: list[object] = []
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda _, __, size: asked.append(size))
    exact = read_image(tmp_path / "a.jpg", max_size=96).image
    assert not asked
    monkeypatch.setattr(reading, "_LARGE_PIXELS", 1000)
    assert np.abs(read_image(tmp_path / "a.jpg", max_size=96).image.astype(int) - exact).max() <= 1
    assert asked == [(96, 64)]


@pytest.mark.parametrize(("suffix", "read"), [("gif", gif_durations), ("webp", webp_durations), ("png", png_durations)])
def test_durations_are_read_from_headers(tmp_path: Path, suffix: str, read: Callable[..., list[Fraction]]) -> None:
    path = tmp_path / f"a.{suffix}"
    frames = [Pillow.fromarray(picture(blue=12 * n)) for n in range(5)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 80, 120, 1000, 60])
    with path.open("rb") as file:
        assert list(read(file)) == [Fraction(n, 1000) for n in (40, 80, 120, 1000, 60)]
    content = path.read_bytes()
    for end in range(0, len(content), max(1, len(content) // 40)):  # cut anywhere, it ends
        (tmp_path / "cut").write_bytes(content[:end])
        with (tmp_path / "cut").open("rb") as file:
            assert len(list(read(file))) <= 5


def test_an_animated_png_with_a_picture_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    frames = [Pillow.fromarray(picture(blue=40 + 12 * n)) for n in range(4)]
    frames[0].save(path, save_all=True, default_image=True, append_images=frames[1:], duration=100)
    with open_clip(path) as clip:
        assert len(list(clip)) == 4
        assert clip.truncated is None


READ = """
import sys
from pathlib import Path
from openportrait.media import read_image
read_image(Path(sys.argv[1]), max_size=1920)
"""


def test_a_hundred_megapixels_are_held_once(tmp_path: Path) -> None:
    """Pillow holds 400 MB of them; copies of the whole would add as much each."""
    row = zlib.compress(bytes(1 + 10_000 * 3) * 10_000, 1)
    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", row), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    done = subprocess.run(
        [sys.executable, "-c", READ + PRINT_PEAK, str(path)], capture_output=True, check=True, text=True
    )
    assert int(done.stdout) < 700
