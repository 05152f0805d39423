"""Draw the figures of docs/MESH.md: `python scripts/figures.py docs/images`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from openportrait import Animator, FaceEdit
from openportrait.engines.mesh.render import whole_mesh
from openportrait.engines.mesh.shape.points import SKIN_COUNT
from openportrait.media import write_image
from openportrait.pipeline.source import ImageSource
from openportrait.records import Image

PORTRAIT = Path(__file__).parents[1] / "assets" / "examples" / "source" / "officer.jpg"
SIDE = 360
MOVED = FaceEdit(yaw_degrees=18, smile=0.8, lip_open=40, gaze_x=10)


def main(folder: Path) -> None:
    """Source and mesh, what is person and what is behind, and the result."""
    with Animator(engine="mesh") as animator:
        portrait = animator.portrait(PORTRAIT, source_scale=2.3, paste_back=False)
        opened = portrait._opened
        assert isinstance(opened, ImageSource)
        [sitter] = next(iter(opened.scenes())).sitters
        assert sitter is not None
        look: Any = sitter.appearance
        row = [look.pixels[..., :3], with_mesh(look), look.layers.person[..., :3], look.layers.plate]
        names = "mesh-source", "mesh-triangles", "mesh-person", "mesh-plate"
        for name, image in zip(names, row, strict=True):
            write_image(folder / f"{name}.jpg", fitted(image))
        write_image(folder / "mesh-result.jpg", fitted(portrait.edit(MOVED)))


def with_mesh(look: Any) -> Image:
    """The crop with every triangle of the face, and of the rings around it."""
    picture = np.ascontiguousarray(look.pixels[..., :3])
    points = np.vstack([look.face[:SKIN_COUNT], look.surround.vertices])[:, :2]
    for number, triangle in enumerate(whole_mesh().triangles):
        colour = (255, 220, 80) if number < whole_mesh().face else (120, 200, 255)
        cv2.polylines(picture, [np.round(points[triangle] * 16).astype(np.int32)], True, colour, 1, cv2.LINE_AA, 4)
    return picture


def fitted(image: Image) -> Image:
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
