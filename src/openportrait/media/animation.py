"""GIF, animated WebP, PNG and AVIF through Pillow, which lays partial frames over one another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media.files import fitted
from openportrait.media.pixels import BROKEN, damaged, has_alpha, open_picture, pixels
from openportrait.media.timing import Timed, guess_rate
from openportrait.records import Image, MediaInfo

_MILLISECOND = Fraction(1, 1000)
_DEFAULT_DURATION = Fraction(1, 10)
_FRAMES_FOR_RATE = 200


class AnimationReader:
    """The frames of an animated picture, each as long as the file says."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int = 0) -> None:
        self._path = path
        self._max_size = max_size
        with open_picture(self._path) as picture:
            count: int = getattr(picture, "n_frames", 1)
            kind = picture.format or ""
            width, height = fitted(*picture.size, max_size)
            _, alpha = pixels(path, picture, max_size)
            clear = has_alpha(picture) or alpha is not None
            times, end = [], Fraction(0)
            for index in range(min(count, _FRAMES_FOR_RATE)):
                try:
                    picture.seek(index)
                    picture.load()
                except BROKEN:
                    break
                times.append(end)
                end += _duration(picture)
        tick = 10 * _MILLISECOND if kind == "GIF" else _MILLISECOND
        rate, varies = guess_rate(times if len(times) > 1 else [Fraction(0), end], tick, ())
        seconds = end * count / len(times)
        self.info = MediaInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            frames=max(1, round(seconds * rate)),
            duration_seconds=float(seconds),
            has_alpha=clear,
            container=kind,
            codec=kind.lower(),
            variable_rate=varies,
        )

    def pictures(self) -> Iterator[Timed]:
        """Every frame with its time."""
        self.truncated = None
        seconds = Fraction(0)
        with open_picture(self._path) as picture:
            count: int = getattr(picture, "n_frames", 1)
            for index in range(count):
                try:
                    picture.seek(index)
                    shown = pixels(self._path, picture, self._max_size, clear=self.info.has_alpha)
                except (MediaError, *BROKEN) as error:
                    if index == 0:
                        raise damaged(self._path, error) from error
                    self.truncated = (
                        f"{self._path}: breaks off after {float(seconds):.2f} s ({index} of {count} frames)"
                    )
                    return
                duration = _duration(picture)
                yield Timed(seconds, duration, _Shown(*shown))
                seconds += duration


class _Shown:
    """Pixels that were converted already, as the file is read forward only."""

    def __init__(self, image: Image, alpha: Image | None) -> None:
        self._shown = image, alpha

    def __call__(self) -> tuple[Image, Image | None]:
        return self._shown


def _duration(picture: Pillow.Image) -> Fraction:
    """Seconds that the current frame stays; browsers show frames of 10 ms or less for 100 ms, and so do we."""
    milliseconds = picture.info.get("duration") or 0
    return Fraction(milliseconds).limit_denominator(1000) * _MILLISECOND if milliseconds > 10 else _DEFAULT_DURATION
