"""Still pictures, read and written; a folder of numbered pictures, read as a clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, TiffImagePlugin
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from openportrait.errors import MediaError
from openportrait.media.files import Budget, existing
from openportrait.media.pixels import fitted, has_alpha, open_picture, pixels, upright_size
from openportrait.media.provenance import xmp
from openportrait.media.target import Target
from openportrait.media.timing import DEFAULT_RATE, Timed
from openportrait.records import Frame, Image, MediaInfo

_WRITTEN = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
PICTURE_SUFFIXES = tuple(_WRITTEN)
_TIFF_XMP = 700
"""Tag of an XMP packet (XMP specification, part 3)."""
_KEEPS_ALPHA = ("PNG", "WEBP", "TIFF")
CLEAR_PICTURES = tuple(suffix for suffix, kind in _WRITTEN.items() if kind in _KEEPS_ALPHA)
"""Suffixes of pictures that carry alpha."""


def read_image(path: Path, *, max_size: int = 0) -> Frame:
    """A still picture (of an animation the first): upright, RGB, longer side at most `max_size` px (0: as it is).

    Raises MediaError for a file that is missing, damaged, no picture, or of more than 100 megapixels.
    """
    existing(path)
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; name one picture in it")
    with open_picture(path) as picture:
        image, alpha = pixels(path, picture, max_size)
    return Frame(image, alpha=alpha)


class StillReader:
    """A still picture as a clip of one frame."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int, max_gigapixels: float) -> None:
        self._path = path
        self._max_size = max_size
        with open_picture(path) as picture:
            self.budget = Budget(path, picture.size, max_gigapixels)
            width, height = fitted(*upright_size(picture), max_size)
            self.info = MediaInfo(
                path=path,
                kind="image",
                width=width,
                height=height,
                frames=1,
                has_alpha=has_alpha(picture),
                container=picture.format or "",
                codec=(picture.format or "").lower(),
            )

    def pictures(self) -> Iterator[Timed]:
        """The one picture."""
        yield Timed(Fraction(0), Fraction(0), self._picture)

    def _picture(self) -> tuple[Image, Image | None]:
        frame = read_image(self._path, max_size=self._max_size)
        return frame.image, frame.alpha


def write_image(
    path: Path,
    image: Image,
    *,
    alpha: Image | None = None,
    quality: int = 75,
    description: str = "",
    sign: Callable[[Path, Path], None] | None = None,
) -> None:
    """Write one picture, its format by the suffix: .jpg .png .webp .bmp .tif.

    `image` is (H, W, 3) RGB, `alpha` (H, W); formats without transparency get the picture on white.
    `quality` (0..100) steers JPEG and WebP. `description`: the picture is synthetic, in words; it then also says so to
    programs, where the format has a place for that (`openportrait.media.provenance`). `sign` is done to the complete
    file, given it and the name that it will have. The file appears complete or not
    at all; MediaError says why not.
    """
    kind = picture_kind(path)
    picture = Pillow.fromarray(image if alpha is None or kind in _KEEPS_ALPHA else on_white(image, alpha))
    if alpha is not None and kind in _KEEPS_ALPHA:
        picture.putalpha(Pillow.fromarray(alpha))
    with Target(path) as target, target.guarded():
        save(picture, target.temporary, kind, quality, description)
        if sign is not None:
            sign(target.temporary, path)


def picture_kind(path: Path) -> str:
    """Pillow's name of the format that the suffix stands for. Raises MediaError where pictures are not written so."""
    kind = _WRITTEN.get(path.suffix.lower())
    if kind is None:
        raise MediaError(
            f"{path}: pictures are not written as {path.suffix or 'a file without suffix'}; use .png or .jpg"
        )
    return kind


def save(picture: Pillow.Image, path: Path | BinaryIO, kind: str, quality: int, description: str = "") -> None:
    """Encode with the settings that `quality` (0..100) means for the format. Raises OSError."""
    exif, packet = Pillow.Exif(), xmp(description)
    if description:
        exif[ExifTags.Base.ImageDescription] = description
    if kind == "JPEG":
        picture.save(
            path,
            kind,
            quality=50 + quality // 2,
            subsampling=0 if quality > 80 else 2,
            optimize=True,
            exif=exif,
            xmp=packet,
        )
    elif kind == "WEBP":
        picture.save(path, kind, quality=50 + quality // 2, method=4, exif=exif, xmp=packet)
    elif kind == "PNG":
        texts = PngInfo()
        if packet:
            texts.add_itxt("XML:com.adobe.xmp", packet.decode())
        picture.save(path, kind, compress_level=4, exif=exif, pnginfo=texts)
    elif kind == "TIFF" and packet:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[ExifTags.Base.ImageDescription], tags[_TIFF_XMP] = description, packet
        picture.save(path, kind, tiffinfo=tags)
    else:
        picture.save(path, kind)


def on_white(image: Image, alpha: Image | None) -> Image:
    """(H, W, 3): the picture laid on white where it is transparent."""
    if alpha is None:
        return image
    weight = alpha[..., None].astype(np.uint16)
    return ((image * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


# A folder of numbered pictures as a clip


_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif", ".heic", ".heif")
)
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


class FolderReader:
    """The pictures of a folder in the order of their numbers, at 25 a second. Raises MediaError for gaps."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int, max_gigapixels: float) -> None:
        self._path = path
        self._max_size = max_size
        self._files = numbered(path)
        with open_picture(self._files[0]) as first:
            self._size = upright_size(first)
            clear, kind = has_alpha(first), first.format or ""
        self.budget = Budget(path, self._size, max_gigapixels)
        width, height = fitted(*self._size, max_size)
        self.info = MediaInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            rate=DEFAULT_RATE,
            frames=len(self._files),
            duration_seconds=float(len(self._files) / DEFAULT_RATE),
            has_alpha=clear,
            container="folder",
            codec=kind.lower(),
        )

    def pictures(self) -> Iterator[Timed]:
        """Every picture, decoded when it is shown."""
        for index, file in enumerate(self._files):
            yield Timed(index / DEFAULT_RATE, 1 / DEFAULT_RATE, partial(self._picture, file))

    def _picture(self, file: Path) -> tuple[Image, Image | None]:
        with open_picture(file) as picture:
            if upright_size(picture) != self._size:
                width, height = self._size
                raise MediaError(
                    f"{file}: is {picture.width} × {picture.height}, the folder's first picture {width} × {height}; "
                    "give all the same size"
                )
            return pixels(file, picture, self._max_size, clear=self.info.has_alpha)


def numbered(folder: Path) -> list[Path]:
    """The folder's pictures by their numbers, which must follow one another without a gap. Raises MediaError."""
    try:
        files = [f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and not f.name.startswith(".")]
    except OSError as error:
        raise MediaError(f"{folder}: the folder cannot be listed; change its permissions") from error
    if not files:
        raise MediaError(f"{folder}: the folder holds no pictures; give one with numbered pictures, or a file")
    by_number: dict[int, Path] = {}
    for file in files:
        found = _LAST_NUMBER.search(file.stem)
        if found is None:
            raise MediaError(f"{file}: has no number in its name; number all pictures of the folder or take it out")
        number = int(found.group())
        if number in by_number:
            raise MediaError(f"{file}: has the same number as {by_number[number].name}; keep one of them")
        by_number[number] = file
    first, last = min(by_number), max(by_number)
    if last - first + 1 != len(by_number):
        missing = next(n for n in range(first, last) if n not in by_number)
        raise MediaError(
            f"{folder}: picture number {missing} is missing between {first} and {last}; add it or number them anew"
        )
    return [by_number[number] for number in sorted(by_number)]
