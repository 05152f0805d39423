from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from openportrait.errors import MediaError
from openportrait.media import Sound, check_output, open_clip, open_writer, probe, together, write_image

from .make import blue_of, corners, index_of, picture

CLIPS = ("a.mp4", "a.m4v", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp", "shots", "shots/%03d.png")
FILES = CLIPS[:-2]


def write(path: Path, frames: int = 12, size: tuple[int, int] = (96, 64), rate: Fraction = Fraction(25)) -> Path:
    with open_writer(path, rate=rate, quality=95) as writer:
        for index in range(frames):
            writer.write(picture(*size, blue=blue_of(index)))
    assert writer.frames == frames
    return writer.path


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", CLIPS)
def test_what_was_written_reads_back(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "new" / name)
    with open_clip(path) as clip:
        frames = list(clip)
        assert clip.info.rate == 25
        assert clip.truncated is None
    assert [index_of(frame.image) for frame in frames] == list(range(12))
    assert corners(frames[0].image) == ("r", "g", ".", ".")
    assert not [name for name in everything_in(tmp_path) if ".part" in name]


@pytest.mark.parametrize("name", FILES)
def test_odd_sides(tmp_path: Path, name: str) -> None:
    """Video codecs get one more row and column, the same as the last; animations stay odd."""
    with open_clip(write(tmp_path / name, size=(97, 65))) as clip:
        image = next(iter(clip)).image
    animated = name in ("a.gif", "a.webp")
    assert image.shape == ((65, 97, 3) if animated else (66, 98, 3))
    if not animated:
        np.testing.assert_allclose(image[-1].astype(int), image[-2].astype(int), atol=24)
        np.testing.assert_allclose(image[:, -1].astype(int), image[:, -2].astype(int), atol=24)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25), Fraction(50, 3)])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_exact_rates_survive(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    assert probe(write(tmp_path / f"a.{suffix}", frames=40, rate=rate)).rate == rate


def test_a_gif_keeps_pace_where_its_clock_is_too_coarse(tmp_path: Path) -> None:
    for rate in (Fraction(30000, 1001), Fraction(60)):
        info = probe(write(tmp_path / "a.gif", frames=60, rate=rate))
        assert info.duration_seconds == pytest.approx(60 / rate, abs=0.03)
        assert info.rate is not None
        assert info.rate <= 50


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_colour_is_tagged_and_true(tmp_path: Path, name: str) -> None:
    with open_writer(tmp_path / name, rate=Fraction(25), quality=95) as writer:
        for _ in range(5):
            writer.write(np.full((64, 96, 3), (200, 60, 30), np.uint8))
    with av.open(str(tmp_path / name)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range, frame.format.name) == (1, 1, "yuv420p")
    with open_clip(tmp_path / name) as clip:
        np.testing.assert_allclose(next(iter(clip)).image[32, 48], (200, 60, 30), atol=3)


def test_mp4_starts_fast(tmp_path: Path) -> None:
    content = write(tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_quality_steers_the_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    sizes = []
    for quality in (0, 50, 100):
        with open_writer(tmp_path / f"{quality}.mp4", rate=Fraction(25), quality=quality) as writer:
            for shift in range(5):
                writer.write(np.roll(noise, shift, 0))
        sizes.append(writer.path.stat().st_size)
    assert sizes[0] * 2 < sizes[1] < sizes[2] / 2


@pytest.mark.parametrize(("name", "keeps"), [("shots", True), ("a.webp", True), ("a.mp4", False), ("a.gif", False)])
def test_alpha_is_kept_or_laid_on_white(tmp_path: Path, name: str, keeps: bool) -> None:
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[32:] = 0
    with open_writer(tmp_path / name, rate=Fraction(25)) as writer:
        for _ in range(3):
            writer.write(picture(), alpha)
    with open_clip(writer.path) as clip:
        assert clip.info.has_alpha is keeps
        frame = list(clip)[-1]
    if keeps:
        assert frame.alpha is not None
        np.testing.assert_array_equal(frame.alpha, alpha)
    else:
        assert frame.image[50, 48].min() > 245


@pytest.mark.parametrize("name", ["new/a.mp4", "new/a.webm", "new/a.gif", "new/a.webp", "new/shots", "new/p/%d.png"])
@pytest.mark.parametrize("when", [0, 9])
def test_an_interrupted_writing_leaves_nothing(tmp_path: Path, name: str, when: int) -> None:
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / name, rate=Fraction(25)) as writer:
        for index in range(10):
            if index == when:
                raise KeyboardInterrupt
            writer.write(picture())
    assert everything_in(tmp_path) == []


def test_an_interrupted_writing_spares_the_older_result(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), open_writer(path, rate=Fraction(25)) as writer:
        writer.write(picture())
        raise RuntimeError
    assert path.read_bytes() == before
    assert everything_in(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.webp", "shots"])
def test_what_was_written_is_kept_when_asked(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuntimeError), open_writer(tmp_path / name, rate=Fraction(25)) as writer:
        for index in range(7):
            writer.write(picture(blue=blue_of(index)))
        writer.keep()
        raise RuntimeError
    with open_clip(writer.path) as clip:
        assert [index_of(frame.image) for frame in clip] == list(range(7))


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frame was made"), open_writer(tmp_path / "a.mp4", rate=Fraction(25)):
        pass
    assert everything_in(tmp_path) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="frame 1 is 64 × 64"), open_writer(tmp_path / "a.mp4", rate=Fraction(5)) as w:
        w.write(picture())
        w.write(picture(64, 64))
    assert everything_in(tmp_path) == []


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp", "shots", "a.png"])
def test_a_file_that_cannot_grow_is_one_clear_error(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    with files_limited_to(10_000), pytest.raises(MediaError, match="cannot be written, the file grows larger"):
        if name == "a.png":
            write_image(tmp_path / name, noise)
        else:
            with open_writer(tmp_path / name, rate=Fraction(25)) as writer:
                for shift in range(60):
                    writer.write(np.roll(noise, shift, 0))
    assert everything_in(tmp_path) == []


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.png").mkdir()
    for path, said in (
        (tmp_path / "file" / "a.mp4", "a part of the path is a file"),
        (tmp_path / ("x" * 300 + ".mp4"), "too long"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "a.xyz", "not written as .xyz"),
        (tmp_path / "a.jpg", "not written as .jpg"),
    ):
        with pytest.raises(MediaError, match=said):
            open_writer(path, rate=Fraction(25))
    with pytest.raises(MediaError, match="is a folder"):
        write_image(tmp_path / "folder.png", picture())
    assert everything_in(tmp_path) == ["file", "folder.png"]


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    (tmp_path / "link.mp4").symlink_to(path)
    folder = write(tmp_path / "shots")
    for output, given in ((path, path), (tmp_path / "link.mp4", path), (folder, folder), (folder / "%05d.png", folder)):
        with pytest.raises(MediaError, match="is an input and the output"):
            check_output(output, [given])
    with pytest.raises(MediaError, match="is an input and the output"):
        open_writer(path, rate=Fraction(25), sound=[Sound(path)])
    check_output(tmp_path / "new" / "b.mp4", [path])
    assert "new" not in everything_in(tmp_path)


def test_files_that_belong_together_appear_together_or_not_at_all(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with together():
        write_image(tmp_path / "a.png", image)
        assert not (tmp_path / "a.png").exists()
        with together():
            write_image(tmp_path / "b.png", image)
        assert not (tmp_path / "b.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    with pytest.raises(MediaError, match=r"no such folder|not written as"), together():
        write_image(tmp_path / "new/c.png", image)
        write_image(tmp_path / "d.txt", image)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
