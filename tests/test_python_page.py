"""The public names, and the page that tells of them: docs/PYTHON.md."""

from __future__ import annotations

import pydoc
import re
import shutil
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import openportrait
from openportrait.media import Sound, open_clip, open_writer, probe, read_image, write_image
from tests.conftest import EXAMPLES, ROOT

PAGE = (ROOT / "docs" / "PYTHON.md").read_text("utf-8")


@pytest.fixture
def folder(portrait: Path, short_talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's files lie."""
    shutil.copy(portrait, tmp_path / "portrait.jpg")
    shutil.copy(EXAMPLES / "driving" / "surprise.jpg", tmp_path / "smile.jpg")
    shutil.copy(EXAMPLES / "driving" / "nod.motion", tmp_path / "nod.motion")
    picture = read_image(portrait).image
    write_image(tmp_path / "group.jpg", np.hstack([picture, picture]))
    with (
        open_clip(short_talk) as clip,
        open_writer(tmp_path / "talk.mp4", rate=Fraction(25, 2), sound=[Sound(short_talk)]) as writer,
    ):
        for frame in islice(clip, 5):
            writer.write(frame.image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/PYTHON.md", "exec"), names)
    assert {"out.mp4", "smile.jpg", "silent.mp4", "all.mp4", "lips.mp4", "talk.motion", "both.mp4", "blink.mp4"} <= {
        path.name for path in folder.iterdir()
    }
    assert probe(folder / "out.mp4").has_audio
    assert "region: there is no region lisp" in capsys.readouterr().out


def test_the_page_names_all_that_is_public() -> None:
    table = PAGE[PAGE.index("## All names") :]
    named = re.findall(r"`(\w+)`", table)
    assert sorted(named) == sorted(set(openportrait.__all__) - {"__version__"})


def test_all_that_is_public_is_there_is_listed_and_says_what_it_is() -> None:
    assert set(openportrait.__all__) <= set(dir(openportrait))
    page = pydoc.plain(pydoc.render_doc(openportrait))
    for name in set(openportrait.__all__) - {"__version__"}:
        found = getattr(openportrait, name)
        assert found.__doc__, name
        assert re.search(rf"^    (class )?{name}\b", page, re.MULTILINE), f"help(openportrait) leaves out {name}"
