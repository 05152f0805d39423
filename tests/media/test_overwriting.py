"""A sequence replaces what an earlier one wrote, and nothing else; inputs and what killed runs left are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import check_output, open_writer
from openportrait.media.sequence import INDEX
from openportrait.media.target import hidden_in, sweep

from .make import picture


def written(path: Path, frames: int, inputs: tuple[Path, ...] = (), *, overwrite: bool = False) -> Path:
    with open_writer(path, rate=Fraction(25), inputs=inputs, overwrite=overwrite) as writer:
        for _ in range(frames):
            writer.write(picture(16, 16))
    return writer.path


def photos(folder: Path, names: list[str]) -> dict[str, bytes]:
    """A user's pictures, and what is in them."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"a picture of mine: " + name.encode())
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_a_folder_of_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    before = photos(tmp_path / "shots", [f"{n:05d}.png" for n in range(20)])
    for output in (tmp_path / "shots", tmp_path / "shots" / "%05d.png", tmp_path / "shots" / "new_%d.png"):
        with pytest.raises(MediaError, match=r"no earlier result wrote there; .*--overwrite"):
            check_output(output)
    assert contents(tmp_path / "shots") == before


def test_overwriting_touches_only_what_is_written(tmp_path: Path) -> None:
    before = photos(tmp_path / "shots", [*(f"{n:05d}.png" for n in range(5)), "notes.txt"])
    written(tmp_path / "shots", 2, overwrite=True)
    after = contents(tmp_path / "shots")
    assert after["00000.png"] != before["00000.png"]
    assert {name: after[name] for name in before if name > "00001.png"} == {
        name: content for name, content in before.items() if name > "00001.png"
    }


def test_an_earlier_result_gives_way_as_a_whole(tmp_path: Path) -> None:
    folder = written(tmp_path / "shots" / "a%03d.png", 6)
    written(folder / "a%03d.png", 2)
    assert sorted(contents(folder)) == [INDEX, "a000.png", "a001.png"]


def test_a_result_that_the_user_changed_is_his_own(tmp_path: Path) -> None:
    folder = written(tmp_path / "shots", 3)
    (folder / "00002.png").write_bytes(b"drawn over")
    with pytest.raises(MediaError, match=r"00002\.png, which no earlier result wrote"):
        written(folder, 1)
    assert (folder / "00002.png").read_bytes() == b"drawn over"
    written(folder, 1, overwrite=True)
    assert sorted(contents(folder)) == [INDEX, "00000.png", "00002.png"]


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"{}", b"[" * 100_000, b'{"openportrait": "sequence"}', b"\xff"])
def test_a_damaged_index_says_nothing(tmp_path: Path, content: bytes) -> None:
    folder = written(tmp_path / "shots", 2)
    (folder / INDEX).write_bytes(content)
    with pytest.raises(MediaError, match="no earlier result wrote there"):
        written(folder, 1)


def test_the_index_reaches_no_other_folder(tmp_path: Path) -> None:
    """Names with a path in them are those of no file of the folder."""
    mine = tmp_path / "00007.png"
    mine.write_bytes(b"mine")
    folder = written(tmp_path / "shots", 1)
    index = json.loads((folder / INDEX).read_text())
    found = mine.stat()
    index["files"] += [["../00007.png", found.st_size, found.st_mtime_ns], [str(mine), found.st_size, 10**30]]
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(MediaError):
        written(folder, 1)
    index["files"].pop()
    (folder / INDEX).write_text(json.dumps(index))
    written(folder, 1)
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("how", ["itself", "symlink", "hard link", "case", "unicode", "own frame", "folder of links"])
def test_an_input_is_never_replaced(tmp_path: Path, how: str) -> None:
    folder, pattern = tmp_path / "shots", "é%05d.png"
    photos(folder, ["é00003.png"])
    given = folder / "é00003.png"
    if how == "symlink":
        given = given.rename(tmp_path / "mine.png")
        (folder / "é00003.png").symlink_to(given)
    elif how == "hard link":
        given = tmp_path / "mine.png"
        given.hardlink_to(folder / "é00003.png")
    elif how == "case":
        given = given.rename(folder / "É00003.PNG")
    elif how == "unicode":
        given = given.rename(folder / "e\u030100003.png")
    elif how == "own frame":
        given.unlink()
        given = written(folder / pattern, 5) / "é00003.png"
    elif how == "folder of links":
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "0.png").symlink_to(given)
        given = tmp_path / "links"
    before = contents(folder)
    with pytest.raises(MediaError, match="is an input, and the output would replace it"):
        written(folder / pattern, 8, (given,), overwrite=True)
    assert contents(folder) == before


