"""Write a clip, frame by frame, in the format that its suffix names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from openportrait.errors import MediaError
from openportrait.media.encode import CONTAINERS, Encoder, VideoEncoder
from openportrait.media.encode_pictures import GifEncoder, SequenceEncoder, WebpEncoder
from openportrait.media.files import unwritable
from openportrait.media.sound import with_sound
from openportrait.media.target import Target
from openportrait.records import Image

_PATTERN = re.compile(r"[^%]*%0?\d*d[^%]*\.png", re.IGNORECASE)
_DEFAULT_PATTERN = "%05d.png"


def _folder_and_pattern(path: Path) -> tuple[Path, str] | None:
    """Where a sequence goes: `shots/%04d.png` names both; an existing folder or a name without suffix is a folder."""
    if _PATTERN.fullmatch(path.name):
        return path.parent, path.name
    return (path, _DEFAULT_PATTERN) if path.is_dir() or not path.suffix else None


def check_output(path: Path, inputs: Sequence[Path] = ()) -> None:
    """MediaError when `path` is one of the inputs or cannot be written; tried out, and nothing is left behind."""
    try:
        sequence = _folder_and_pattern(path)
        place = sequence[0] if sequence else path
        clash = any(place.exists() and given.exists() and place.samefile(given) for given in inputs)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if clash:
        raise MediaError(f"{place}: is an input and the output at once; choose another name for the output")
    Target(place, folder=sequence is not None).discard()


class Writer:
    """A clip being written. A context manager: it appears on a clean exit; an exception leaves nothing behind."""

    path: Path
    """Where it will lie: a file, or the folder of a sequence."""
    sound: Path | None
    """The file whose sound it carries."""
    frames: int
    """How many were written."""

    def __init__(self, path: Path, rate: Fraction, sound: Sequence[Path], quality: int, description: str) -> None:
        """As `open_writer`."""
        check_output(path, sound)
        sequence = _folder_and_pattern(path)
        suffix = path.suffix.lower()
        if not sequence and suffix not in (*CONTAINERS, ".gif", ".webp"):
            known = ", ".join((*CONTAINERS, ".gif", ".webp"))
            raise MediaError(f"{path}: clips are not written as {suffix}; use {known}, a folder or {_DEFAULT_PATTERN}")
        self.path, self._pattern = sequence or (path, "")
        self.sound = with_sound(sound) if suffix in CONTAINERS and not sequence else None
        self.frames = 0
        self._rate, self._quality, self._description = rate, quality, description
        self._size: tuple[int, int] | None = None
        self._encoder: Encoder | None = None
        self._keep = False
        self._target = Target(self.path, folder=bool(self._pattern))

    def write(self, image: Image, alpha: Image | None = None) -> None:
        """Add a frame: (H, W, 3) RGB, (H, W) alpha where the format keeps it, else it is laid on white.

        All frames have the size of the first. Raises MediaError when the file cannot grow.
        """
        height, width = image.shape[:2]
        if self._size not in (None, (width, height)):
            raise MediaError(f"{self.path}: frame {self.frames} is {width} × {height}, the first was {self._size}")
        with self._target.guarded():
            if self._encoder is None:
                self._size = width, height
                self._encoder = self._start(self._size, alpha is not None)
            self._encoder.write(image, alpha)
        self.frames += 1

    def keep(self) -> None:
        """From now on an exception keeps what was written so far."""
        self._keep = True

    def _start(self, size: tuple[int, int], clear: bool) -> Encoder:
        hidden, suffix = self._target.temporary, self.path.suffix.lower()
        if self._pattern:
            return SequenceEncoder(hidden, self._pattern)
        if suffix == ".gif":
            return GifEncoder(hidden, size=size, rate=self._rate)
        if suffix == ".webp":
            return WebpEncoder(hidden, size=size, rate=self._rate, quality=self._quality, clear=clear)
        return VideoEncoder(
            hidden,
            CONTAINERS[suffix],
            size=size,
            rate=self._rate,
            quality=self._quality,
            sound=self.sound,
            description=self._description,
        )

    def _finish(self) -> None:
        if self._encoder is None:
            raise MediaError(f"{self.path}: no frame was made, so nothing is written; check the input")
        with self._target.guarded():
            self._encoder.finish()
        self._encoder = None
        self._target.commit()
        if self._pattern:
            self._remove_older()

    def _remove_older(self) -> None:
        """Pictures beyond the last one, left by a longer sequence of the same names."""
        number = self.frames
        while (older := self.path / (self._pattern % number)).exists():
            older.unlink()
            number += 1

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish and rename, or remove everything."""
        try:
            if kind is None or (self._keep and self.frames):
                self._finish()
        finally:
            if self._encoder:
                self._encoder.abandon()
            self._target.discard()


def open_writer(
    path: Path, *, rate: Fraction, sound: Sequence[Path] = (), quality: int = 75, description: str = ""
) -> Writer:
    """Open a clip for writing at exactly `rate` frames a second; the suffix decides.

    .mp4 .m4v .mov .mkv are H.264, .webm is VP9, .gif and .webp are animations; a folder (existing, or a name
    without suffix) or a pattern such as `shots/%05d.png` gets PNG files numbered from 0. Alpha is kept by PNG
    and WebP. `sound` are files in order of preference: the first that has sound gives it, in step with the
    picture and never longer. `quality` is 0..100. `description` becomes the comment of a video file.
    Raises MediaError when the place cannot be written, the suffix is unknown, or the output is one of the
    `sound` files.
    """
    return Writer(path, rate, sound, quality, description)
