"""The tab in which camera or microphone drive a portrait, and the route on which pictures and sound come and go."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

import gradio as gr
import numpy as np
from anyio import CapacityLimiter, to_thread
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import Response

from openportrait.errors import MediaError, OpenPortraitError, OptionError
from openportrait.media import Samples
from openportrait.options import (
    LIVE_SIZE,
    OF_CLIPS,
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    Options,
    SpeechOptions,
)
from openportrait.pipeline.live import LiveSession
from openportrait.pipeline.preview import preview_source
from openportrait.records import Image
from openportrait.web.checks import plainly
from openportrait.web.context import AT_ONCE, WORK, Context
from openportrait.web.controls import Controls
from openportrait.web.examples import portraits
from openportrait.web.faces import FacePicker
from openportrait.web.jobs import jpeg
from openportrait.web.offered import offer
from openportrait.web.page import handed_in
from openportrait.web.sessions import Sessions

TAB = "live"
ROUTE = "/openportrait/live"
MAX_FRAME_PIXELS = 4_000_000
AT_WORK = 16
"""Camera frames that are animated at once, of all sessions; files are served by other threads."""
FRAME_QUALITY = 85
MAX_SOUND_SECONDS = 2.0
"""Longest piece of sound: the page sends what came in since its last one, at most a second."""
SOUND = re.compile(r"audio/l16;rate=(?P<rate>\d{4,6})")
CAMERA, MICROPHONE = "Camera", "Microphone"
ASSETS = files("openportrait") / "assets" / "web"
RECORDING = '<p class="op-recording" role="status">Recording</p>'
FIRST = ("region", "multiplier")
MOVES = tuple(item.name for item in fields(MotionOptions) if item.name not in (*FIRST, *OF_CLIPS))
VIEW = ["detection_threshold", "crop_source", "source_scale", "source_shift_x", "source_shift_y", "max_size"]


def live_tab(context: Context) -> None:
    """Lay out the tab and connect it."""
    moves, controls = Controls(TAB), Controls(TAB)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280, scale=2):
            source = handed_in(
                gr.File(label="Portrait: a picture", file_types=["image", ".heic"], height=140, elem_id="live-source")
            )
            offer(context, TAB, portraits(), source)
            faces = FacePicker(context, preview_source, "portrait", "live-source")
            by = gr.Radio([CAMERA, MICROPHONE], value=CAMERA, label="Driven by", elem_id="live-by")
            moves.add(MotionOptions, only=FIRST)
        with gr.Column(min_width=300, scale=3, elem_classes="op-first"):
            stage = _stage()
    with gr.Accordion("Options", open=False, elem_id="live-options"):
        moves.group(MotionOptions, only=MOVES)
        controls.group(SpeechOptions, only=("liveliness",))
        controls.group(FaceOptions, only=("face", "driving_face", "detection_threshold"))
        controls.group(
            CropOptions,
            only=[item.name for item in fields(CropOptions) if item.name != "crop_driving"],
            max_size=LIVE_SIZE,
        )
        controls.group(EngineOptions, **{**vars(context.engine), "max_crop": LIVE_SIZE})
    faces.connect(controls, [source], "face", VIEW)
    tab = LiveTab(context, moves, controls)
    stage.start.click(
        tab.start,
        [source, by, *moves.components, *controls.components],
        [stage.picture, stage.recording, *stage.states],
        show_progress="minimal",
        **WORK,
    )
    stage.stop.click(tab.stop, None, [stage.picture, stage.recording, *stage.states], **AT_ONCE)
    stage.neutral.click(tab.recentre, None, None, **AT_ONCE)
    stage.record.click(tab.record, None, stage.states, **AT_ONCE)
    stage.finish.click(tab.finish, None, [stage.recording, *stage.states], **AT_ONCE)
    gr.on([each.change for each in moves.components], tab.configure, moves.components, None, **AT_ONCE)


@dataclass(frozen=True)
class Stage:
    """The portrait as it moves, and the buttons below it."""

    picture: Any
    start: Any
    stop: Any
    neutral: Any
    record: Any
    finish: Any
    badge: Any
    recording: Any

    @property
    def states(self) -> list[Any]:
        """What shows the state of a session, in the order of `_possible`."""
        return [self.badge, self.stop, self.neutral, self.record, self.finish]


def _stage() -> Stage:
    picture = gr.HTML(
        None,
        html_template=(ASSETS / "live.html").read_text("utf-8"),
        js_on_load=(ASSETS / "live.js").read_text("utf-8"),
        elem_id="live-stage",
    )
    with gr.Row(elem_classes="op-buttons"):
        start = gr.Button("Start", variant="primary", elem_id="live-start", size="md", min_width=90)
        stop = gr.Button("Stop", variant="stop", elem_id="live-stop", interactive=False, size="md", min_width=90)
        neutral = gr.Button("This is neutral", elem_id="live-neutral", interactive=False, size="md", min_width=120)
        record = gr.Button("Record", elem_id="live-record", interactive=False, size="md", min_width=90)
        finish = gr.Button("End recording", elem_id="live-finish", interactive=False, size="md", min_width=120)
    badge = gr.HTML(RECORDING, visible=False, elem_id="live-badge")
    recording = gr.Video(
        label="Recording",
        interactive=False,
        visible=False,
        autoplay=True,
        buttons=["download"],
        elem_id="live-recording",
    )
    return Stage(picture, start, stop, neutral, record, finish, badge, recording)


class LiveTab:
    """What the tab's events do."""

    def __init__(self, context: Context, moves: Controls, controls: Controls) -> None:
        self._context, self._moves, self._controls = context, moves, controls

    def start(self, request: gr.Request, source: str | None, by: str, *values: Any) -> tuple[Any, ...]:
        """Measure the portrait; the page's script then sends frames, or sound, to a secret address."""
        from openportrait.speech import LOOK_AHEAD_SECONDS  # loads scipy, which the page does not need to be shown

        session = self._context.session(request)
        count = len(self._moves.by_name)
        chosen = {**self._moves.values(values[:count]), **self._controls.values(values[count:])}
        portrait = self._context.upload(source, "portrait")
        if session.live is not None:
            session.live.finish()
        session.live = LiveSession(portrait, Options.of(**self._context.options(chosen)))
        session.live_token = secrets.token_urlsafe(32)
        address, speaks = f"{ROUTE}/{session.live_token}", by == MICROPHONE
        shown = {"address": address, "engine": session.live.engine, "speaks": speaks, "ahead": LOOK_AHEAD_SECONDS}
        return shown, gr.update(visible=False), *_possible(runs=True)

    def stop(self, request: gr.Request) -> tuple[Any, ...]:
        """End; a running recording is completed."""
        recording = self._recorded(request)
        session = self._context.session(request)
        session.live, session.live_token = None, ""
        return None, recording, *_possible(runs=False)

    def recentre(self, request: gr.Request) -> None:
        """The face as it is now counts as at rest."""
        self._running(request).recentre()

    def record(self, request: gr.Request) -> list[Any]:
        """Write what is shown from now on."""
        path = self._context.session(request).room() / "live.mp4"
        self._running(request).record(path, max_seconds=self._context.limits.max_seconds)
        self._context.session(request).recording = path
        return _possible(runs=True, records=True)

    def finish(self, request: gr.Request) -> tuple[Any, ...]:
        """End the recording and show it."""
        return self._recorded(request), *_possible(runs=self._context.session(request).live is not None)

    def _recorded(self, request: gr.Request) -> Any:
        session = self._context.session(request)
        path, session.recording = session.recording, None
        frames = session.live.finish() if session.live is not None else 0
        return gr.update(value=str(path), visible=True) if frames else gr.skip()

    def configure(self, request: gr.Request, *values: Any) -> None:
        """Region, multiplier and so on, while it runs."""
        live = self._context.session(request).live
        if live is not None:
            live.configure(MotionOptions(**self._moves.values(values)))

    def _running(self, request: gr.Request) -> LiveSession:
        live = self._context.session(request).live
        if live is None:
            raise OptionError("nothing is running; press “Start” first")
        return live


