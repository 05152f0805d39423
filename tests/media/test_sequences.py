from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import open_clip, open_writer, probe

from .make import blue_of, corners, index_of, picture


def shown(folder: Path) -> list[str]:
    """What a user sees in a folder."""
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def animation(path: Path, durations: list[int]) -> Path:
    pictures = [Pillow.fromarray(picture(blue=blue_of(n))) for n in range(len(durations))]
    lossless = path.suffix == ".webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, lossless=lossless)
    return path


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_a_clip(tmp_path: Path, suffix: str) -> None:
    path = animation(tmp_path / f"a.{suffix}", [40] * 10)
    info = probe(path)
    assert (info.kind, info.width, info.height, info.rate, info.frames) == ("video", 96, 64, Fraction(25), 10)
    with open_clip(path) as clip:
        frames = list(clip)
    assert [index_of(frame.image) for frame in frames] == list(range(10))
    assert corners(frames[9].image) == ("r", "g", ".", ".")


def test_frame_durations_are_honoured(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", [100, 100, 300, 100, 100, 100])
    with open_clip(path) as clip:
        assert clip.info.rate == 10
        assert [index_of(frame.image) for frame in clip] == [0, 1, 2, 2, 2, 3, 4, 5]


def test_a_cut_off_animation_keeps_its_start_and_says_so(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", [40] * 12)
    path.write_bytes(path.read_bytes()[:-400])
    with open_clip(path) as clip:
        frames = list(clip)
        assert 5 < len(frames) < 12
        assert clip.truncated is not None
        assert "breaks off after" in clip.truncated


def folder_of(path: Path, names: list[str]) -> Path:
    path.mkdir()
    for index, name in enumerate(names):
        Pillow.fromarray(picture(blue=blue_of(index))).save(path / name)
    return path


def test_a_folder_is_ordered_by_number_at_25_a_second(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shots", [f"take2_{n}.png" for n in range(8, 15)])
    (folder / "notes.txt").write_text("no picture")
    info = probe(folder)
    assert (info.kind, info.rate, info.frames, info.width) == ("video", Fraction(25), 7, 96)
    with open_clip(folder) as clip:
        assert [index_of(frame.image) for frame in clip] == list(range(7))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["1.png", "2.png", "4.png"], "number 3 is missing"),
        (["1.png", "01.png"], "same number"),
        (["1.png", "cover.png"], "no number"),
        ([], "no pictures"),
    ],
)
def test_a_folder_in_disorder_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    folder = folder_of(tmp_path / "shots", names)
    with pytest.raises(MediaError, match=said):
        probe(folder)


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shots", ["1.png", "2.png"])
    Pillow.new("RGB", (50, 50)).save(folder / "3.png")
    with open_clip(folder) as clip, pytest.raises(MediaError, match=r"3\.png: is 50 × 50"):
        list(clip)


def test_a_written_sequence_reads_back_and_replaces_a_longer_one(tmp_path: Path) -> None:
    for frames in (6, 4):
        with open_writer(tmp_path / "shots", rate=Fraction(25)) as writer:
            for index in range(frames):
                writer.write(picture(97, 65, blue=blue_of(index)))
    assert writer.path == tmp_path / "shots"
    with open_clip(writer.path) as clip:
        assert [index_of(frame.image) for frame in clip] == [0, 1, 2, 3]
    with open_writer(tmp_path / "shots" / "b_%02d.png", rate=Fraction(25)) as writer:
        writer.write(picture())
    assert shown(writer.path) == [*(f"0000{n}.png" for n in range(4)), "b_00.png"]
