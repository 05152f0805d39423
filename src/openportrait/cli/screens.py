"""Shows a live portrait in a window, and as a virtual camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import TracebackType
from typing import Any, Protocol, Self

from PIL import Image as Pillow

from openportrait.errors import OpenPortraitError
from openportrait.files import told
from openportrait.records import Image

LARGEST_SHARE = 0.8
"""Largest share of the screen's width and height that a window takes."""


class Screen(Protocol):
    """Shows pictures. A context manager."""

    def show(self, image: Image) -> None:
        """The newest picture, (H, W, 3) RGB."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Window:
    """A window that shows pictures, and calls what its keys stand for."""

    def __init__(self, title: str, keys: Mapping[str, Callable[[], None]], on_close: Callable[[], None]) -> None:
        """`keys`: each as Tk names it, with what it does. Raises OpenPortraitError where no window can be shown."""
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise OpenPortraitError(
                "no window can be shown: this Python has no tkinter; install it (on Debian: python3-tk), "
                "or give --no-preview"
            ) from error
        try:
            # Taskbars show the window's class.
            self._window = tkinter.Tk(className="openportrait")
        except tkinter.TclError as error:
            raise OpenPortraitError(f"no window can be shown ({told(error)}); give --no-preview") from error
        self._window.title(title)
        self._window.protocol("WM_DELETE_WINDOW", on_close)
        for key, call in keys.items():
            self._window.bind(f"<{key}>", _called(call))
        self._label = tkinter.Label(self._window, borderwidth=0, background="black")
        self._label.pack(fill="both", expand=True)
        self._photo_of: Callable[[Pillow.Image], Any] = ImageTk.PhotoImage
        self._photo: Any = None

    def show(self, image: Image) -> None:
        """The newest picture; a larger one than the screen is shown smaller."""
        picture = Pillow.fromarray(image)
        most = self._window.winfo_screenwidth(), self._window.winfo_screenheight()
        picture.thumbnail((int(most[0] * LARGEST_SHARE), int(most[1] * LARGEST_SHARE)), Pillow.Resampling.BILINEAR)
        if self._photo is None:
            self._photo = self._photo_of(picture)
            self._label.configure(image=self._photo)
        else:
            self._photo.paste(picture)
        self.answer()

    def answer(self) -> None:
        """Do what its keys were pressed for."""
        self._window.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._window.destroy()


def _called(call: Callable[[], None]) -> Callable[[object], None]:
    def on_key(_: object) -> None:
        call()

    return on_key


class VirtualCamera:
    """A camera that other programs can choose. What makes one is installed by its user: pyvirtualcam and a driver."""

    def __init__(self, rate: Fraction) -> None:
        """Raises OpenPortraitError where pyvirtualcam is missing."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise OpenPortraitError(
                "a virtual camera needs pyvirtualcam, which is no part of this package (its licence is the GPL); "
                "install it with: pip install pyvirtualcam"
            ) from error
        self._open: Callable[..., Any] = pyvirtualcam.Camera
        self._rate = rate
        self._camera: Any = None

    def show(self, image: Image) -> None:
        """Send the newest picture; with even sides, as drivers want it. Raises OpenPortraitError without a driver."""
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        try:
            if self._camera is None:
                self._camera = self._open(width=even.shape[1], height=even.shape[0], fps=float(self._rate))
            self._camera.send(even)
        except RuntimeError as error:
            raise OpenPortraitError(
                f"the virtual camera cannot be used ({told(error)}); "
                "install its driver: v4l2loopback on Linux, OBS elsewhere"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._camera is not None:
            self._camera.close()
