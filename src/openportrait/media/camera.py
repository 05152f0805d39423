"""Reads a camera: gives the newest picture, and drops all others."""

from __future__ import annotations

import re
import stat
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from openportrait.errors import MediaError
from openportrait.files import told
from openportrait.media.clip import Clip, open_clip
from openportrait.media.timing import DEFAULT_RATE
from openportrait.records import Image

START_SECONDS = 20.0
"""Time for the first picture of a camera: some systems ask their user first."""
SILENT_SECONDS = 5.0
"""A camera without a new picture for so long counts as lost."""
SLOWEST, FASTEST = 1.0, 240.0
"""Frames a second that are believed when a camera states them."""
_NUMBER = re.compile(r"\d{1,3}", re.ASCII)
_CHOOSE = "see that it is connected, allowed here and used by no other program, or choose another with --camera"


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture of a camera."""

    image: Image
    """(H, W, 3) RGB uint8."""
    seconds: float
    """When it came, by `time.monotonic`."""


class Camera:
    """An opened camera, read in a thread of its own from the first picture that is asked for. A context manager."""

    name: str
    """As the user knows it."""
    rate: Fraction
    """Frames a second, as it states them."""

    def __init__(self, name: str, rate: Fraction, pictures: Generator[Image, None, None], *, mirror: bool) -> None:
        """`pictures`: each comes when it is to be seen, as from a device or a clip that is played."""
        self.name, self.rate = name, rate
        self._pictures, self._mirror = pictures, mirror
        self._turn = threading.Condition()
        self._newest: Seen | None = None
        self._error: MediaError | None = None
        self._over = self._closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._due = 0.0

    @property
    def ended(self) -> bool:
        """Whether a clip is over, and its last picture was taken."""
        with self._turn:
            return self._over and self._newest is None and self._error is None

    def newest(self, wait_seconds: float) -> Seen | None:
        """The newest picture, once; None where no further one came. Raises MediaError where the camera is lost."""
        with self._turn:
            if not self._due:
                self._due = time.monotonic() + START_SECONDS
                self._thread.start()
            self._turn.wait_for(lambda: self._newest is not None or self._over, wait_seconds)
            seen, self._newest = self._newest, None
            if seen is not None:
                self._due = seen.seconds + SILENT_SECONDS
            elif self._error is not None:
                raise self._error
            elif not self._over and time.monotonic() > self._due:
                raise MediaError(f"{self.name}: shows no more pictures; {_CHOOSE}")
            return seen

    def _read(self) -> None:
        error = None
        try:
            with closing(self._pictures):
                for image in self._pictures:
                    seen = Seen(np.ascontiguousarray(image[:, ::-1]) if self._mirror else image, time.monotonic())
                    with self._turn:
                        if self._closed:
                            return
                        self._newest = seen
                        self._turn.notify()
        except MediaError as lost:
            error = lost
        except (OSError, cv2.error) as lost:
            error = MediaError(f"{self.name}: cannot be read ({told(lost)}); {_CHOOSE}")
        finally:
            with self._turn:
                self._over, self._error = True, error
                self._turn.notify()

    def close(self) -> None:
        """Take no more. The thread lets the camera go with its next picture."""
        with self._turn:
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_camera(named: str, *, mirror: bool = False) -> Camera:
    """A camera by its number or device, or a clip that is played as if it were one. `mirror`: left is right.

    Raises MediaError where there is none.
    """
    path = Path(named)
    if _NUMBER.fullmatch(named):
        name, rate, pictures = _device(int(named), f"camera {named}", cv2.CAP_DSHOW if sys.platform == "win32" else 0)
    elif _is_device(path):
        name, rate, pictures = _device(named, named, cv2.CAP_V4L2)
    else:
        clip = open_clip(path)
        name, rate, pictures = named, clip.info.rate or DEFAULT_RATE, _played(clip)
    return Camera(name, rate, pictures, mirror=mirror)


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _device(which: int | str, name: str, system: int) -> tuple[str, Fraction, Generator[Image, None, None]]:
    """`system`: the programming interface by which OpenCV finds it, 0 for any.

    Of those of Windows, DirectShow opens a camera at once; Media Foundation, the first one, may take a minute.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV's log lines do not help users.
    try:
        device = cv2.VideoCapture(which, system)
    except cv2.error as error:  # of a number that no interface takes
        raise MediaError(f"{name}: cannot be opened ({told(error)}); {_CHOOSE}") from error
    if not device.isOpened():
        raise MediaError(f"{name}: cannot be opened; {_CHOOSE}")
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # A camera that buffers pictures would give the oldest first.
    stated = device.get(cv2.CAP_PROP_FPS)
    rate = Fraction(stated).limit_denominator(1001) if SLOWEST <= stated <= FASTEST else DEFAULT_RATE
    return name, rate, _filmed(device, name)


def _filmed(device: cv2.VideoCapture, name: str) -> Generator[Image, None, None]:
    try:
        while True:
            is_there, image = device.read()
            if not is_there:
                raise MediaError(f"{name}: shows no more pictures; {_CHOOSE}")
            yield np.ascontiguousarray(image[..., ::-1], np.uint8)
    finally:
        device.release()


def _played(clip: Clip) -> Generator[Image, None, None]:
    """The pictures of a clip, each when it is due from now on."""
    with clip:
        start = time.monotonic()
        for frame in clip:
            time.sleep(max(start + float(frame.pts_seconds) - time.monotonic(), 0.0))
            yield frame.image
        if clip.truncated:
            raise MediaError(f"{clip.truncated}; give a whole clip")
