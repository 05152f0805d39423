"""A still portrait that follows a camera frame by frame, or speaks a sound as it comes in."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openportrait.engines.base import Canvas, Engine, Shot
from openportrait.errors import OptionError
from openportrait.faces import Box, LiveFace, LiveTracker, crop_box, ratios
from openportrait.media import Samples, Writer, open_writer, picture_of
from openportrait.media.provenance import synthetic
from openportrait.media.stills import on_white
from openportrait.motion import Corrections, LiveTransfer, keypoints
from openportrait.options import MotionOptions, Options
from openportrait.pipeline.background import Background
from openportrait.pipeline.driving import DRIVING_SIZE, driving_box
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.job import Base
from openportrait.pipeline.render import Picture, Pose, pastes_back
from openportrait.pipeline.source import AnySource, Sitter, SourceFace, is_still, open_source, path_of
from openportrait.pipeline.tools import Tools
from openportrait.records import Face, FaceCrop, Image, Motion, Ratios

if TYPE_CHECKING:
    from openportrait.pipeline.speaking import LiveSpeech

RECORDING_RATE = Fraction(25)
"""Frames a second of a recording, where nothing is known of the camera's."""
LONGEST_PAUSE_SECONDS = 1.0
"""A longer pause of the camera is recorded with this length."""


@dataclass(frozen=True, eq=False)
class LivePicture:
    """The portrait after a camera frame."""

    image: Image
    """(H, W, 3): the whole picture, or the face crop where nothing is pasted back."""
    face_seen: bool
    """Whether the camera shows a face; where not, the last picture stands still."""


