from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from openportrait.media import open_clip, probe
from openportrait.media.colour import narrowed
from openportrait.records import Frame

from .make import Video, corners, index_of


def frames_of(path: Path, max_size: int = 0) -> list[Frame]:
    with open_clip(path, max_size=max_size) as clip:
        frames = list(clip)
        assert clip.truncated is None
        assert all(frame.image.shape == (clip.info.height, clip.info.width, 3) for frame in frames)
        assert all((frame.alpha is not None) == clip.info.has_alpha for frame in frames)
        return frames


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")],
)
def test_every_frame_in_order_at_the_exact_rate(tmp_path: Path, name: str, codec: str) -> None:
    path = Video(codec=codec, rate=Fraction(30000, 1001), options={"b": "4000000"}).save(tmp_path / name)
    info = probe(path)
    assert (info.kind, info.width, info.height, info.rate) == ("video", 96, 64, Fraction(30000, 1001))
    assert (info.frames, info.has_audio, info.has_alpha, info.variable_rate) == (20, False, False, False)
    frames = frames_of(path)
    assert [index_of(frame.image) for frame in frames] == [n % 16 for n in range(20)]
    assert frames[7].pts_seconds == Fraction(7 * 1001, 30000)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    clip = Video().save(tmp_path / "a.mp4").rename(tmp_path / "a.jpg")
    assert probe(clip).codec == "h264"


@pytest.mark.parametrize(
    ("degrees", "size", "expected"),
    [
        (90, (64, 96), ("g", ".", ".", "r")),
        (180, (96, 64), (".", ".", "r", "g")),
        (-90, (64, 96), (".", "r", "g", ".")),
    ],
)
def test_rotation_is_honoured(
    tmp_path: Path, degrees: int, size: tuple[int, int], expected: tuple[str, str, str, str]
) -> None:
    path = Video(turn_degrees=degrees, frames=2).save(tmp_path / "turned.mp4")
    info = probe(path)
    assert (info.width, info.height) == size
    assert corners(frames_of(path)[0].image) == expected


def test_sample_aspect_makes_pixels_square(tmp_path: Path) -> None:
    wide = probe(Video(aspect=Fraction(4, 3), frames=2).save(tmp_path / "wide.mp4"))
    tall = probe(Video(aspect=Fraction(1, 2), frames=2).save(tmp_path / "tall.mkv"))
    assert (wide.width, wide.height) == (128, 64)
    assert (tall.width, tall.height) == (96, 128)


def test_odd_sides_and_reduction(tmp_path: Path) -> None:
    path = Video(size=(97, 65), codec="libvpx-vp9", frames=2).save(tmp_path / "odd.webm")
    assert frames_of(path)[0].image.shape == (65, 97, 3)
    assert corners(frames_of(path, max_size=48)[0].image) == ("r", "g", ".", ".")
    assert frames_of(path, max_size=48)[0].image.shape == (32, 48, 3)


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("span", [1, 2])
def test_matrix_and_range_are_honoured(tmp_path: Path, matrix: int, span: int) -> None:
    primaries = 1 if matrix == 1 else 6
    video = Video(frames=2, colour=(matrix, span, primaries, primaries), flat=(200, 60, 30), options={"crf": "1"})
    image = frames_of(video.save(tmp_path / "flat.mp4"))[0].image
    np.testing.assert_allclose(image[32, 48], (200, 60, 30), atol=3)


def test_ten_bits(tmp_path: Path) -> None:
    video = Video(codec="libx265", pixels="yuv420p10le", frames=3, flat=(200, 60, 30))
    video.options = {"x265-params": "log-level=none:bframes=0:frame-threads=1:pools=none", "crf": "5"}
    image = frames_of(video.save(tmp_path / "ten.mkv"))[0].image
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image[32, 48], (200, 60, 30), atol=3)


def test_high_dynamic_range_is_brought_into_eight_bits(tmp_path: Path) -> None:
    """A PQ code of 148/255 is reference white (203 cd/m²); taken as it stands it would be a mid grey."""
    video = Video(codec="libx265", pixels="yuv420p10le", frames=2, flat=(148, 148, 148), colour=(9, 1, 16, 9))
    video.options = {
        "x265-params": "log-level=none:bframes=0:frame-threads=1:pools=none:colorprim=9:transfer=16:colormatrix=9",
        "crf": "5",
    }
    image = frames_of(video.save(tmp_path / "hdr.mkv"))[0].image
    np.testing.assert_allclose(image[32, 48], 226, atol=4)


@pytest.mark.parametrize("transfer", [14, 16, 18])
def test_wide_colour_keeps_black_white_grey_and_order(transfer: int) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], 3, axis=2)
    grey = narrowed(ramp, transfer)
    assert np.ptp(grey, axis=2).max() <= 1, "grey stays grey"
    assert (grey[0, 0, 0], grey[0, -1, 0]) == (0, 255)
    assert (np.diff(grey[0, :, 0].astype(int)) >= 0).all()


def test_pq_by_hand() -> None:
    """BT.2100: code 0.508078 is 100 cd/m², 0.4926 of reference white, below the knee: sRGB 0.7312, code 186."""
    code = np.full((1, 1, 3), round(0.508078 * 65535), np.uint16)
    np.testing.assert_allclose(narrowed(code, 16), 186, atol=1)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("b.mov", "qtrle", "argb"),
        ("c.mov", "png", "rgba"),
    ],
)
def test_alpha_is_delivered(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    frames = frames_of(Video(codec=codec, pixels=pixels, alpha=True, frames=3).save(tmp_path / name))
    assert len(frames) == 3
    alpha = frames[0].alpha
    assert alpha is not None
    assert alpha.shape == (64, 96)
    assert (alpha[:28] > 250).all()
    assert (alpha[36:] < 5).all()


def test_timestamps_decide_for_a_variable_rate(tmp_path: Path) -> None:
    """Ten frames at 30/s, then six at 10/s: the slow ones stay three slots each."""
    times = [3000 * n for n in range(10)] + [30000 + 9000 * n for n in range(6)]
    path = Video(frames=16, times=times).save(tmp_path / "vfr.mp4")
    info = probe(path)
    assert (info.rate, info.variable_rate) == (Fraction(30), True)
    shown = [index_of(frame.image) for frame in frames_of(path)]
    assert shown[:10] == list(range(10))
    assert shown[10:25] == [n for n in range(10, 15) for _ in range(3)]
    assert set(shown[25:]) == {15}


def test_a_phone_clip_is_neither_dropped_nor_doubled(tmp_path: Path) -> None:
    jitter = np.random.default_rng(1).integers(-900, 900, 40)
    times = [0, *(int(3003 * n + jitter[n]) for n in range(1, 40))]
    path = Video(frames=40, times=times).save(tmp_path / "phone.mp4")
    assert probe(path).rate == Fraction(30000, 1001)
    assert [index_of(frame.image) for frame in frames_of(path)] == [n % 16 for n in range(40)]


def test_a_clip_that_starts_late_starts_at_its_first_picture(tmp_path: Path) -> None:
    path = Video(frames=10, times=[180000 + 3600 * n for n in range(10)]).save(tmp_path / "late.mkv")
    frames = frames_of(path)
    assert [index_of(frame.image) for frame in frames] == list(range(10))
    assert frames[0].pts_seconds == 0


def test_a_clip_can_be_read_twice_and_left_early(tmp_path: Path) -> None:
    path = Video().save(tmp_path / "a.mp4")
    with open_clip(path) as clip:
        first = next(iter(clip))
        assert len(list(clip)) == 20
        again = next(iter(clip))
    np.testing.assert_array_equal(first.image, again.image)
