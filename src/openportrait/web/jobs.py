"""A job in a thread of its own, watched from the page: how far it is, how fast, and a picture of it."""

from __future__ import annotations

import base64
import html
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from openportrait.errors import Cancelled, MediaError
from openportrait.pipeline import CancelCheck, ProgressCallback
from openportrait.records import Image, Progress, Result
from openportrait.web.checks import plainly
from openportrait.web.line import Line
from openportrait.web.options import WebOptions

Work = Callable[[ProgressCallback, CancelCheck], Result]

LOOK_SECONDS = 0.25
"""From one look at a running job to the next."""
STOP_SECONDS = 0.7
"""How long a stopped job is waited for before the page says so."""
FASTEST_RATE = 120
"""Frames a second; a clip of unknown length is held to the limit as if it had so many."""
PREVIEW_SIZE, PREVIEW_QUALITY = 360, 80


@dataclass(eq=False)
class Job:
    """A job that a visitor asked for. It waits in line, runs and ends whether or not a page shows it."""

    tab: str
    """Of the page; empty for one of the HTTP API."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the page's controls showed when it was asked for."""
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    since: float = 0.0
    """When this stage began, s of the monotonic clock."""
    waits: bool = True
    """Whether its turn has not come yet."""
    future: Future[Result] | None = None
    """Its result, once it has been started."""
    saved: tuple[Path, ...] = ()
    """Its files as they lie in the folder of results."""

    def start(self, work: Work, visitor: str, line: Line, limits: WebOptions) -> None:
        """Do `work` when its turn has come. Raises OptionError where the visitor has too many jobs."""
        place = line.join(visitor)

        def done() -> Result:
            try:
                while not place.turn.wait(LOOK_SECONDS):
                    if self.stop.is_set():
                        raise Cancelled("stopped before it began")
                self.waits = False
                return work(tell, self.stop.is_set)
            finally:
                line.leave(place)

        def tell(now: Progress) -> None:
            if self.progress is None or self.progress.stage != now.stage:
                self.since = time.monotonic()
            if now.done > limits.max_seconds * FASTEST_RATE:
                raise MediaError(f"the clip has more than {now.done - 1} frames, which is the limit; cut it first")
            self.progress = now

        pool = ThreadPoolExecutor(1)
        self.future = pool.submit(done)
        pool.shutdown(wait=False)

    def news(self) -> Iterator[str | Result]:
        """HTML of where it is now and then, at last its result.

        Raises what the work raises; Cancelled soon after `stop` is set. The next job's turn comes when the work has
        ended, not before.
        """
        assert self.future is not None, "only a job that was started has news"
        while not wait([self.future], LOOK_SECONDS).done:
            if self.stop.is_set() and not wait([self.future], STOP_SECONDS).done:
                raise Cancelled("stopped on request; nothing was written")
            yield panel("Waiting for its turn …") if self.waits else told(self)
        yield self.future.result()

    @property
    def result(self) -> Result | None:
        """What it made, as long as that is there."""
        if self.future is None or not self.future.done() or self.future.cancelled() or self.future.exception():
            return None
        made = self.future.result()
        return made if made.path.exists() else None


def told(job: Job) -> str:
    """The panel of a running job: frames done, rate, time left, the newest picture."""
    now = job.progress
    if now is None:
        return panel("Looking for faces …")
    seconds = time.monotonic() - job.since
    rate = (now.done - 1) / seconds if seconds > 0 and now.done > 1 else 0.0
    parts = [f"{now.done} of {now.total} frames" if now.total else f"{now.done} frames"]
    if rate:
        parts.append(f"{rate:.1f} frames/s")
    if rate and now.total:
        parts.append(f"{clock((now.total - now.done) / rate)} left")
    share = now.done / now.total if now.total else None
    return panel(now.title, " · ".join(parts), share=share, picture=now.frame)


def panel(
    title: str, line: str = "", *, share: float | None = None, picture: Image | None = None, alert: bool = False
) -> str:
    """HTML of a status: a title, a line, a bar (0..1) and a picture; `alert`: of something that went wrong."""
    bar = f'<progress max="1" value="{min(share, 1.0):.3f}"></progress>' if share is not None else ""
    image = f'<img alt="The newest frame" src="{data_url(reduced(picture))}">' if picture is not None else ""
    return (
        f'<div class="op-status" role="{"alert" if alert else "status"}"><b>{html.escape(title)}</b>'
        f"<span>{html.escape(line)}</span>{bar}{image}</div>"
    )


def finished(result: Result, root: Path, saved: Sequence[Path] = ()) -> str:
    """The panel of a finished job. `root`: the folder of the app's files, of which nothing is told."""
    frames = "1 picture" if result.rate is None else f"{result.frames} frames"
    speed = f", {result.frames / result.seconds:.1f} frames/s" if result.frames > 1 and result.seconds else ""
    notes = "".join(f"<span>Note: {html.escape(plainly(warning, root))}</span>" for warning in result.warnings[:5])
    if saved:
        notes += f"<span>Saved as {html.escape(str(saved[0]))}</span>"
    body = panel("Done", f"{frames} in {result.seconds:.1f} s{speed} with the {result.engine} engine")
    return body.replace("</div>", f"{notes}</div>")


def clock(seconds: float) -> str:
    """`0:07`, `12:30`."""
    whole = max(round(seconds), 0)
    return f"{whole // 60}:{whole % 60:02d}"


def reduced(image: Image, size: int = PREVIEW_SIZE) -> Image:
    """The picture with its longer side at most `size` px."""
    factor = size / max(image.shape[:2])
    if factor >= 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def jpeg(image: Image, quality: int = PREVIEW_QUALITY) -> bytes:
    """(H, W, 3) RGB as JPEG."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return bytes(encoded.tobytes())


def data_url(image: Image, quality: int = PREVIEW_QUALITY) -> str:
    """The picture as part of a page."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, quality)).decode('ascii')}"
