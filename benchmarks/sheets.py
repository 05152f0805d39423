"""Contact sheets: several portraits moved by several clips, a row a portrait, to be looked at.

Run `python benchmarks/sheets.py OUTPUT_FOLDER SOURCE... -- DRIVING...`; one JPEG a driving.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

import openportrait
from openportrait.faces import FaceFinder
from openportrait.media import open_clip, read_image, write_image
from openportrait.records import Image

MOMENTS = 6
SIDE = 300


def moments(frames: int) -> list[int]:
    """Frame numbers spread over a clip, its start and end left out."""
    return [int((i + 1) * frames / (MOMENTS + 1)) for i in range(MOMENTS)]


def tile(picture: Image, box: tuple[int, int, int, int], side: int = SIDE) -> Image:
    """A square part of a picture, as large as the others (`side`, px)."""
    left, top, right, bottom = box
    part = picture[max(top, 0) : bottom, max(left, 0) : right]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def around_face(picture: Image) -> tuple[int, int, int, int]:
    """A square of twice the face; the whole picture where it shows none."""
    faces = FaceFinder().find(picture)
    if not faces:
        return 0, 0, picture.shape[1], picture.shape[0]
    left, top, right, bottom = faces[0].box
    half = min(1.0 * faces[0].size, min(picture.shape[:2]) / 2)
    middle = np.clip([(left + right) / 2, (top + bottom) / 2], half, np.array(picture.shape[1::-1]) - half)
    return tuple(int(value) for value in (*(middle - half), *(middle + half)))  # type: ignore[return-value]


def sheet(sources: list[Path], driving: Path) -> Image:
    """First row the driving, then a row a source: itself, then the moments."""
    with open_clip(driving) as clip:
        still = clip.info.kind == "image"
        shown = {frame.index: frame.image for frame in clip if still or frame.index in moments(clip.info.frames or 1)}
    box = around_face(next(iter(shown.values())))
    rows = [[np.full((SIDE, SIDE, 3), 40, np.uint8), *(tile(image, box) for image in shown.values())]]
    for source in sources:
        original = read_image(source, max_size=1920).image
        box = around_face(original)
        with openportrait.stream(source, driving, engine="mesh") as job:
            wanted = moments(job.frames) if job.frames > 1 else [0]
            pictures = [tile(picture.image, box) for picture in job if picture.index in wanted]
        rows.append([tile(original, box), *pictures])
    width = min(len(row) for row in rows)
    return np.vstack([np.hstack(row[:width]) for row in rows])


def main() -> int:
    folder, *names = sys.argv[1:]
    split = names.index("--")
    sources = [Path(name) for name in names[:split]]
    for driving in map(Path, names[split + 1 :]):
        path = Path(folder) / f"{driving.stem}.jpg"
        write_image(path, sheet(sources, driving), quality=85)
        Console().print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
