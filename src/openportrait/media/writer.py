"""Write a clip, frame by frame, in the format that its suffix names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from openportrait.errors import MediaError
from openportrait.media.encode import CONTAINERS, Encoder, VideoEncoder
from openportrait.media.encode_pictures import GifEncoder, SequenceEncoder, WebpEncoder
from openportrait.media.files import file_ids, is_folder
from openportrait.media.segments import JoinedVideo
from openportrait.media.sequence import SequenceTarget, is_pattern
from openportrait.media.sound import Sound, with_sound
from openportrait.media.stills import CLEAR_PICTURES, PICTURE_SUFFIXES
from openportrait.media.target import Target
from openportrait.records import Image

Sign = Callable[[Path, Path], None]
"""Called with a complete file before it appears, and with the name that it will have."""
CLIP_SUFFIXES = (*CONTAINERS, ".gif", ".webp")
"""In which clips are written."""
_DEFAULT_PATTERN = "%05d.png"
CLEAR_CLIPS = (*(suffix for suffix, container in CONTAINERS.items() if container.clear), ".webp")
"""Suffixes of clips that carry alpha."""


def check_suffix(path: Path, *, still: bool) -> None:
    """MediaError where `path` names no format for a picture (`still`) or clip. A clip may have one frame."""
    suffix = path.suffix.lower()
    if is_sequence(path) or suffix in CLIP_SUFFIXES or (still and suffix in PICTURE_SUFFIXES):
        return
    if "%" in path.name and suffix in PICTURE_SUFFIXES:
        raise MediaError(f"{path}: numbered pictures are written as PNG; name them like {_DEFAULT_PATTERN}")
    known = ", ".join(dict.fromkeys((*PICTURE_SUFFIXES, *CLIP_SUFFIXES) if still else CLIP_SUFFIXES))
    raise MediaError(
        f"{path}: {'results' if still else 'clips'} are not written as {suffix}; "
        f"use {known}, or numbered pictures like {_DEFAULT_PATTERN}"
    )


def check_transparency(path: Path, *, still: bool) -> None:
    """MediaError where the format of `path` carries no alpha."""
    suffix = path.suffix.lower()
    if is_sequence(path) or suffix in (CLEAR_CLIPS if not still else (*CLEAR_CLIPS, *CLEAR_PICTURES)):
        return
    known = ", ".join(dict.fromkeys((*CLEAR_PICTURES, *CLEAR_CLIPS) if still else CLEAR_CLIPS))
    raise MediaError(
        f"{path}: {suffix} carries no transparency; use {known}, or numbered pictures like {_DEFAULT_PATTERN}"
    )


def is_picture(path: Path) -> bool:
    """Whether a single picture is written to `path` as a picture file, and not as a clip of one frame."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not is_sequence(path)


def is_sequence(path: Path) -> bool:
    """Whether numbered pictures are written to `path`."""
    return _folder_and_pattern(path) is not None


def _folder_and_pattern(path: Path) -> tuple[Path, str] | None:
    """Where a sequence goes: `shots/%04d.png` names both; an existing folder or a name without suffix is a folder."""
    if is_pattern(path.name):
        return path.parent, path.name
    return (path, _DEFAULT_PATTERN) if is_folder(path) or not path.suffix else None


def check_output(path: Path, inputs: Sequence[Path] = (), *, overwrite: bool = False) -> None:
    """MediaError when `path` is one of the inputs or cannot be written; tried out, and nothing is left behind.

    Of a sequence also: when the folder holds what no earlier result wrote there, unless `overwrite`.
    """
    _target(path, inputs, overwrite=overwrite).discard()


def _target(path: Path, inputs: Sequence[Path], *, overwrite: bool) -> Target:
    sequence, given = _folder_and_pattern(path), file_ids(inputs)
    return SequenceTarget(*sequence, given, overwrite=overwrite) if sequence else Target(path, given)


