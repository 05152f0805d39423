"""From a picture file in Pillow to upright 8-bit RGB, alpha apart."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from openportrait.errors import MediaError
from openportrait.extras import install
from openportrait.media.files import check_size, fitted
from openportrait.records import Image

# Only formats that hold pixels: for others (EPS, MIC, WMF, ...) Pillow runs interpreters or follows references.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, OverflowError, TypeError, KeyError, IndexError)
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


@contextmanager
def _silent() -> Iterator[None]:
    """Pillow warns on stderr of large pictures and odd metadata; we refuse the first and do without the second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_heic(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in (b"heic", b"heix", b"heim", b"heis", b"mif1")


def find_picture(path: Path) -> Pillow.Image | None:
    """The picture file, not yet decoded (close it after use); None where Pillow knows no such content.

    Raises MediaError when it is damaged or larger than MAX_PIXELS.
    """
    try:
        with _silent():
            picture = Pillow.open(path, formats=_formats())
    except UnidentifiedImageError:
        if "HEIF" not in _formats() and _is_heic(path):
            raise MediaError(f"{path}: is a HEIC picture; {install('heic')} to read it") from None
        return None
    except Pillow.DecompressionBombError as error:
        raise MediaError(f"{path}: the picture is more than 100 megapixels; reduce it first") from error
    except BROKEN as error:
        raise damaged(path, error) from error
    try:
        check_size(path, *picture.size)
    except MediaError:
        picture.close()
        raise
    return picture


def open_picture(path: Path) -> Pillow.Image:
    """The picture file, not yet decoded; MediaError where it holds none."""
    picture = find_picture(path)
    if picture is None:
        raise MediaError(f"{path}: holds no picture that can be read; give a JPEG, PNG, WebP, BMP or TIFF file")
    return picture


def damaged(path: Path, error: Exception) -> MediaError:
    """What to tell a user whose picture breaks off or makes no sense."""
    return MediaError(f"{path}: the picture is damaged or cut off ({error}); make or download it again")


def pixels(
    path: Path, picture: Pillow.Image, max_size: int = 0, *, clear: bool | None = None
) -> tuple[Image, Image | None]:
    """(H, W, 3) RGB and (H, W) alpha of the picture's current frame, upright and reduced.

    Alpha is None where the picture has none, or as `clear` says, so that all frames of a clip agree.
    """
    try:
        with _silent():
            picture.load()
            upright = _upright(picture)
            alpha = None
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                alpha = np.asarray(upright.getchannel("A"))
            image = np.asarray(_srgb(upright))
    except BROKEN as error:
        raise damaged(path, error) from error
    if clear is not None:
        alpha = (np.full(image.shape[:2], 255, np.uint8) if alpha is None else alpha) if clear else None
    return reduced(image, max_size), None if alpha is None else reduced(alpha, max_size)


def reduced(image: Image, max_size: int) -> Image:
    """(H, W[, 3]) by area averaging so that the longer side is at most `max_size`; 0 keeps it."""
    height, width = image.shape[:2]
    size = fitted(width, height, max_size)
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def has_alpha(picture: Pillow.Image) -> bool:
    """Whether the picture file has transparency."""
    return bool(picture.has_transparency_data)


def upright_size(picture: Pillow.Image) -> tuple[int, int]:
    """(width, height) after the orientation in its EXIF data."""
    try:
        with _silent():
            turned = picture.getexif().get(0x0112) in (5, 6, 7, 8)
    except BROKEN:
        turned = False
    return (picture.height, picture.width) if turned else picture.size


def _upright(picture: Pillow.Image) -> Pillow.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except BROKEN:  # a damaged EXIF block says nothing; the pixels were decoded before
        return picture


def _srgb(picture: Pillow.Image) -> Pillow.Image:
    """RGB, 8 bit; through the embedded colour profile where there is one."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _eight_bit(picture).convert("RGB")
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


def _eight_bit(picture: Pillow.Image) -> Pillow.Image:
    """Grey of 16 or 32 bits or floats: the full scale is what the values reach to: 1, 255 or 65535."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    top = values.max(initial=0.0)
    deep = picture.mode.startswith("I;16") or top > 255
    scale = 1 / 257 if deep else 255.0 if picture.mode == "F" and top <= 1 else 1.0
    return Pillow.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