def _possible(*, runs: bool, records: bool = False) -> list[Any]:
    """The mark of a recording, and which buttons are enabled: stop, neutral, record, end of the recording."""
    able = (runs, runs, runs and not records, records)
    return [gr.update(visible=records), *(gr.update(interactive=each) for each in able)]


def frame_route(sessions: Sessions) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The endpoint that takes a camera frame as JPEG, or a piece of sound, and answers with the portrait as JPEG.

    204 where another one of the session is waiting already: they are dropped, never queued.
    """
    waiting: dict[str, int] = {}
    threads = CapacityLimiter(AT_WORK)

    async def answer(request: Request) -> Response:
        token = str(request.path_params["token"])
        live = sessions.live(token)
        if live is None:
            return Response(status_code=404)
        body = await request.body()
        if waiting.get(token, 0) >= 2:
            return Response(status_code=204)
        waiting[token] = waiting.get(token, 0) + 1
        try:
            kind = request.headers.get("content-type", "")
            return await to_thread.run_sync(_animate, live, body, kind, sessions, limiter=threads)
        finally:
            waiting[token] -= 1
            if not waiting[token]:
                del waiting[token]

    return answer


def _animate(live: LiveSession, body: bytes, kind: str, sessions: Sessions) -> Response:
    sound = SOUND.fullmatch(kind)
    try:
        picture = live.speak(samples(body, int(sound["rate"]))) if sound else live(decoded(body))
    except OpenPortraitError as error:
        return Response(plainly(error, sessions.root), status_code=422, media_type="text/plain")
    headers = {"X-Face": "1" if picture.face_seen else "0", "Cache-Control": "no-store"}
    return Response(jpeg(picture.image, FRAME_QUALITY), media_type="image/jpeg", headers=headers)


def samples(body: bytes, rate: int) -> Samples:
    """Numbers of 16 bits, little-endian, of one channel. Raises OptionError for anything else, or for too many."""
    if not body or len(body) % 2 or len(body) > MAX_SOUND_SECONDS * rate * 2:
        raise OptionError("the microphone sent no sound; try another browser")
    return Samples(np.frombuffer(body, "<i2").astype(np.int16), rate)


def decoded(body: bytes) -> Image:
    """(H, W, 3) RGB. Raises MediaError for anything but a picture of sensible size."""
    try:
        with PillowImage.open(io.BytesIO(body), formats=("JPEG", "PNG", "WEBP")) as picture:
            if picture.width * picture.height > MAX_FRAME_PIXELS:
                raise MediaError("the camera's frames are too large; choose a lower resolution")
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise MediaError("the camera sent no picture; try another browser") from error
