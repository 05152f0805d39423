"""Animate a bundled portrait with a bundled clip and lay some of its pictures on one sheet: `make demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from openportrait.cli.animate import run_job
from openportrait.cli.console import emit, guarded, report
from openportrait.media import open_clip, write_image
from openportrait.records import Image

ROOT = Path(__file__).resolve().parents[1]
PORTRAIT = ROOT / "assets" / "examples" / "source" / "officer.jpg"
CLIP = ROOT / "assets" / "examples" / "driving" / "talk.mp4"
COLUMNS, TILE_HEIGHT = 8, 320


def contact_sheet(frames: int, *clips: Path) -> Image:
    """The same moments of several clips, one row a clip."""
    moments = set(np.linspace(0, frames - 1, COLUMNS).round().astype(int).tolist())
    return np.vstack([_row(clip, moments) for clip in clips])


def _row(path: Path, moments: set[int]) -> Image:
    with open_clip(path) as clip:
        tiles = [_tile(frame.image) for frame in clip if frame.index in moments]
    return np.hstack(tiles)


def _tile(image: Image) -> Image:
    """The upper middle of a picture, where the face is, square."""
    side = min(image.shape[:2])
    left = (image.shape[1] - side) // 2
    tile = cv2.resize(image[:side, left : left + side], (TILE_HEIGHT, TILE_HEIGHT), interpolation=cv2.INTER_AREA)
    return tile.astype(np.uint8)


def main() -> None:
    """Write demo/ in the repository and say where the files lie."""
    result = run_job(PORTRAIT, CLIP, ROOT / "demo" / "demo.mp4", {"side_by_side": True})
    report(result)
    sheet = ROOT / "demo" / "contact-sheet.jpg"
    write_image(sheet, contact_sheet(result.frames, CLIP, result.path))
    emit(f"video:         {result.path}\ncontact sheet: {sheet}")


if __name__ == "__main__":
    sys.exit(guarded(main))