def test_an_input_beside_the_pictures_stays(tmp_path: Path) -> None:
    before = photos(tmp_path / "shots", ["portrait.png"])
    given = (tmp_path / "shots" / "portrait.png",)
    with pytest.raises(MediaError, match="--overwrite"):
        written(tmp_path / "shots" / "%05d.png", 2, given)
    written(tmp_path / "shots" / "%05d.png", 2, given, overwrite=True)
    assert contents(tmp_path / "shots")["portrait.png"] == before["portrait.png"]


def test_a_single_file_does_not_replace_an_input_through_a_link(tmp_path: Path) -> None:
    photos(tmp_path / "in", ["1.png"])
    (tmp_path / "a.mp4").symlink_to(tmp_path / "in" / "1.png")
    for given in (tmp_path / "in" / "1.png", tmp_path / "in"):
        with pytest.raises(MediaError, match="is an input and the output at once"):
            check_output(tmp_path / "a.mp4", [given])


def test_a_sequence_that_cannot_be_put_in_place_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "shots", 4)
    before = contents(folder)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target == folder / "00002.png" and "replaced" not in self.parts:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(MediaError, match="the disk is full"):
        written(folder, 3)
    assert contents(folder) == before
    assert sorted(p.name for p in folder.iterdir()) == sorted(before)


KILLED = """
import os, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from openportrait.media import open_writer
with open_writer(Path(sys.argv[1]), rate=Fraction(25)) as writer:
    writer.write(np.zeros((16, 16, 3), np.uint8))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "shots"])
def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path: Path, name: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name)], check=False)
    assert [path for path in tmp_path.iterdir() if ".part" in path.name]
    written(tmp_path / name, 1)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_only_leftovers_of_ended_processes_of_this_machine_are_swept(tmp_path: Path) -> None:
    own = hidden_in(tmp_path, "a.mp4").name
    host, pid, born, token = own.split(".")[2].split("-")
    names = {
        own: True,  # a run that is going on
        own.replace(host, "0" * 8): True,  # another machine's
        own.replace(f"-{born}-", "-00000000-"): False,  # its number was given to us since
        own.replace(f"-{pid}-", "-999999999-"): False,
        f".a.{token}.part.mp4": True,
        own.removeprefix("."): True,
    }
    for name in names:
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_an_output_through_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("a.mp4")
    (tmp_path / "shots").symlink_to("shots")
    for name in ("a.mp4", "shots", "shots/%d.png"):
        with pytest.raises(MediaError, match="link to itself"):
            check_output(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "shots"]


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 300 + ".mp4", "x" * 250 + "%05d.png", "a\0.mp4", "a\0/%d.png", "y" * 5000 + "/a.mp4"]
)
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="cannot be written"):
        check_output(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [b"\xe4.mp4", b"\xe4.gif", b"\xe4.webp", b"\xe4", b"\xe4%d.png"])
def test_names_that_are_not_utf8(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    for _ in range(2):
        assert written(path, 2).exists()


def test_a_device_is_no_place_for_a_result(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="is a pipe or a device"):
        check_output(tmp_path / "a.mp4")


def test_a_folder_without_a_picture_in_the_way_may_hold_folders(tmp_path: Path) -> None:
    (tmp_path / "shots" / "older").mkdir(parents=True)
    Pillow.new("RGB", (8, 8)).save(tmp_path / "shots" / "older" / "0.png")
    written(tmp_path / "shots", 1)
    (tmp_path / "shots" / "00001.png").mkdir()
    with pytest.raises(MediaError, match="is a folder where a picture would go"):
        written(tmp_path / "shots", 2, overwrite=True)
