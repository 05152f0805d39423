"""Turns inputs of any kind into files that the readers open.

A path stays as it is. Content, pictures and clips in memory are written once, without loss, into a folder that
nobody else may enter, and are gone with it; a clip flows through, one picture at a time.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from openportrait import leaving
from openportrait.bounds import fraction, shown
from openportrait.errors import MediaError, OpenPortraitError, OptionError, reword
from openportrait.files import AnyPath, spell_bytes, told
from openportrait.media.encode import SUFFIX, LosslessWriter
from openportrait.media.files import MAX_CLIP_PIXELS, Budget, check_size, unwritable
from openportrait.media.pixels import pixels
from openportrait.media.sound import SUFFIX as SOUND_SUFFIX
from openportrait.media.sound import Samples
from openportrait.media.target import hidden_in, remove, sweep
from openportrait.media.timing import FASTEST, SLOWEST
from openportrait.options import CropOptions
from openportrait.records import Frame, Image, Result

MOST_BYTES = 2**34
"""Most that is taken of a file object: two hours, which is what `max_gigapixels` admits by default, at 19 Mbit/s."""
_PIECE_BYTES = 2**20
_PNG_LEVEL = 1
"""Of zlib; higher ones take many times as long for a few percent."""
_FINEST_RATE = 10**6
"""Largest denominator of a rate, as in templates."""
_CHANNELS, _WITH_ALPHA = (3, 4), 4
_CLIP_DIMENSIONS = 4
_PIXELS = "height, width, 3 or 4) uint8, RGB"
_WANTED = "a path, bytes, a binary file, a picture (array or PIL), Frames(pictures, rate) or Samples(samples, rate)"
_REMEDIES = {
    "b": "array.astype(np.uint8) * 255",
    "u": "(array // 257).astype(np.uint8) where it has 16 bits",
    "i": "array.clip(0, 255).astype(np.uint8)",
    "f": "array.clip(0, 255).round().astype(np.uint8)",
}
"""The remedy for an array that is not of 8 bits, by the kind of its numbers."""
_OF_UNIT_RANGE = "(array * 255).round().astype(np.uint8)"


class Frames:
    """A clip in memory, or one whose pictures are made as they are asked for."""

    pictures: Iterable[Image | Pillow.Image]
    """(N, H, W, 3 or 4) RGB uint8, or pictures of one size, each (H, W, 3 or 4) or of PIL. A generator is used up."""
    rate: Fraction
    """Frames a second, exact."""

    def __init__(self, pictures: Iterable[Image | Pillow.Image], rate: Fraction | float | str) -> None:
        """`rate`: frames a second, 1 to 240, such as 25, 12.5 or "30000/1001". Raises OptionError for any other."""
        try:
            self.rate = fraction(rate, SLOWEST, FASTEST, "rate").limit_denominator(_FINEST_RATE)
        except ValueError as error:
            raise OptionError(f"{error}; give frames a second, such as 25 or '30000/1001'") from error
        self.pictures = pictures


class BinaryFile(Protocol):
    """Anything that is read like an open file: `open(path, "rb")`, `io.BytesIO`, the answer of a server."""

    def read(self, count: int, /) -> bytes | None:
        """At most `count` bytes; none at the end."""
        ...


AnyInput = AnyPath | bytes | bytearray | memoryview | BinaryFile | Image | Pillow.Image | Frames | Samples
"""What callers may give as a source or driving."""


class Inputs:
    """The inputs of one piece of work as files. A context manager; when it is left, what it wrote is gone.

    Errors of this package that leave the context call an input that was no path by its argument: `source (array)`.
    """

    def __init__(self, max_gigapixels: float = CropOptions.max_gigapixels) -> None:
        """`max_gigapixels`: most that is taken of one clip, all frames together."""
        self._max_gigapixels = max_gigapixels
        self._names: dict[str, str] = {}
        self._folder: Path | None = None
        self._remove: Callable[[], object] = lambda: None

    def file(self, given: AnyInput, argument: str) -> Path:
        """The file of one input, until the context is left; `argument` is what its caller calls it.

        Raises OptionError for what is no picture or clip by its type, shape, numbers or rate; MediaError where it is
        empty, larger than is read, cannot be read to its end, or cannot be kept because the disk is full.
        """
        if isinstance(given, (str, PathLike)):
            return Path(given)
        kind, suffix = _kind(given, argument)
        path = self._room(argument) / f"{argument}{suffix}"
        self._names[str(path)] = f"{argument} ({kind})"
        if isinstance(given, Frames):
            _write_clip(path, given, argument, self._max_gigapixels)
        elif isinstance(given, Samples):
            with _kept(argument):
                given.write(path)
        elif isinstance(given, (np.ndarray, Pillow.Image)):
            _write_picture(path, given, argument)
        else:
            _write_content(path, given, argument)
        return path

    def named(self, text: str) -> str:
        """A text with the names that the caller knows in place of those of temporary files."""
        for path, name in self._names.items():
            text = text.replace(path, name)
        return text

    def named_in(self, result: Result) -> Result:
        """A result whose warnings name the inputs as the caller does."""
        return replace(result, warnings=tuple(map(self.named, result.warnings)))

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Work on these inputs, whose errors name them as the caller does."""
        try:
            yield
        except OpenPortraitError as error:
            reword(error, self.named)
            raise

    def close(self) -> None:
        """Remove what was written."""
        self._remove()
        self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, OpenPortraitError):
            reword(error, self.named)

    def _room(self, argument: str) -> Path:
        """A new folder for one file, in the one that only this user may enter."""
        with _kept(argument):
            if self._folder is None:
                place = Path(tempfile.gettempdir()).resolve()
                sweep(place)
                self._folder = hidden_in(place, "openportrait")
                leaving.unfinished(self._folder, remove)
                # If the context is never left, this runs when the object is garbage-collected, or at the end of the
                # process.
                self._remove = weakref.finalize(self, _forget, self._folder)
                self._folder.mkdir(mode=0o700)
            room = self._folder / str(len(self._names))
            room.mkdir()
            return room


