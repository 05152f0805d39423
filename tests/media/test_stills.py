from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from openportrait.errors import MediaError
from openportrait.media import open_clip, probe, read_image, write_image

from .make import corners, picture


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "gif", "ppm"])
def test_content_decides_not_the_name(tmp_path: Path, suffix: str) -> None:
    Pillow.fromarray(picture()).save(tmp_path / f"a.{suffix}")
    path = (tmp_path / f"a.{suffix}").rename(tmp_path / "a.mp4")
    info = probe(path)
    assert (info.kind, info.width, info.height, info.frames, info.rate) == ("image", 96, 64, 1, None)
    image = read_image(path).image
    assert image.dtype == np.uint8
    assert corners(image) == ("r", "g", ".", ".")
    with open_clip(path) as clip:
        frames = list(clip)
    assert len(frames) == 1
    np.testing.assert_array_equal(frames[0].image, image)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (2, ("g", "r", ".", ".")),
        (3, (".", ".", "r", "g")),
        (6, (".", "r", "g", ".")),
        (8, ("g", ".", ".", "r")),
    ],
)
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, expected: tuple[str, ...]) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg").image
    assert corners(image) == expected
    info = probe(tmp_path / "a.jpg")
    assert image.shape == (info.height, info.width, 3)


def test_grey_sixteen_bits_and_floats_fill_eight_bits(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 1, 256), (4, 1))
    Pillow.fromarray(np.rint(ramp * 255).astype(np.uint8)).save(tmp_path / "8.png")
    Pillow.fromarray(np.rint(ramp * 65535).astype(np.uint16)).save(tmp_path / "16.png")
    Pillow.fromarray(ramp.astype(np.float32)).save(tmp_path / "f.tiff")
    for name in ("8.png", "16.png", "f.tiff"):
        image = read_image(tmp_path / name).image
        np.testing.assert_array_equal(image, np.repeat(np.tile(np.arange(256), (4, 1))[..., None], 3, 2), name)


def test_cmyk_is_red_where_it_was_red(tmp_path: Path) -> None:
    Pillow.fromarray(picture()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert corners(read_image(tmp_path / "a.jpg").image) == ("r", "g", ".", ".")


def test_an_embedded_profile_is_applied(tmp_path: Path) -> None:
    """The profile's white has the code of sRGB, its curve is linear: linear 0.2140 is sRGB 0.5."""
    linear = Pillow.new("L", (8, 8), 55)
    profile = ImageCms.ImageCmsProfile(_linear_grey_profile())
    linear.save(tmp_path / "a.png", icc_profile=profile.tobytes())
    assert abs(int(read_image(tmp_path / "a.png").image[4, 4, 0]) - 128) <= 2


def _linear_grey_profile() -> io.BytesIO:
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xI", b"curv", 0)
    text = b"desc" + bytes(4) + struct.pack(">I", 2) + b"g\0" + bytes(78)
    tags, body = [], b""
    start = 128 + 4 + 12 * 3
    for name, data in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        data += bytes(-len(data) % 4)
        tags.append(struct.pack(">4sII", name, start + len(body), len(data)))
        body += data
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    head += bytes(128 - len(head))
    return io.BytesIO(head + struct.pack(">I", 3) + b"".join(tags) + body)


def test_alpha_comes_apart(tmp_path: Path) -> None:
    opacity = np.tile(np.arange(96, dtype=np.uint8), (64, 1))
    Pillow.fromarray(np.dstack((picture(), opacity))).save(tmp_path / "a.png")
    Pillow.fromarray(picture()).quantize(8).save(tmp_path / "p.png", transparency=0)
    frame = read_image(tmp_path / "a.png")
    assert frame.alpha is not None
    np.testing.assert_array_equal(frame.alpha, opacity)
    np.testing.assert_array_equal(frame.image, picture())
    indexed = read_image(tmp_path / "p.png").alpha
    assert indexed is not None
    assert set(np.unique(indexed)) == {0, 255}


def test_reduction_keeps_the_shape(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", picture(960, 641))
    assert read_image(tmp_path / "a.jpg", max_size=120).image.shape == (80, 120, 3)
    assert read_image(tmp_path / "a.jpg", max_size=2000).image.shape == (641, 960, 3)


@pytest.mark.parametrize(("suffix", "keeps"), [(".png", True), (".webp", True), (".tif", True), (".jpg", False)])
def test_written_pictures_read_back(tmp_path: Path, suffix: str, keeps: bool) -> None:
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[32:] = 0
    path = tmp_path / "new" / f"a{suffix}"
    write_image(path, picture(), alpha=alpha, quality=100)
    frame = read_image(path)
    assert corners(frame.image)[:2] == ("r", "g")
    if keeps:
        assert frame.alpha is not None
        np.testing.assert_array_equal(frame.alpha, alpha)
    else:
        assert frame.alpha is None
        assert frame.image[60, 48].min() > 250, "laid on white"
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_damaged_orientation_block_is_passed_over(tmp_path: Path) -> None:
    Pillow.fromarray(picture()).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff garbage")
    assert corners(read_image(tmp_path / "a.jpg").image) == ("r", "g", ".", ".")


def test_an_unknown_suffix_is_refused_and_nothing_made(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"use \.png or \.jpg"):
        write_image(tmp_path / "new" / "a.xyz", picture())
    assert not (tmp_path / "new").exists()
