"""What a visitor may hand in, and how a refusal is worded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from openportrait.errors import Cancelled, MediaError, OpenPortraitError, OptionError
from openportrait.expressions import Timeline
from openportrait.media import probe
from openportrait.templates import is_template, load_template
from openportrait.web.options import WebOptions

MEGABYTE = 1_000_000


def given(path: str | None, what: str) -> Path:
    """The uploaded file. Raises OptionError where there is none."""
    if not path:
        raise OptionError(f"there is no {what} yet; add one")
    return Path(path)


def check_upload(path: Path, limits: WebOptions) -> None:
    """Whether a file may be used, by its content. Raises MediaError or TemplateError."""
    if not path.exists():
        raise MediaError(f"{path} is no longer here; add it again")
    megabytes = path.stat().st_size / MEGABYTE
    if megabytes > limits.max_upload_mb:
        raise MediaError(f"{path} has {megabytes:.0f} MB, the limit is {limits.max_upload_mb}; choose a smaller one")
    if is_template(path):
        template = load_template(path)
        seconds: float | None = float(len(template.motions) / template.rate)
    else:
        info = probe(path)
        seconds = info.duration_seconds
        megapixels = info.width * info.height / 1e6
        if megapixels > limits.max_megapixels:
            raise MediaError(
                f"{path} has {megapixels:.1f} megapixels, the limit is {limits.max_megapixels:g}; reduce it first"
            )
    check_seconds(seconds, limits, str(path))


def check_seconds(seconds: float | None, limits: WebOptions, where: str) -> None:
    """Raises MediaError for a clip that is known to be too long."""
    if seconds is not None and seconds > limits.max_seconds:
        raise MediaError(f"{where} lasts {seconds:.0f} s, the limit is {limits.max_seconds:g} s; cut it first")


def check_timeline(timeline: Timeline, limits: WebOptions) -> None:
    """Raises MediaError for one that plays too long."""
    check_seconds(timeline.keys[-1].seconds, limits, "the timeline")


def label(name: str) -> str:
    """An option's name as a control shows it."""
    return name.replace("_", " ").capitalize()


def plainly(error: OpenPortraitError, root: Path) -> str:
    """The message for a visitor: no folders of this machine, labels instead of flags."""
    text = re.sub(rf"{re.escape(str(root))}(/[^/\s]+)*/", "", str(error))
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda flag: f"“{label(flag[1].replace('-', '_'))}”", text)


@contextmanager
def shown(root: Path) -> Iterator[None]:
    """Errors of the product become one clear message in the page."""
    try:
        yield
    except Cancelled:
        raise
    except OpenPortraitError as error:
        raise gr.Error(plainly(error, root), print_exception=False, title="That did not work") from error
    except MemoryError as error:
        raise gr.Error("Not enough memory; lower “Max size” or “Max crop”.", print_exception=False) from error
