"""Which files may be opened, and what is said when one cannot be."""

from __future__ import annotations

import errno
from pathlib import Path

import av

from openportrait.errors import MediaError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded."""

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
    errno.EEXIST: ("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}


def existing(path: Path) -> Path:
    """`path` when it is a folder or a plain file with something in it; MediaError else."""
    try:
        if path.is_dir():
            return path
        if not path.exists():
            hint = "download it first" if "://" in str(path) or ":/" in str(path) else "check the path"
            raise MediaError(f"{path}: there is no such file; {hint}")
        if not path.is_file():
            raise MediaError(f"{path}: not a plain file; give a picture, a clip or a folder of pictures")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; make or download it again")
        with path.open("rb"):
            return path
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read; change its permissions") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be opened ({error}); check the path") from error


def open_container(path: Path) -> av.container.InputContainer:
    """The file in FFmpeg, which may touch this one local file and no other. Raises av.FFmpegError."""
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    return av.open(f"file:{path}", mode="r", container_options=options, metadata_errors="replace")


def unwritable(path: Path, error: OSError | ValueError | av.FFmpegError) -> MediaError:
    """What to tell a user whose output `path` failed with `error`."""
    told = getattr(error, "strerror", None) or str(error)
    problem, remedy = _WORDS.get(getattr(error, "errno", None) or 0, (told, "try another folder or format"))
    return MediaError(f"{path}: cannot be written, {problem}; {remedy}")


def check_size(path: Path, width: int, height: int) -> None:
    """MediaError for a picture of more than MAX_PIXELS or of none."""
    if width <= 0 or height <= 0:
        raise MediaError(f"{path}: a picture of {width} × {height} pixels; make or download it again")
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{path}: {width} × {height} is more than {MAX_PIXELS // 1_000_000} megapixels; reduce the picture first"
        )


def fitted(width: int, height: int, max_size: int) -> tuple[int, int]:
    """(width, height) reduced in proportion so that the longer side is at most `max_size`; 0 keeps it."""
    longer = max(width, height)
    if not max_size or longer <= max_size:
        return width, height
    return max(1, round(width * max_size / longer)), max(1, round(height * max_size / longer))
