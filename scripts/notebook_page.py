"""Write docs/NOTEBOOK.md: the notebook with what it shows, for the site. `python -m scripts.notebook_page`."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from scripts.tutorial import ROOT, frames_of, strip

from openportrait.media import probe, read_image, write_image
from openportrait.records import Image

NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"
PAGE = ROOT / "docs" / "NOTEBOOK.md"
IMAGES = PAGE.parent / "images"
WIDEST = 900
"""Longer side of a picture on the page, px: the site shows none wider."""
_EMBEDDED = re.compile(r"data:(?:image|video)/(\w+);base64,([A-Za-z0-9+/=]+)")


def run_notebook(folder: Path) -> Any:
    """The notebook with what its cells show; what they write goes to the folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return notebook


def shown_file(data: Any, folder: Path) -> Path | None:
    """The picture or clip in an output of a cell; None for words."""
    embedded = _EMBEDDED.search(data.get("text/html", ""))
    if embedded is None and "image/png" not in data:
        return None
    suffix, content = embedded.groups() if embedded is not None else ("png", data["image/png"])
    path = folder / f"shown.{suffix}"
    path.write_bytes(base64.b64decode(content))
    return path


def picture_of(path: Path) -> Image:
    """A picture, or some of the frames of a clip in a row."""
    return read_image(path, max_size=WIDEST).image if probe(path).rate is None else strip(frames_of(path))


def output_lines(output: Any, picture: Path, folder: Path) -> list[str]:
    """The lines of the page for an output of a cell; what it draws goes to `picture`."""
    data = output.get("data", {})
    file = shown_file(data, folder)
    if file is not None:
        write_image(picture, picture_of(file))
        return [f"![What the cell shows](images/{picture.name})", ""]
    if output.output_type == "execute_result":
        return ["```text", data["text/plain"], "```", ""]
    return []


def main() -> None:
    """Run the notebook, and write the page and its pictures."""
    lines: list[str] = []
    with TemporaryDirectory() as made:
        folder = Path(made)
        for number, cell in enumerate(run_notebook(folder).cells):
            if cell.cell_type == "markdown":
                lines += [cell.source, ""]
                continue
            lines += ["```python", cell.source, "```", ""]
            for output in cell.outputs:
                lines += output_lines(output, IMAGES / f"notebook-{number}.jpg", folder)
    PAGE.write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
