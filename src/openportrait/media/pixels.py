"""From a picture file in Pillow to upright 8-bit RGB, alpha apart, made to fit: in bands of rows where it is large."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.extras import install
from openportrait.files import open_plain
from openportrait.media.files import WANTED, check_size
from openportrait.records import Floats, Image
from openportrait.scaling import resized

_EXIF = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


class Turn(NamedTuple):
    """Mirrored at the diagonal first, then along each side."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_exif(cls, orientation: Any) -> Self:
        """EXIF 2.3, tag 274; any other value than 2 to 8 turns nothing."""
        return cls(*_EXIF.get(orientation, ()) if isinstance(orientation, int) else ())

    def __call__(self, image: Image) -> Image:
        """(H, W[, 3]) turned."""
        if not any(self):
            return image
        turned = image.swapaxes(0, 1) if self.transpose else image
        return np.ascontiguousarray(turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])


# Pictures made to fit


def fitted(width: int, height: int, max_size: int) -> tuple[int, int]:
    """(width, height) reduced in proportion so that the longer side is at most `max_size`; 0 keeps it."""
    longer = max(width, height)
    if not max_size or longer <= max_size:
        return width, height
    return max(1, round(width * max_size / longer)), max(1, round(height * max_size / longer))


class Bands:
    """A large picture whose rows come in bands: put together, or smaller by the mean of what a pixel covers."""

    def __init__(self, full: tuple[int, int], size: tuple[int, int]) -> None:
        """From `full` (width, height) to `size`, which is at most that."""
        self._size = size
        self._whole = full == size
        self._step = full[1] / size[1]
        self._top = 0
        self._made: NDArray[Any] | None = None

    def add(self, band: Image) -> None:
        """The next rows, (rows, W[, 3])."""
        width, height = self._size
        if self._made is None:
            self._made = np.zeros((height, width, *band.shape[2:]), np.uint8 if self._whole else np.float32)
        top, bottom = self._top, self._top + len(band)
        if self._whole:
            self._made[top:bottom] = band
        else:
            narrow = cv2.resize(band.astype(np.float32), (width, len(band)), interpolation=cv2.INTER_AREA)
            first, last = int(top / self._step), min(math.ceil(bottom / self._step), height)
            starts, rows = np.arange(first, last)[:, None] * self._step, np.arange(top, bottom)
            covered = np.minimum(rows + 1, starts + self._step) - np.maximum(rows, starts)
            shares = (np.maximum(covered, 0) / self._step).astype(np.float32)
            self._made[first:last] += np.tensordot(shares, narrow, 1)
        self._top = bottom

    def finished(self) -> Image:
        """(H, W[, 3]), after the last band."""
        assert self._made is not None, "there is no picture without rows"
        made: Image = self._made if self._whole else np.rint(self._made, out=self._made).astype(np.uint8)
        return made


# From a picture file to pixels


# Only formats that hold pixels: for others (EPS, MIC, WMF, ...) Pillow runs interpreters or follows references.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, ArithmeticError, TypeError, LookupError)
"""Errors that Pillow raises for damaged pictures."""
_DECODING_BYTES = 800_000_000
"""What the decoding of one picture may take."""
_BYTES_PER_PIXEL = {"WEBP": 16, "JPEG2000": 18, "AVIF": 9, "HEIF": 14}
"""What Pillow's decoders take, measured; up to 8 for all others."""
_LARGE_PIXELS = 40_000_000
"""Larger pictures are converted in bands."""
_BAND_PIXELS = 4_000_000
"""Pixels converted at a time, so that no second copy of a large picture is made."""
_SRGB = ImageCms.createProfile("sRGB")


@cache
def _formats() -> tuple[str, ...]:
    Pillow.init()
    try:
        import pillow_heif
    except ImportError:
        return tuple(name for name in _FORMATS if name in Pillow.OPEN)
    pillow_heif.register_heif_opener()
    return tuple(name for name in (*_FORMATS, "HEIF") if name in Pillow.OPEN)