def _forget(folder: Path) -> None:
    remove(folder)
    leaving.finished(folder)


@contextmanager
def _kept(argument: str) -> Iterator[None]:
    """Turns a failure to write the file of an input into MediaError."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise unwritable(Path(f"{argument}: its temporary file"), error) from error


def _kind(given: object, argument: str) -> tuple[str, str]:
    """What an input is called, and the suffix of its file. Raises OptionError for any other value."""
    if isinstance(given, (bytes, bytearray, memoryview)):
        return "bytes", ""
    if isinstance(given, Frames):
        return "frames", SUFFIX
    if isinstance(given, Samples):
        return "samples", SOUND_SUFFIX
    if isinstance(given, Pillow.Image):
        return "picture", ".png"
    if isinstance(given, np.ndarray) and given.ndim != _CLIP_DIMENSIONS:
        return "array", ".png"
    if callable(getattr(given, "read", None)):
        return "file", ""
    if hasattr(given, "__array__") and not isinstance(given, np.ndarray):
        raise OptionError(f"{argument}: {shown(given)} is no array; give np.asarray of it")
    if isinstance(given, Iterable):
        what = f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else shown(given)
        raise OptionError(f"{argument}: {what} has no rate; give Frames(pictures, rate) for a clip")
    raise OptionError(f"{argument}: {shown(given)} is no input; give {_WANTED}")


def _write_content(path: Path, given: Any, argument: str) -> None:
    """Content, piece by piece."""
    pieces = _pieces(given, argument) if hasattr(given, "read") else iter((bytes(given),))
    total = 0
    with _kept(argument), path.open("xb") as file:
        for piece in pieces:
            total += len(piece)
            if total > MOST_BYTES:
                raise MediaError(f"{argument}: is larger than {spell_bytes(MOST_BYTES)}; shorten it, or give its path")
            file.write(piece)
    if not total:
        raise MediaError(f"{argument}: is empty; give the content of a picture, clip or template")


def _pieces(file: Any, argument: str) -> Iterator[bytes]:
    """What a file object holds, from its start where it can go there."""

    def read(rewind: bool = False) -> Any:
        try:
            if rewind and getattr(file, "seekable", bool)():
                file.seek(0)
            return file.read(_PIECE_BYTES)
        except (OSError, ValueError) as error:
            raise MediaError(f"{argument}: cannot be read ({told(error)}); open it again") from error

    piece = read(rewind=True)
    while piece:
        if not isinstance(piece, bytes):
            raise OptionError(f"{argument}: is a file of {type(piece).__name__}; open it with mode 'rb'")
        yield piece
        piece = read()


def _write_picture(path: Path, given: object, argument: str) -> None:
    picture = Pillow.fromarray(picture_of(given, argument))
    with _kept(argument):
        picture.save(path, compress_level=_PNG_LEVEL)


def _write_clip(path: Path, frames: Frames, argument: str, max_gigapixels: float) -> None:
    pictures = _uniform(frames, argument)
    first = next(pictures, None)
    if first is None:
        raise MediaError(f"{argument}: holds no frame; give one or more, and a generator only once")
    height, width = first.shape[:2]
    check_size(Path(argument), width, height, most=MAX_CLIP_PIXELS, what="a frame of a clip")
    budget = Budget(Path(argument), (width, height), max_gigapixels)
    with _kept(argument):
        writer = LosslessWriter(path, first.shape, frames.rate)
    with closing(writer):
        for picture in budget.over(chain([first], pictures)):
            with _kept(argument):
                writer.write(picture)
        with _kept(argument):
            writer.finish()


def _uniform(frames: Frames, argument: str) -> Iterator[Image]:
    """The pictures of a clip, each like the first in size and channels. Raises OptionError."""
    given = frames.pictures
    if isinstance(given, np.ndarray) and given.ndim != _CLIP_DIMENSIONS:
        raise OptionError(f"{argument}: an array of shape {given.shape}; give (frames, {_PIXELS}")
    if not isinstance(given, Iterable):
        raise OptionError(f"{argument}: {shown(given)} is no clip; give an array or an iterable of pictures")
    first: Image | None = None
    for index, item in enumerate(given):
        where = f"{argument}, frame {index}"
        picture = picture_of(item, where, clear=None if first is None else first.shape[2] == _WITH_ALPHA)
        if first is None:
            first = picture
        if picture.shape != first.shape:
            raise OptionError(f"{where}: has shape {picture.shape} and the first {first.shape}; give all one shape")
        yield picture


def picture_of(given: object, where: str, *, clear: bool | None = None) -> Image:
    """(H, W, 3 or 4) RGB uint8 of an array or of PIL's picture, with alpha as `clear` says. Raises OptionError."""
    if isinstance(given, Pillow.Image):
        check_size(Path(where), *given.size)
        image, alpha = pixels(Path(where), given, clear=clear)
        return Frame(image, alpha=alpha).pixels
    if not isinstance(given, np.ndarray):
        raise OptionError(f"{where}: {shown(given)} is no picture; give an array or a picture of PIL")
    if given.ndim != 3 or given.shape[2] not in _CHANNELS or not given.size:
        turned = given.ndim == 3 and given.shape[0] in _CHANNELS
        remedy = "; np.moveaxis(array, 0, -1) makes it so" if turned else ""
        raise OptionError(f"{where}: an array of shape {given.shape}; give ({_PIXELS}{remedy}")
    if given.dtype != np.uint8:
        raise OptionError(f"{where}: an array of {given.dtype}; {_eight_bit(given)}")
    check_size(Path(where), given.shape[1], given.shape[0])
    return np.asarray(given)


def _eight_bit(array: NDArray[Any]) -> str:
    """The remedy for an array of other numbers."""
    due = "give uint8 from 0 to 255"
    if array.dtype.kind not in _REMEDIES:
        return due
    if array.dtype.kind == "f":
        low, high = array.min(), array.max()
        if not np.isfinite(low) or not np.isfinite(high):
            return f"it holds values that are no finite numbers; {due}"
        if low >= 0 and high <= 1:
            return f"{due}, as {_OF_UNIT_RANGE}"
    return f"{due}, as {_REMEDIES[array.dtype.kind]}"
