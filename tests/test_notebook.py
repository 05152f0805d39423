"""What a notebook shows: results, pictures, progress."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import sys
import time
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from openportrait import notebook
from openportrait.media import Frames, Inputs, open_writer, write_image
from openportrait.records import Image, Progress, Result
from tests.conftest import ROOT, missing

NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"


def noise(*shape: int) -> Image:
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def result(path: Path, **more: Any) -> Result:
    return Result(path=path, frames=3, rate=Fraction(25), seconds=1.25, engine="mesh", faces=1, **more)


def clip(path: Path) -> Path:
    with open_writer(path, rate=Fraction(25)) as writer:
        for n in range(3):
            writer.write(np.full((64, 96, 3), 60 * n, np.uint8))
    return path


def shown(html: str) -> list[tuple[str, str, bytes]]:
    """Element, kind and content of what is embedded; the page's tags are in order."""
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            source = dict(attributes).get("src") or ""
            if source:
                kind, content = source.removeprefix("data:").split(";base64,")
                found.append((tag, kind, base64.b64decode(content)))

    Parser().feed(html)
    return found


@pytest.mark.parametrize(
    ("suffix", "tag", "kind"),
    [
        ("mp4", "video", "video/mp4"),
        ("webm", "video", "video/webm"),
        ("gif", "img", "image/gif"),
        ("webp", "img", "image/webp"),
    ],
)
def test_a_clip_plays(suffix: str, tag: str, kind: str, tmp_path: Path) -> None:
    path = clip(tmp_path / f"out.{suffix}")
    html = result(path)._repr_html_()
    assert shown(html) == [(tag, kind, path.read_bytes())]
    assert "3 frames in 1.2 s with the mesh engine" in html


def test_a_picture_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    write_image(path, noise(20, 30, 3))
    html = replace(result(path), frames=1, rate=None)._repr_html_()
    assert shown(html) == [("img", "image/png", path.read_bytes())]
    assert "1 picture in" in html


def test_what_no_browser_plays_or_is_too_large_is_a_still_and_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = clip(tmp_path / "a b.mp4")
    monkeypatch.setattr(notebook, "MOST_EMBEDDED_BYTES", 100)
    for path in (large, clip(tmp_path / "out.mkv"), clip(tmp_path / "numbered")):
        html = result(path)._repr_html_()
        [(tag, kind, content)] = shown(html)
        assert (tag, kind, Pillow.open(io.BytesIO(content)).size) == ("img", "image/png", (96, 64))
    assert f"<a href='{tmp_path}/a%20b.mp4'>" in result(large)._repr_html_()


def test_a_clip_without_an_output_plays_and_names_no_file() -> None:
    kept = Inputs()
    path = kept.file(Frames([np.full((64, 96, 4), 60 * n, np.uint8) for n in range(3)], 25), "result")
    html = replace(result(path), keeper=kept)._repr_html_()
    [(tag, kind, _)] = shown(html)
    assert (tag, kind) == ("video", "video/mp4")
    assert "3 frames in 1.2 s" in html
    assert "<a " not in html


def test_a_file_that_is_gone_is_still_named(tmp_path: Path) -> None:
    html = result(tmp_path / "gone.mp4")._repr_html_()
    assert shown(html) == []
    assert "gone.mp4" in html


def test_names_and_warnings_are_text(tmp_path: Path) -> None:
    evil = "<script>alert('&')</script>"
    html = result(tmp_path / f"{evil}.mp4", warnings=(evil,), template=Path("it's.motion"))._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 2
    assert "<a href='it%27s.motion'>it&#x27;s.motion</a>" in html


def test_a_name_that_is_no_text_is_shown_nevertheless(tmp_path: Path) -> None:
    html = result(Path(os.fsdecode(b"caf\xe9.mp4")))._repr_html_()
    assert "<a href='caf%E9.mp4'>caf?.mp4</a>" in html
    html.encode()


def test_a_picture_in_memory_is_a_png_of_sensible_size() -> None:
    image, alpha = noise(40, 30, 3), noise(40, 30)
    found = np.asarray(Pillow.open(io.BytesIO(notebook.png(image, alpha))))
    assert np.array_equal(found, np.dstack([image, alpha]))
    assert Pillow.open(io.BytesIO(notebook.png(noise(100, 2048, 3)))).size == (1024, 50)
    assert shown(notebook.picture_html(image)) == [("img", "image/png", notebook.png(image))]


class Cell:
    """Stands for IPython: what a cell shows, one text for each display, changed in place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kernel: bool = True) -> None:
        self.displays: list[str] = []
        shell = SimpleNamespace(kernel=object()) if kernel else SimpleNamespace()
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=self.display))

    def display(self, html: str, *, display_id: bool) -> Any:
        assert display_id
        self.displays.append(html)
        return SimpleNamespace(update=self.update)

    def update(self, html: str) -> None:
        self.displays[-1] = html


def test_progress_is_one_display_changed_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, now = Cell(monkeypatch), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    bar = notebook.ProgressBar()
    bar(Progress("analyse", 3, None))
    assert cell.displays == ["Reading the motion: 3 frames"]
    bar(Progress("render", 0, 100))
    now = 0.1
    bar(Progress("render", 1, 100))
    assert re.search("value='0' max='100'", cell.displays[0]), "too soon to be drawn anew"
    now = 2.0
    bar(Progress("render", 20, 100))
    assert cell.displays == ["<progress value='20' max='100'></progress> Animating: 20/100 frames, 0:08 left"]
    bar(Progress("render", 100, 100))
    assert cell.displays == ["<progress value='100' max='100'></progress> Animating: 100/100 frames"]


def test_a_notebook_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not notebook.in_notebook()
    Cell(monkeypatch, kernel=False)
    assert not notebook.in_notebook(), "a terminal shows no HTML"
    Cell(monkeypatch)
    assert notebook.in_notebook()


@pytest.mark.slow
def test_the_example_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clips play, its pictures show; it is stored without what a run gave."""
    for package in ("ipykernel", "nbclient"):
        if importlib.util.find_spec(package) is None:
            missing(package)
    from scripts.notebook_page import run_notebook

    for folder in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(folder, str(tmp_path / "jupyter"))
    stored = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in stored)
    code = [cell for cell in run_notebook(tmp_path).cells if cell.cell_type == "code"]
    shown = [output.data for cell in code for output in cell.outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == 3, "the portrait, the sliders, a picture of the stream"
    html = [data["text/html"] for data in shown if "text/html" in data]
    assert sum("<video" in text for text in html) == 4
    assert sum("<img" in text for text in html) == 1
    assert any("<progress" in text for text in html)
    assert (tmp_path / "nodding.mp4").is_file()


def test_the_page_of_the_site_is_that_notebook() -> None:
    """`python -m scripts.notebook_page` was run after the notebook's last change."""
    page = (ROOT / "docs" / "NOTEBOOK.md").read_text("utf-8")
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    shown = re.sub(r"!\[[^]]*\]\([^)]*\)|```text\n.*?```|```python\n|```", "", page, flags=re.DOTALL)
    assert [line for line in shown.splitlines() if line.strip()] == [
        line for source in sources for line in source.splitlines() if line.strip()
    ]
