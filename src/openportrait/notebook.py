"""Shows results, pictures and progress in notebooks. IPython is used where it runs, but not required."""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
import time
from contextlib import closing, suppress
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import open_clip, open_writer
from openportrait.media.pixels import fitted
from openportrait.media.stills import on_white
from openportrait.records import Frame, Image, Progress, Result
from openportrait.scaling import resized

MOST_EMBEDDED_BYTES = 16 * 2**20
"""A file up to so large is put into the notebook, where it grows by a third: some twenty seconds of 1080 lines."""
SHOWN_SIZE = 1024
"""Longer side of a picture in a notebook, px; larger ones are shown reduced."""
REDRAW_SECONDS = 0.2
"""Progress is drawn anew so often at most: each time a message goes to the browser."""
_PNG_LEVEL = 1
"""zlib's fastest: the file goes to this machine's browser."""
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
}
"""What every browser shows."""
_CLIPS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}
"""What every browser plays."""
_STYLE = "max-width:100%;max-height:70vh"


def png(image: Image, alpha: Image | None = None) -> bytes:
    """A picture (H, W, 3) with alpha (H, W) as a PNG file, its longer side at most SHOWN_SIZE px: `_repr_png_`."""
    picture = Frame(image, alpha=alpha).pixels
    width, height = fitted(picture.shape[1], picture.shape[0], SHOWN_SIZE)
    content = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(resized(picture, width, height))).save(
        content, "PNG", compress_level=_PNG_LEVEL
    )
    return content.getvalue()


def picture_html(image: Image, alpha: Image | None = None) -> str:
    """The same as an element of a page."""
    return _element("image/png", png(image, alpha))


def result_html(result: Result) -> str:
    """A finished job: its picture, or its clip to play, and what is to be said of it.

    Files larger than MOST_EMBEDDED_BYTES, and kinds that browsers do not play, are a still and a link. Of a result
    without an output, a copy is shown that browsers play.
    """
    noun = "picture" if result.rate is None else "frame"
    count = f"{result.frames} {noun}{'' if result.frames == 1 else 's'}"
    name = f"{_link(result.path)}: " if result.keeper is None else ""
    lines = [
        f"{name}{count} in {result.seconds:.1f} s with the {_text(result.engine)} engine",
        *(f"{title}: {_link(path)}" for title, path in _besides(result)),
        *(f"note: {_text(warning)}" for warning in result.warnings),
    ]
    shown = _shown(result.path) if result.keeper is None or result.rate is None else _copied(result)
    return f"<figure style='margin:0'>{shown}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _besides(result: Result) -> list[tuple[str, Path]]:
    made = (("side by side", result.side_by_side), ("template", result.template))
    return [(title, path) for title, path in made if path is not None]


def _link(path: Path) -> str:
    return f"<a href='{quote(os.fsencode(path))}'>{_text(str(path))}</a>"


def _text(value: str) -> str:
    """Text of a page. Names of files may hold bytes that are no text, which no notebook can be sent."""
    return escape(value.encode("utf-8", "replace").decode())


def _shown(path: Path) -> str:
    """The file itself, else its first picture; nothing where it cannot be read any more."""
    kind = (_PICTURES | _CLIPS).get(path.suffix.lower())
    with suppress(OSError):
        if kind is not None and path.is_file() and path.stat().st_size <= MOST_EMBEDDED_BYTES:
            return _element(kind, path.read_bytes())
    with suppress(MediaError, StopIteration), open_clip(path, max_size=SHOWN_SIZE) as clip:
        frame = next(iter(clip))
        return picture_html(frame.image, frame.alpha)
    return ""


def _copied(result: Result) -> str:
    """A clip that browsers do not play, encoded anew."""
    assert result.rate is not None, "only clips come here"
    with tempfile.TemporaryDirectory(prefix="openportrait-") as folder:
        path = Path(folder) / "shown.mp4"
        with open_writer(path, rate=result.rate) as writer, closing(result.pictures()) as pictures:
            for picture in pictures:
                writer.write(on_white(picture[..., :3], picture[..., 3] if picture.shape[2] == 4 else None))
        return _shown(path)


def _element(kind: str, content: bytes) -> str:
    source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    if kind in _CLIPS.values():
        return f"<video controls loop style='{_STYLE}' src='{source}'></video>"
    return f"<img style='{_STYLE}' src='{source}'>"


def in_notebook() -> bool:
    """Whether this code runs in a cell of Jupyter, or in another front end that shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class ProgressBar:
    """A callback that shows in the output of a cell how far a job is. Only for where `in_notebook` is."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._stage = ""
        self._start = self._next = 0.0

    def __call__(self, now: Progress) -> None:
        """Draw the bar anew; not at every frame, but the last one."""
        from IPython.display import HTML, display

        seconds = time.monotonic()
        if now.stage != self._stage:
            self._stage, self._start, self._next = now.stage, seconds, seconds
        if seconds < self._next and now.done != now.total:
            return
        self._next = seconds + REDRAW_SECONDS
        drawn = HTML(_bar(now, seconds - self._start))
        if self._handle is None:
            self._handle = display(drawn, display_id=True)
        else:
            self._handle.update(drawn)


def _bar(now: Progress, elapsed_seconds: float) -> str:
    if now.total is None:
        return f"{now.title}: {now.done} frames"
    minutes, seconds = divmod(round(elapsed_seconds / max(now.done, 1) * (now.total - now.done)), 60)
    left = f", {minutes}:{seconds:02} left" if now.done < now.total else ""
    return (
        f"<progress value='{now.done}' max='{now.total}'></progress> {now.title}: {now.done}/{now.total} frames{left}"
    )
