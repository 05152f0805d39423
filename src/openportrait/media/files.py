"""Decides which files may be opened and how much of one may be decoded, and words the refusals."""

from __future__ import annotations

import errno
import stat
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import av

from openportrait.errors import MediaError
from openportrait.files import open_plain, status, told

WANTED = "a picture, a clip or a folder of pictures"
"""The kind of file that refusals ask for."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded."""
MAX_CLIP_PIXELS = 36_000_000
"""Larger frames of a clip are refused, as decoders hold several. 8192 × 4320 fits."""

# Demuxers that hold their pictures and sound in the one file they are given. Playlists, scripts and
# devices (hls, concat, dash, image2, lavfi, ...) name other files or hosts; they are never opened.
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,gif,apng,"
    "h264,hevc,m4v,av1,obu,ivf,mjpeg,yuv4mpegpipe,nut,mxf,dv,rm,wtv,swf,h261,h263,vc1,roq,smjpeg,"
    "aac,mp3,flac,wav,w64,aiff,caf,ac3,eac3,amr,au,wv,ape,tta,tak,dts,dtshd,truehd,oma,xwma"
)
_WORDS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EFBIG: ("the file grows larger than is allowed here", "raise the limit or choose another folder"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EACCES: ("permission denied", "choose a folder you may write to, or change its permissions"),
    errno.EPERM: ("permission denied", "choose a folder you may write to, or change its permissions"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.ENOENT: ("there is no such folder", "check the path"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
    errno.ELOOP: ("a part of the path is a link to itself", "remove the link or choose another name"),
    errno.EEXIST: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}


FileId = tuple[int, int]
"""Device and number of a file: the same for every name and link of it, however it is spelled."""


def file_id(path: Path) -> FileId | None:
    """None where there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; False where it cannot be looked at."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def file_ids(inputs: Iterable[Path]) -> frozenset[FileId]:
    """Those of the inputs, and of what lies in input folders."""
    found = set()
    for path in inputs:
        found.add(file_id(path))
        if is_folder(path):
            found.update(map(file_id, path.iterdir()))
    return frozenset(identity for identity in found if identity is not None)


_LOCKED_TAGS = frozenset(("drms", "drmi", "enca", "encv"))
"""Sample entries of protected tracks (ISO/IEC 14496-12, and those of one shop)."""


_CLOCK_MAY_JUMP = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT, of formats such as MPEG-TS and Ogg."""


def existing(path: Path) -> Path:
    """`path` when it is a folder or a plain file with something in it; MediaError else."""
    found = status(path, WANTED)
    if stat.S_ISDIR(found.st_mode):
        return path
    if found.st_size == 0:
        raise MediaError(f"{path}: the file is empty; make or download it again")
    open_plain(path, WANTED).close()
    return path


def open_container(path: Path, *, xmp: bool = False) -> av.container.InputContainer:
    """The file in FFmpeg, which may touch this one local file and no other. Raises av.FFmpegError.

    `xmp`: of the MP4 family, have its XMP packet among the metadata.
    """
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", **({"export_xmp": "1"} if xmp else {})}
    return av.open(f"file:{path}", mode="r", container_options=options, metadata_errors="replace")


def may_be_sought(container: av.container.InputContainer) -> bool:
    """Whether a time of the file is found without reading all before it: not where its clock may be set anew."""
    return not container.format.flags & _CLOCK_MAY_JUMP


def is_locked(stream: av.AudioStream | av.VideoStream) -> bool:
    """Whether a stream is encrypted against copying: nothing that makes sense can be decoded of it."""
    return stream.codec_context is None or stream.codec_context.codec_tag in _LOCKED_TAGS


def unwritable(path: Path, error: OSError | ValueError | av.FFmpegError) -> MediaError:
    """What to tell a user whose output `path` failed with `error`."""
    problem, remedy = _WORDS.get(getattr(error, "errno", None) or 0, (told(error), "try another folder or format"))
    return MediaError(f"{path}: cannot be written, {problem}; {remedy}")


def check_size(path: Path, width: int, height: int, *, most: int = MAX_PIXELS, what: str = "a picture") -> None:
    """MediaError for a picture of more than MAX_PIXELS pixels, of more than `most` where `what` is, or of none."""
    if width <= 0 or height <= 0:
        raise MediaError(f"{path}: a picture of {width} × {height} pixels; make or download it again")
    for limit, reason in ((MAX_PIXELS, ""), (most, f", the most for {what}")):
        if width * height > limit:
            raise MediaError(
                f"{path}: {width} × {height} is more than {limit // 1_000_000} megapixels{reason}; reduce it first"
            )


# How much one input may make the reader decode


Item = TypeVar("Item")

ANIMATION_COST = 20
"""Animated pictures take about so many times as long to decode as a video of as many pixels."""
_LEAST_PIXELS = 300_000
"""A frame counts as at least so many: finding its face takes as long."""


class Budget:
    """The frames that may be decoded of one input."""

    def __init__(self, path: Path, size: tuple[int, int], gigapixels: float, cost: int = 1) -> None:
        """`size` (width, height) of a frame in the file; each counts `cost`-fold."""
        self._path = path
        self._size = size
        self._gigapixels = gigapixels
        self._cost = cost
        self._frame = max(size[0] * size[1], _LEAST_PIXELS) * cost
        self.most_frames = max(1, int(gigapixels * 1e9 / self._frame))

    def check(self, frames: int | None) -> None:
        """Raise MediaError where the header promises more `frames` than may be decoded."""
        if frames is not None and frames > self.most_frames:
            raise self._exceeded()

    def over(self, items: Iterator[Item]) -> Generator[Item, None, None]:
        """The same items, one a frame. Raises MediaError at the first that is too many."""
        for count, item in enumerate(items):
            if count == self.most_frames:
                raise self._exceeded()
            yield item

    def _exceeded(self) -> MediaError:
        width, height = self._size
        counted = f", each counted {self._cost}-fold as an animated picture," if self._cost > 1 else ""
        return MediaError(
            f"{self._path}: more than {self.most_frames:,} frames of {width} × {height}{counted} exceed the limit of "
            f"{self._gigapixels:g} gigapixels; shorten or reduce it, or raise --max-gigapixels"
        )
