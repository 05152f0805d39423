"""GIF, animated WebP, PNG and AVIF through Pillow, which lays partial frames over one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO

from PIL import Image as Pillow

from openportrait.bounds import fraction
from openportrait.errors import MediaError
from openportrait.files import open_plain
from openportrait.media.files import ANIMATION_COST, MAX_CLIP_PIXELS, WANTED, Budget, check_size
from openportrait.media.pixels import BROKEN, damaged, fitted, has_alpha, open_picture, pixels
from openportrait.media.timing import Timed, gif_durations, guess_rate, png_durations, webp_durations
from openportrait.records import Image, MediaInfo

_MILLISECOND = Fraction(1, 1000)
_DEFAULT_DURATION = Fraction(1, 10)
"""s that a frame stays where its file states no more than `_SHORTEST_DURATION`, as browsers show it."""
_SHORTEST_DURATION = Fraction(1, 100)
"""s."""
_LONGEST_DURATION = Fraction(10)
"""Seconds. Files may say hours, of which an animation makes no use and a few bytes a long job."""
_FRAMES_FOR_RATE = 200
"""Frames from whose durations the rate is told."""
_FROM_HEADERS: dict[str, Callable[[BinaryIO], Iterator[Fraction]]] = {
    "GIF": gif_durations,
    "WEBP": webp_durations,
    "PNG": png_durations,
}


class AnimationReader:
    """The frames of an animated picture, each as long as the file says."""

    truncated: str | None = None

    def __init__(self, path: Path, max_size: int, max_gigapixels: float) -> None:
        """Reads the headers and the first frame. Raises MediaError for more frames than may be decoded."""
        self._path = path
        self._max_size = max_size
        with open_picture(path) as picture:
            kind = picture.format or ""
            check_size(path, *picture.size, most=MAX_CLIP_PIXELS, what="a frame of a clip")
            self.budget = Budget(path, picture.size, max_gigapixels, ANIMATION_COST)
            self._durations = self._read_durations(picture)
            self.budget.check(len(self._durations))
            width, height = fitted(*picture.size, max_size)
            picture.seek(0)
            _, alpha = pixels(path, picture, max_size)
            clear = has_alpha(picture) or alpha is not None
        times = [Fraction(0), *accumulate(self._durations)]
        tick = 10 * _MILLISECOND if kind == "GIF" else _MILLISECOND
        starts = times[: min(len(self._durations), _FRAMES_FOR_RATE)]
        rate, varies = guess_rate(starts if len(starts) > 1 else times, tick, ())
        self.info = MediaInfo(
            path=path,
            kind="video",
            width=width,
            height=height,
            rate=rate,
            frames=max(1, round(times[-1] * rate)),
            duration_seconds=float(times[-1]),
            has_alpha=clear,
            container=kind,
            codec=kind.lower(),
            variable_rate=varies,
        )

    def _read_durations(self, picture: Pillow.Image) -> list[Fraction]:
        """Seconds of each frame, of one more than may be decoded at most."""
        most = self.budget.most_frames + 1
        read = _FROM_HEADERS.get(picture.format or "")
        if read is None:
            count = min(getattr(picture, "n_frames", 1), most)
            found = _decoded_durations(picture, min(count, _FRAMES_FOR_RATE))
            return found + found[-1:] * (count - len(found))
        with open_plain(self._path, WANTED) as file:
            return [_shown(duration) for duration in islice(read(file), most)] or [_DEFAULT_DURATION]

    def pictures(self) -> Iterator[Timed]:
        """Every frame with its time."""
        self.truncated = None
        seconds = Fraction(0)
        with open_picture(self._path) as picture:
            for index, duration in enumerate(self._durations):
                try:
                    picture.seek(index)
                    shown = pixels(self._path, picture, self._max_size, clear=self.info.has_alpha)
                except (MediaError, *BROKEN) as error:
                    if index == 0:
                        raise damaged(self._path, error) from error
                    self.truncated = (
                        f"{self._path}: breaks off after {float(seconds):.2f} s "
                        f"({index} of {len(self._durations)} frames)"
                    )
                    return
                yield Timed(seconds, duration, _Shown(*shown))
                seconds += duration


class _Shown:
    """Pixels that were converted already, as the file is read forward only."""

    def __init__(self, image: Image, alpha: Image | None) -> None:
        self._shown = image, alpha

    def __call__(self) -> tuple[Image, Image | None]:
        return self._shown


def _decoded_durations(picture: Pillow.Image, count: int) -> list[Fraction]:
    """Seconds of the first `count` frames, of a format that does not say them apart from the pixels; one at least."""
    found = []
    for index in range(count):
        try:
            picture.seek(index)
            picture.load()
            milliseconds = fraction(picture.info.get("duration"), 0, 10**9, "duration")
        except BROKEN:
            break
        found.append(_shown(milliseconds * _MILLISECOND))
    return found or [_DEFAULT_DURATION]


def _shown(duration: Fraction) -> Fraction:
    """Browsers show frames of 10 ms or less for 100 ms, and so do we."""
    return min(duration, _LONGEST_DURATION) if duration > _SHORTEST_DURATION else _DEFAULT_DURATION
