"""Lists the faces of a picture, or of the first frame of a clip, with the numbers that the option `face` takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openportrait.faces import FaceFinder
from openportrait.media import open_clip
from openportrait.records import Face, Image

LARGEST = 4096
"""Longer side to which a larger picture is reduced before faces are looked for, px."""


@dataclass(frozen=True, eq=False)
class Listing:
    """What was found."""

    image: Image
    """(H, W, 3) that was looked at."""
    faces: Sequence[Face]
    """px of `image`."""
    width: int
    """px of the file."""
    height: int

    def rows(self) -> list[dict[str, Any]]:
        """Number, score 0..1, box (left, top, right, bottom) and size of each, px of the file."""
        scale = self.width / self.image.shape[1]
        return [
            {
                "number": number,
                "score": round(face.score, 3),
                "box": [round(edge * scale, 1) for edge in face.box],
                "size": round(face.size * scale, 1),
            }
            for number, face in enumerate(self.faces)
        ]


def list_faces(path: Path, finder: FaceFinder) -> Listing:
    """Find the faces. Raises MediaError."""
    full = open_clip(path).info
    with open_clip(path, max_size=LARGEST) as clip:
        image = next(iter(clip)).image
    return Listing(image, finder.find(image), full.width, full.height)
