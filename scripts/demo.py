"""Animate a bundled portrait with a bundled clip and lay some of its pictures on one sheet: `make demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from openportrait.cli.animate import run_job
from openportrait.cli.console import emit, guarded
from openportrait.media import open_clip, write_image
from openportrait.records import Image

ROOT = Path(__file__).resolve().parents[1]
PORTRAIT = ROOT / "assets" / "examples" / "source" / "astronaut.jpg"
CLIP = ROOT / "assets" / "examples" / "driving" / "talk.mp4"
COLUMNS, ROWS, TILE_HEIGHT = 4, 2, 320


def contact_sheet(path: Path, frames: int) -> Image:
    """Frames evenly spread over a clip, in rows."""
    wanted = set(np.linspace(0, frames - 1, COLUMNS * ROWS).round().astype(int).tolist())
    with open_clip(path) as clip:
        tiles = [_tile(frame.image) for frame in clip if frame.index in wanted]
    return np.vstack([np.hstack(tiles[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(ROWS)])


def _tile(image: Image) -> Image:
    width = round(image.shape[1] * TILE_HEIGHT / image.shape[0])
    return cv2.resize(image, (width, TILE_HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)


def main() -> None:
    """Write demo/ in the repository and say where the files lie."""
    result = run_job(PORTRAIT, CLIP, ROOT / "demo" / "demo.mp4", {"side_by_side": True})
    sheet = ROOT / "demo" / "contact-sheet.jpg"
    write_image(sheet, contact_sheet(result.side_by_side or result.path, result.frames))
    emit(f"video:         {result.path}\ncontact sheet: {sheet}")


if __name__ == "__main__":
    sys.exit(guarded(main))
