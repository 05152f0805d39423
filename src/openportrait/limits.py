"""Limits of what users may upload to the page and the service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from openportrait.checked import Checked, Range
from openportrait.errors import MediaError
from openportrait.trim import WHOLE, Trim

MEGABYTE = 1_000_000
"""Bytes."""


@dataclass(frozen=True)
class UploadLimits(Checked):
    """Limits of one uploaded file."""

    max_upload_mb: Annotated[int, Range(1, 100_000), Doc("Largest file that may be uploaded, megabytes.")] = 500
    max_megapixels: Annotated[float, Range(0.1, 1000), Doc("Largest picture or frame, millions of pixels.")] = 40.0
    max_seconds: Annotated[float, Range(1, 36_000), Doc("Longest clip, template, timeline or recording.")] = 600.0


class TooMuch(MediaError):
    """A file is beyond a limit."""


def check_upload(path: Path, limits: UploadLimits, part: Trim | None = WHOLE) -> None:
    """Whether a file may be used, by its content. Raises TooMuch, another MediaError or TemplateError.

    `part`: what is used of a clip, template or sound, which may be longer; None: one picture.
    """
    from openportrait.media import probe
    from openportrait.media.listening import is_sound, sound_seconds
    from openportrait.templates import is_template, load_template

    if not path.exists():
        raise MediaError(f"{path} is no longer here; add it again")
    megabytes = path.stat().st_size / MEGABYTE
    if megabytes > limits.max_upload_mb:
        raise TooMuch(f"{path} has {megabytes:.0f} MB, the limit is {limits.max_upload_mb}; choose a smaller one")
    if is_template(path):
        template = load_template(path)
        seconds: float | None = float(len(template.motions) / template.rate)
    elif is_sound(path):
        seconds = sound_seconds(path)
    else:
        info = probe(path)
        seconds = info.duration_seconds
        megapixels = info.width * info.height / 1e6
        if megapixels > limits.max_megapixels:
            raise TooMuch(
                f"{path} has {megapixels:.1f} megapixels, the limit is {limits.max_megapixels:g}; reduce it first"
            )
    if part is not None:
        used = part.seconds_of(seconds)
        check_seconds(used, limits, str(path) if used == seconds else f"the part of {path}")


def check_seconds(seconds: float | None, limits: UploadLimits, where: str) -> None:
    """Raises TooMuch for a clip that is known to be too long."""
    if seconds is not None and seconds > limits.max_seconds:
        raise TooMuch(f"{where} lasts {seconds:.0f} s, the limit is {limits.max_seconds:g} s; use less of it")