class Writer:
    """A clip being written. A context manager: it appears on a clean exit; an exception leaves nothing behind."""

    path: Path
    """Where it will lie: a file, or the folder of a sequence."""
    sound: Sound | None
    """The file whose sound it carries."""
    frames: int
    """How many were written."""
    frames_in_file: int
    """How many the file has: a GIF leaves out those that its clock is too coarse for."""
    kept: bool = False
    """Whether the file exists although an exception ended the writing."""

    def __init__(
        self,
        path: Path,
        rate: Fraction,
        sound: Sequence[Sound],
        quality: int,
        description: str,
        target: Target,
        sign: Sign | None = None,
    ) -> None:
        """As `open_writer`; it is written to `target`."""
        self.path = target.path
        self._pattern = target.pattern if isinstance(target, SequenceTarget) else ""
        self.sound = with_sound(sound) if path.suffix.lower() in CONTAINERS and not self._pattern else None
        self.frames = self.frames_in_file = 0
        self._rate, self._quality, self._description = rate, quality, description
        self._size: tuple[int, int] | None = None
        self._encoder: Encoder | None = None
        self._joined: JoinedVideo | None = None
        self._keep = False
        self._target = target
        self._sign = sign

    @property
    def folder(self) -> Path:
        """Where it is built, and room for what it is built of."""
        return self._target.temporary.parent

    def write(self, image: Image, alpha: Image | None = None) -> None:
        """Add a frame: (H, W, 3) RGB, (H, W) alpha where the format keeps it, else it is laid on white.

        All frames have the size of the first. Raises MediaError when the file cannot grow.
        """
        height, width = image.shape[:2]
        if self._size not in (None, (width, height)):
            raise MediaError(
                f"{self.path}: frame {self.frames} is {width} × {height} and the first was not; give all one size"
            )
        with self._target.guarded():
            if self._encoder is None:
                self._size = width, height
                self._encoder = self._start(self._size, alpha is not None)
            self._encoder.write(image, alpha)
        self.frames += 1
        self.frames_in_file = self._encoder.frames

    def join(self, segment: Path, frames: int) -> None:
        """Add the frames of a file that a `SegmentWriter` made, in place of `write`; all of them by this way.

        Raises MediaError when the file cannot grow.
        """
        with self._target.guarded():
            if self._joined is None:
                self._joined = JoinedVideo(
                    self._target.temporary,
                    CONTAINERS[self.path.suffix.lower()],
                    segment,
                    rate=self._rate,
                    sound=self.sound,
                    description=self._description,
                )
            self._joined.join(segment, frames)
        self.frames = self.frames_in_file = self._joined.frames

    def keep(self) -> None:
        """Keep what was written so far if an exception ends the writing from now on."""
        self._keep = True

    def _start(self, size: tuple[int, int], clear: bool) -> Encoder:
        hidden, suffix = self._target.temporary, self.path.suffix.lower()
        if self._pattern:
            return SequenceEncoder(hidden, self._pattern, self._description)
        if suffix == ".gif":
            return GifEncoder(hidden, size=size, rate=self._rate, description=self._description)
        if suffix == ".webp":
            return WebpEncoder(
                hidden,
                size=size,
                rate=self._rate,
                quality=self._quality,
                clear=clear,
                description=self._description,
            )
        return VideoEncoder(
            hidden,
            CONTAINERS[suffix],
            size=size,
            rate=self._rate,
            quality=self._quality,
            sound=self.sound,
            clear=clear,
            description=self._description,
        )

    def _finish(self) -> None:
        made = self._encoder or self._joined
        if made is None:
            raise MediaError(f"{self.path}: no frame was made, so nothing is written; check the input")
        with self._target.guarded():
            made.finish()
        self._encoder = self._joined = None
        if self._sign is not None:
            with self._target.guarded():
                self._sign(self._target.temporary, self.path)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish and rename, or remove everything."""
        try:
            if kind is None:
                self._finish()
                self._target.commit()
            elif self._keep and self.frames:
                self._finish()
                self._target.publish()
                self.kept = True
        finally:
            for made in (self._encoder, self._joined):
                if made:
                    made.abandon()
            self._target.discard()


def open_writer(
    path: Path,
    *,
    rate: Fraction,
    sound: Sequence[Sound] = (),
    quality: int = 75,
    description: str = "",
    inputs: Sequence[Path] = (),
    overwrite: bool = False,
    sign: Sign | None = None,
) -> Writer:
    """Open a clip for writing at exactly `rate` frames a second; the suffix decides.

    .mp4 .m4v .mov .mkv are H.264, .webm is VP9, .gif and .webp are animations; a folder (existing, or a name
    without suffix) or a pattern such as `shots/%05d.png` gets PNG files numbered from 0. Alpha is kept by PNG,
    WebP, .mov (which then is ProRes 4444) and .webm. `sound` are files in order of preference: the first that has
    sound gives it, in step with the picture and never longer. `quality` is 0..100. `description`: the clip is
    synthetic, in words; the file then also says so to programs (`openportrait.media.provenance`).
    `sign` is done to the complete file before it appears.
    Raises MediaError when the place cannot be written, the suffix is unknown, or the output is one of the
    `sound` files or `inputs`; for a sequence also when its folder holds what no earlier result wrote there,
    unless `overwrite`: then files of the names that are written are replaced.
    """
    check_suffix(path, still=False)
    given = (*(one.path for one in sound), *inputs)
    return Writer(path, rate, sound, quality, description, _target(path, given, overwrite=overwrite), sign)
