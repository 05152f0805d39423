"""docs/TUTORIAL.md as its reader follows it: command after command, in one folder."""

from __future__ import annotations

import shutil
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
from scripts.tutorial import PAGE, commands

from openportrait.media import Sound, open_clip, open_writer, probe, read_image
from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.conftest import EXAMPLES


@pytest.fixture
def folder(talk: Path, tmp_path: Path) -> Path:
    """Where the page's files lie. Its clip is small, and has every fifth picture of the first 3.2 s: the page takes the
    third second."""
    for path in EXAMPLES.glob("*/*"):
        if path != talk:
            shutil.copy(path, tmp_path)
    with (
        open_clip(talk, max_size=320) as clip,
        open_writer(tmp_path / talk.name, rate=Fraction(5), sound=[Sound(talk)]) as writer,
    ):
        for frame in islice(clip, 0, 80, 5):
            writer.write(frame.image)
    return tmp_path


@pytest.mark.slow
def test_the_commands_run_and_write_what_they_name(run: Run, folder: Path) -> None:
    wanted = commands()
    assert len(wanted) == 11
    for arguments in wanted:
        given = dict(pairwise(arguments))
        result = folder / given["-o"]
        assert not result.exists(), f"{result.name} is named twice"
        done = run(*arguments)
        assert (done.returncode, done.stdout.strip()) == (0, str(given["-o"])), (arguments, done.stderr)
        if result.suffix == ".jpg":
            assert read_image(result).image.shape == read_image(folder / given["-s"]).image.shape
        elif result.suffix == ".mp4":
            assert (probe(result).frames or 0) > 1
            assert probe(result).has_audio == any(name.endswith((".mp4", ".ogg")) for name in arguments[:-1])


def test_each_result_is_shown() -> None:
    page = PAGE.read_text("utf-8")
    for arguments in commands():
        name = Path(dict(pairwise(arguments))["-o"])
        assert f"(images/tutorial-{name.stem}.jpg)" in page or name.suffix == ".motion"