class LiveSession:
    """Turns camera frames into pictures of the portrait. The first face seen counts as at rest.

    Calls from several threads run one after the other.
    """

    def __init__(self, source: AnySource, options: Options, tools: Tools | None = None) -> None:
        """Raises MediaError, NoFaceError, OptionError or what the engine raises."""
        if not is_still(source, options):
            raise OptionError(f"{path_of(source)} is a clip; live animation takes a picture")
        self.options = options
        tools = tools or Tools.load(options.engine)
        self._engine = tools.engine
        found = open_source(source, tools, options, Watch())
        self._scene, self._faces = next(found.scenes()), found.faces
        self._tracker = LiveTracker(tools.finder(options.faces), options.faces.driving_face)
        self._neutral: Motion | None = None
        self._box: Box | None = None
        self._background = Background(options.output)
        self._last = self._shown(self._scene.frame.pixels if pastes_back(options) else self._sitters[0].crop.pixels)
        self._recorder: Recorder | None = None
        self._speech: LiveSpeech | None = None
        self._lock = threading.Lock()
        self._follow()

    @property
    def engine(self) -> str:
        """Name of the engine at work."""
        name: str = self._engine.name
        return name

    def __call__(self, camera: Image, seconds: float | None = None) -> LivePicture:
        """The portrait for the newest camera frame, (H, W, 3), and the moment it shows; none given: now."""
        with self._lock:
            now = time.monotonic() if seconds is None else seconds
            if self._speech is not None:
                self._speech = self._neutral = None
                self._follow()
            face = self._tracker.update(camera, now)
            if face is not None:
                self._last = self._animate(camera, face, now)
            return self._recorded(now, face_seen=face is not None)

    def drive(self, camera: Image, seconds: float | None = None) -> Image:
        """(H, W, 3) the portrait for a camera frame, (H, W, 3) RGB uint8, of the moment `seconds`; none given: now.

        Where the frame shows no face, the last picture stands still. Raises OptionError for what is no picture.
        """
        frame = np.ascontiguousarray(picture_of(camera, "frame")[..., :3])
        return self(frame, seconds).image

    def speak(self, sound: Samples, seconds: float | None = None) -> LivePicture:
        """The portrait speaks the newest piece of a sound, as from a microphone, instead of following a camera.

        The mouth is `speech.LOOK_AHEAD_SECONDS` late, as the network looks as far ahead. `seconds`: the moment at
        which the piece ends; none given: now. Raises OptionError where the pieces differ in rate or channels.
        """
        from openportrait.pipeline.speaking import LiveSpeech  # loads scipy, which a camera does not need

        with self._lock:
            if self._speech is None:
                self._speech = LiveSpeech(self._engine, self.options.speech)
                self._neutral = self._engine.layout.at_rest
                self._follow()
            motion, openness = self._speech(sound)
            # Not smoothed, so that lips which meet for a moment are seen to meet.
            self._last = self._moved(motion, openness, None, None)
            return self._recorded(time.monotonic() if seconds is None else seconds, face_seen=True)

    def recentre(self) -> None:
        """The next face seen counts as at rest."""
        with self._lock:
            if self._speech is None:
                self._neutral = self._box = None

    def configure(self, motion: MotionOptions) -> None:
        """Use these options from now on."""
        with self._lock:
            self.options = replace(self.options, motion=motion)
            self._follow()

    def record(
        self,
        path: Path,
        *,
        max_seconds: float = math.inf,
        rate: Fraction = RECORDING_RATE,
        inputs: Sequence[Path] = (),
    ) -> None:
        """Write what is shown from now on into `path`, until `finish`, at `rate` frames a second.

        Raises MediaError where it cannot be written, or would replace one of the `inputs`.
        """
        with self._lock:
            if self._recorder is None:
                wanted = self.options.output
                self._recorder = Recorder(
                    path,
                    wanted.quality,
                    max_seconds,
                    rate,
                    inputs,
                    synthetic(self.engine) if wanted.provenance else "",
                )

    def finish(self) -> int:
        """End the recording; how many frames it has. Without any, no file is written."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
            return recorder.finish() if recorder is not None else 0

    @property
    def _sitters(self) -> list[Sitter]:
        return [sitter for sitter in self._scene.sitters if sitter is not None]

    def _follow(self) -> None:
        engine, motion = self._engine, self.options.motion
        speaks = self._speech is not None
        self._followers = [LiveFollow(engine, motion, face, speaks=speaks) for face in self._faces]
        if self._neutral is not None:
            self._recentre(self._neutral)

    def _recentre(self, neutral: Motion) -> None:
        self._neutral = neutral
        for follower in self._followers:
            follower.transfer.recentre(neutral)

    def _animate(self, camera: Image, face: LiveFace, seconds: float) -> Image:
        crop = partial(self._driving_crop, camera, face.calm)
        motion = self._engine.reader.read_frame(face.calm, max(camera.shape[:2]), crop)
        if self._neutral is None:
            self._recentre(motion)
        if face.is_new:
            for follower in self._followers:
                follower.transfer.start_anew()
        return self._moved(motion, ratios(face.calm), seconds, FaceCrop.whole(camera, face.seen))

    def _moved(self, motion: Motion, openness: Ratios, seconds: float | None, driver: FaceCrop | None) -> Image:
        """The portrait with a driving motion, which is smoothed where its time is given."""
        poses = [follower(motion, openness, seconds) for follower in self._followers]
        shots = [
            Shot(sitter.appearance, pose.x_s, pose.x_d, driver)
            for sitter, pose in zip(self._sitters, poses, strict=True)
        ]
        if not pastes_back(self.options):
            return self._shown(self._engine.render(shots[:1])[0])
        places, frame = [sitter.crop.image_from_crop for sitter in self._sitters], self._scene.frame
        return self._shown(self._engine.paint([Canvas(frame.image, shots, places, frame.alpha)])[0])

    def _recorded(self, seconds: float, *, face_seen: bool) -> LivePicture:
        if self._recorder is not None:
            self._recorder.write(self._last, seconds)
        return LivePicture(self._last, face_seen)

    def _shown(self, painted: Image) -> Image:
        """(H, W, 3) what an engine painted before its background; on white where that is transparent."""
        whole = pastes_back(self.options)
        picture = Picture.finished(0, painted, self._scene.frame, self._background, whole=whole, driving=None)
        return on_white(picture.image, picture.alpha)

    def _driving_crop(self, camera: Image, face: Face) -> FaceCrop:
        """The face in one box from the neutral moment on."""
        if self._box is None:
            self._box = driving_box([face], self.options.crop)
        return crop_box(camera, face, self._box, DRIVING_SIZE)


class LiveFollow:
    """One face of the portrait: transfer, then corrections (SPEC §4, §5)."""

    def __init__(self, engine: Engine, options: MotionOptions, face: SourceFace, *, speaks: bool) -> None:
        """`speaks`: a sound moves the lips, see `Base`."""
        base = Base(engine, options, face, speaks=speaks)
        self.transfer = LiveTransfer(engine.layout, base.start(0), options, finish=partial(base.finished, 0))
        self._x_s = keypoints(face.motions[0], engine.layout)
        # The tracker's landmarks are smoothed already: motions that are as steady as these need it once.
        self._smooths = not engine.reader.is_steady
        self._ratios = face.ratios[0]
        self._correct = Corrections(engine, options, first_source=self._ratios, source_moves=False)

    def __call__(self, driving: Motion, openness: Ratios, seconds: float | None) -> Pose:
        """The keypoints for the driving face of the moment `seconds`; without one it is not smoothed."""
        x_d = self.transfer.x_driven(driving, seconds if self._smooths else None)
        return Pose(self._x_s, self._correct(self._x_s, x_d, self._ratios, openness, self.transfer.x_s))


class Recorder:
    """Pictures that come at any time, written at a constant rate."""

    def __init__(
        self,
        path: Path,
        quality: int,
        max_seconds: float,
        rate: Fraction = RECORDING_RATE,
        inputs: Sequence[Path] = (),
        description: str = "",
    ) -> None:
        """Raises MediaError where the place cannot be written."""
        self._open = ExitStack()
        self._writer: Writer = self._open.enter_context(
            open_writer(path, rate=rate, quality=quality, inputs=inputs, description=description)
        )
        self._rate = rate
        self._most = max_seconds * rate
        self._start: float | None = None
        self._last = 0.0

    def write(self, image: Image, seconds: float) -> None:
        """The picture shown from `seconds` on; repeated or left out, so that time passes as it did.

        A pause, in which the camera sent nothing, is cut to `LONGEST_PAUSE_SECONDS`.
        """
        if self._start is None:
            self._start = self._last = seconds
        self._start += max(seconds - self._last - LONGEST_PAUSE_SECONDS, 0.0)
        self._last = seconds
        # To the nearest: where pictures come at about the rate of the file, each has a place of its own.
        due = min(round((seconds - self._start) * self._rate) + 1, self._most)
        while self._writer.frames < due:
            self._writer.write(image)

    def finish(self) -> int:
        """Complete the file; how many frames it has. Without any, nothing is left."""
        if self._writer.frames:
            self._open.close()
        else:
            self._writer.__exit__(OptionError, OptionError("nothing was recorded"), None)
        return self._writer.frames
