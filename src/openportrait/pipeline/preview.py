"""What a source or driving looks like before a job runs: its faces, and what would be cut out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openportrait.faces import FaceFinder, choose, crop_box, middle_of, whole_crop
from openportrait.media import open_clip
from openportrait.options import Options
from openportrait.pipeline.driving import DRIVING_SIZE, driving_box
from openportrait.pipeline.source import cut
from openportrait.records import CropRule, Face, Image

CROP = CropRule(512, rotate=False, native=False)


@dataclass(frozen=True, eq=False)
class Preview:
    """The first frame of a file."""

    image: Image
    """(H, W, 3)"""
    faces: tuple[Face, ...]
    """All that were found, largest first: the order of their numbers."""
    chosen: tuple[Face, ...]
    """Those that the options choose."""
    crop: Image
    """(512, 512, 3) of the first chosen face."""


def preview_source(path: Path, options: Options) -> Preview:
    """Raises MediaError, NoFaceError or OptionError."""
    image, faces = _first_frame(path, options)
    chosen = choose(faces, options.faces.face, where=str(path), middle=middle_of(image))
    return Preview(image, tuple(faces), tuple(chosen), cut(image, chosen[0], options, CROP).image)


def preview_driving(path: Path, options: Options) -> Preview:
    """Raises MediaError, NoFaceError or OptionError."""
    image, faces = _first_frame(path, options)
    face = choose(faces, options.faces.driving_face, where=str(path), middle=middle_of(image))[0]
    crop = options.crop
    if not crop.crop_driving and image.shape[0] == image.shape[1]:
        part = whole_crop(image, face, DRIVING_SIZE)
    else:
        part = crop_box(image, face, driving_box([face], crop), DRIVING_SIZE)
    return Preview(image, tuple(faces), (face,), part.image)


def _first_frame(path: Path, options: Options) -> tuple[Image, list[Face]]:
    with open_clip(path, max_size=options.crop.max_size) as clip:
        image = next(iter(clip)).image
    return image, FaceFinder(options.faces.detection_threshold).find(image)
