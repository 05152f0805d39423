"""`openportrait live`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import emit, say
from openportrait.cli.flags import Output, Short, Values, flags
from openportrait.errors import OptionError
from openportrait.options import (
    LIVE_SIZE,
    OF_CLIPS,
    CropOptions,
    EngineOptions,
    FaceOptions,
    LiveOptions,
    MotionOptions,
    Options,
    OutputOptions,
)

if TYPE_CHECKING:
    from openportrait.cli.screens import Screen, Window
    from openportrait.media.camera import Camera
    from openportrait.pipeline.live import LiveSession

_CROP = tuple(item.name for item in fields(CropOptions) if item.name not in ("crop_driving", "max_gigapixels"))
_MOTION = tuple(item.name for item in fields(MotionOptions) if item.name not in OF_CLIPS)
_PAUSE_SECONDS = 0.05
"""How long a key or a signal waits at most."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """Have a portrait follow a camera, in a window and, for video calls, as a virtual camera.

    The first face seen counts as at rest; the key n takes the face as it is now for that. The key q or Ctrl-C ends it.
    The path of a recording goes to stdout.
    """

    source: Annotated[Path, Short("-s"), Doc("Portrait: a picture.")]
    output: Annotated[Output, Doc("Record what is shown into this file, with the times at which it was shown.")] = None
    live: Annotated[Values, flags(LiveOptions)]
    engine: Annotated[Values, flags(EngineOptions, max_crop=LIVE_SIZE)]
    faces: Annotated[Values, flags(FaceOptions, only=("face", "driving_face", "detection_threshold"))]
    crop: Annotated[Values, flags(CropOptions, only=_CROP, max_size=LIVE_SIZE)]
    motion: Annotated[Values, flags(MotionOptions, only=_MOTION)]
    files: Annotated[Values, flags(OutputOptions, only=("quality", "background", "provenance"))]

    def run(self) -> None:
        """Follow the camera until told to stop."""
        wanted = LiveOptions(**self.live)
        if not (wanted.preview or wanted.virtual_camera or self.output):
            raise OptionError("nothing would show the portrait; leave out --no-preview, or give --virtual-camera or -o")
        options = Options.of(**(self.engine | self.faces | self.crop | self.motion | self.files))
        with leaving.orderly(), ExitStack() as opened:
            Follow(self.source, wanted, options, self.output, opened).run()


class Follow:
    """A portrait that follows a camera, with its window, virtual camera and recording."""

    def __init__(
        self, source: Path, wanted: LiveOptions, options: Options, output: Path | None, opened: ExitStack
    ) -> None:
        """`opened` closes what is opened here: the camera, the window, the recording.

        Raises OpenPortraitError where one of them is not to be had.
        """
        from openportrait.cli.screens import VirtualCamera, Window
        from openportrait.media import check_output, check_suffix
        from openportrait.media.camera import open_camera
        from openportrait.pipeline.live import LiveSession

        inputs = [source, Path(wanted.camera)]
        if output is not None:
            check_suffix(output, still=False)
            check_output(output, inputs)
        self._camera: Camera = opened.enter_context(open_camera(wanted.camera, mirror=wanted.mirror))
        self._ended = False
        self._window: Window | None = None
        self._screens: list[Screen] = []
        if wanted.preview:
            keys = {"q": self._end, "Escape": self._end, "n": self._recentre}
            self._window = opened.enter_context(Window("OpenPortrait – n: neutral, q: end", keys, self._end))
            self._screens.append(self._window)
        if wanted.virtual_camera:
            self._screens.append(opened.enter_context(VirtualCamera(self._camera.rate)))
        self._session: LiveSession = LiveSession(source, options)
        self._output = output
        if output is not None:
            self._session.record(output, rate=self._camera.rate, inputs=inputs)
            opened.callback(self._session.finish)

    def run(self) -> None:
        """Until it is ended, by a key, a signal or the end of a clip. Raises MediaError where the camera is lost."""
        say(f"following {self._camera.name} with the {self._session.engine} engine; stop it with Ctrl-C")
        delays: list[float] = []
        faces, start = 0, time.monotonic()
        try:
            while not (self._ended or leaving.asked() or self._camera.ended):
                seen = self._camera.newest(_PAUSE_SECONDS)
                if seen is None:
                    if self._window is not None:
                        self._window.answer()
                    continue
                picture = self._session(seen.image, seen.seconds)
                for screen in self._screens:
                    screen.show(picture.image)
                faces += picture.face_seen
                delays.append(time.monotonic() - seen.seconds)
        finally:
            _tell(delays, faces, time.monotonic() - start)
            self._finish()

    def _finish(self) -> None:
        if self._output is not None and self._session.finish():
            emit(self._output)

    def _end(self) -> None:
        self._ended = True

    def _recentre(self) -> None:
        self._session.recentre()


def _tell(delays: list[float], faces: int, seconds: float) -> None:
    """How many pictures there were, how quick they came and how long each took."""
    if not delays:
        return
    inorder = sorted(delays)
    middle, slow = (round(inorder[int(share * (len(inorder) - 1))] * 1000) for share in (0.5, 0.95))
    say(
        f"{len(delays)} frames in {seconds:.1f} s, {len(delays) / seconds:.1f} frames/s; "
        f"from camera to picture {middle} ms, 95 % within {slow} ms"
    )
    if not faces:
        say("note: the camera showed no face; see that yours is in its view, or lower --detection-threshold")
