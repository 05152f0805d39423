"""Draw the pictures of docs/TUTORIAL.md, by running its commands: `python -m scripts.tutorial`."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.sheets import around_face, tile

from openportrait.media import open_clip, probe, read_image, write_image
from openportrait.records import Image

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "assets" / "examples"
PAGE = ROOT / "docs" / "TUTORIAL.md"
FRAMES, SIDE = 6, 200
"""Pictures of a strip, and their sides, px."""


def commands() -> list[list[str]]:
    """The arguments of each command of the page, in their order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


def strip(pictures: Sequence[Image]) -> Image:
    """The pictures in a row, cut to the face of the first one."""
    box = around_face(pictures[0])
    return np.hstack([tile(picture, box, SIDE) for picture in pictures])


def frames_of(clip: Path) -> list[Image]:
    """Some frames of a clip, from its first to its last."""
    wanted = set(np.linspace(0, (probe(clip).frames or 1) - 1, FRAMES).round().astype(int).tolist())
    with open_clip(clip) as opened:
        return [frame.image for number, frame in enumerate(opened) if number in wanted]


def result_of(source: Path, result: Path) -> list[Image]:
    """Frames of a clip, or a picture beside its source."""
    if result.suffix == ".jpg":
        return [read_image(path).image for path in (source, result)]
    return frames_of(result)


def main() -> None:
    """Run the commands among copies of the examples, and draw each result but for templates."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        for path in EXAMPLES.glob("*/*"):
            shutil.copy(path, folder)
        for arguments in commands():
            subprocess.run([sys.executable, "-m", "openportrait", *arguments], cwd=folder, check=True)
            given = dict(pairwise(arguments))
            result = folder / given["-o"]
            if result.suffix != ".motion":
                picture = strip(result_of(folder / given["-s"], result))
                write_image(ROOT / "docs" / "images" / f"tutorial-{result.stem}.jpg", picture)


if __name__ == "__main__":
    main()