def _is_heic(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in (b"heic", b"heix", b"heim", b"heis", b"mif1")


@contextmanager
def find_picture(path: Path) -> Iterator[Pillow.Image | None]:
    """The picture file, not yet decoded; None where Pillow knows no such content.

    Raises MediaError when it is damaged or larger than may be decoded.
    """
    with open_plain(path, WANTED) as file:
        try:
            picture = Pillow.open(file, formats=_formats())
        except UnidentifiedImageError:
            if "HEIF" not in _formats() and _is_heic(file):
                raise MediaError(f"{path}: is a HEIC picture; {install('heic')} to read it") from None
            yield None
            return
        except Pillow.DecompressionBombError as error:
            raise MediaError(f"{path}: the picture is more than 100 megapixels; reduce it first") from error
        except BROKEN as error:
            raise damaged(path, error) from error
        kind = picture.format or ""
        check_size(path, *picture.size, most=_DECODING_BYTES // _BYTES_PER_PIXEL.get(kind, 8), what=f"a {kind} picture")
        yield picture


@contextmanager
def open_picture(path: Path) -> Iterator[Pillow.Image]:
    """The picture file, not yet decoded; MediaError where it holds none."""
    with find_picture(path) as picture:
        if picture is None:
            raise MediaError(f"{path}: holds no picture that can be read; give a JPEG, PNG, WebP, BMP or TIFF file")
        yield picture


def damaged(path: Path, error: Exception) -> MediaError:
    """What to tell a user whose picture breaks off or makes no sense."""
    return MediaError(f"{path}: the picture is damaged or cut off ({error}); make or download it again")


def pixels(
    path: Path, picture: Pillow.Image, max_size: int = 0, *, clear: bool | None = None
) -> tuple[Image, Image | None]:
    """(H, W, 3) RGB and (H, W) alpha of the picture's current frame, upright and reduced.

    Alpha is None where the picture has none, or as `clear` says, so that all frames of a clip agree.
    Large pictures are reduced while they are decoded, where the format can, and converted in bands.
    """
    size = fitted(*picture.size, max_size)
    try:
        if picture.width * picture.height > _LARGE_PIXELS and size != picture.size:
            picture.draft(picture.mode, size)
        picture.load()
        image, alpha = _converted(picture, size)
        turn = Turn.of_exif(_orientation(picture))
    except BROKEN as error:
        raise damaged(path, error) from error
    if clear is not None:
        alpha = (np.full(image.shape[:2], 255, np.uint8) if alpha is None else alpha) if clear else None
    return turn(image), None if alpha is None else turn(alpha)


def _converted(picture: Pillow.Image, size: tuple[int, int]) -> tuple[Image, Image | None]:
    """RGB and alpha of a loaded picture, not turned, as `size` (width, height)."""
    scale = _scale_to_eight_bit(picture)
    if picture.width * picture.height <= _LARGE_PIXELS:
        image, alpha = _rgb_and_alpha(picture, scale)
        return resized(image, *size), None if alpha is None else resized(alpha, *size)
    colour, opacity = Bands(picture.size, size), Bands(picture.size, size)
    for band in _bands(picture):
        image, alpha = _rgb_and_alpha(band, scale)
        colour.add(image)
        if alpha is not None:
            opacity.add(alpha)
    return colour.finished(), opacity.finished() if has_alpha(picture) else None


def _bands(picture: Pillow.Image) -> Iterator[Pillow.Image]:
    """The picture's rows from the top, a few at a time."""
    rows = max(1, _BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _rgb_and_alpha(picture: Pillow.Image, scale: float) -> tuple[Image, Image | None]:
    alpha = None
    if has_alpha(picture):
        picture = picture.convert("RGBA")
        alpha = np.asarray(picture.getchannel("A"))
    return np.asarray(_srgb(picture, scale)), alpha


def has_alpha(picture: Pillow.Image) -> bool:
    """Whether the picture has transparency."""
    return bool(picture.has_transparency_data) and not _is_deep(picture)


def upright_size(picture: Pillow.Image) -> tuple[int, int]:
    """(width, height) after the orientation in its EXIF data."""
    turned = Turn.of_exif(_orientation(picture)).transpose
    return (picture.height, picture.width) if turned else picture.size


def _orientation(picture: Pillow.Image) -> Any:
    """Tag 274 of EXIF; whatever a damaged block says instead."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except BROKEN:  # says nothing; the pixels are no worse for it
        return None


def _is_deep(picture: Pillow.Image) -> bool:
    """Whether it is grey of 16 or 32 bits or floats."""
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _srgb(picture: Pillow.Image, scale: float) -> Pillow.Image:
    """RGB, 8 bit; through the embedded colour profile where there is one."""
    profile = picture.info.get("icc_profile")
    if _is_deep(picture):
        return _eight_bit(picture, scale).convert("RGB")
    if picture.mode not in ("L", "RGB", "CMYK", "LAB"):
        picture = picture.convert("RGB")
    if profile:
        try:
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            changed = ImageCms.profileToProfile(picture, found, _SRGB, outputMode="RGB")
            return changed if changed is not None else picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            profile = None  # a profile of another kind than the pixels; they are then taken as sRGB
    return picture.convert("RGB")


def _scale_to_eight_bit(picture: Pillow.Image) -> float:
    """By which deep grey is multiplied: its full scale is what the values reach to, 1, 255 or 65535."""
    if picture.mode not in ("I", "F"):
        return 1 / 257
    top = max(_values(band).max(initial=0.0) for band in _bands(picture))
    return 1 / 257 if top > 255 else 255.0 if picture.mode == "F" and top <= 1 else 1.0


def _eight_bit(picture: Pillow.Image, scale: float) -> Pillow.Image:
    return Pillow.fromarray(np.clip(np.rint(_values(picture) * scale), 0, 255).astype(np.uint8))


def _values(picture: Pillow.Image) -> Floats:
    return np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
