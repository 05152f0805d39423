"""Write a clip, frame by frame, in the format that its suffix names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from openportrait.errors import MediaError
from openportrait.media.encode import CONTAINERS, Encoder, SequenceEncoder, VideoEncoder
from openportrait.media.sound import with_sound
from openportrait.media.target import Target
from openportrait.records import Image

_PATTERN = re.compile(r"%0?\d*d")


class Writer:
    """A clip being written. A context manager: the file appears on a clean exit; an exception leaves nothing."""

    def __init__(self, path: Path, rate: Fraction, sound: Sequence[Path], quality: int) -> None:
        self.path = path
        self.frames = 0
        self._rate, self._quality = rate, quality
        self._pattern = "%05d.png"
        if _PATTERN.search(path.name):
            self.path, self._pattern = path.parent, path.name
        self._folder = self.path is not path or not path.suffix or path.is_dir()
        suffix = path.suffix.lower()
        if not self._folder and suffix not in CONTAINERS:
            raise MediaError(
                f"{path}: clips are not written as {suffix}; use {', '.join(CONTAINERS)}, a folder or %05d.png"
            )
        self.sound = with_sound(sound) if suffix in CONTAINERS else None
        self._size: tuple[int, int] | None = None
        self._encoder: Encoder | None = None
        self._keep = False
        self._target = Target(self.path, folder=self._folder)

    def write(self, image: Image, alpha: Image | None = None) -> None:
        """Add a frame: (H, W, 3) RGB, (H, W) alpha where the format keeps it, else it is laid on white.

        All frames have the size of the first. Raises MediaError when the file cannot grow.
        """
        height, width = image.shape[:2]
        with self._target.guarded():
            if self._encoder is None:
                self._size = width, height
                self._encoder = self._start(width, height)
            if (width, height) != self._size:
                raise MediaError(f"{self.path}: frame {self.frames} is {width} × {height}, the first {self._size}")
            self._encoder.write(image, alpha)
        self.frames += 1

    def keep(self) -> None:
        """From now on an exception keeps what was written so far."""
        self._keep = True

    def _start(self, width: int, height: int) -> Encoder:
        if self._folder:
            return SequenceEncoder(self._target.temporary, self._pattern)
        return VideoEncoder(
            self._target.temporary,
            CONTAINERS[self.path.suffix.lower()],
            size=(width, height),
            rate=self._rate,
            quality=self._quality,
            sound=self.sound,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or (self._keep and self.frames):
                self._finish()
        finally:
            if self._encoder:
                self._encoder.abandon()
            self._target.discard()

    def _finish(self) -> None:
        if self._encoder is None:
            raise MediaError(f"{self.path}: no frame was made, so nothing is written; check the input")
        with self._target.guarded():
            self._encoder.finish()
        self._encoder = None
        self._target.commit()


def open_writer(path: Path, *, rate: Fraction, sound: Sequence[Path] = (), quality: int = 75) -> Writer:
    """Open a clip for writing; its suffix decides: .mp4 .m4v .mov .mkv (H.264), .webm (VP9), a folder of PNGs.

    `rate` is exact frames a second. `sound` are files in order of preference: the first that has sound
    gives it, in step with the picture and never longer. `quality` is 0..100. Raises MediaError.
    """
    return Writer(path, rate, sound, quality)
