"""Used by all commands: results go to stdout, everything else to stderr; also exit codes."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from openportrait import leaving
from openportrait.arguments import flags_typed
from openportrait.errors import Cancelled, OpenPortraitError, OptionError
from openportrait.files import told

if TYPE_CHECKING:
    from openportrait.records import Progress, Result

FAILED, USAGE, BROKEN_PIPE = 1, 2, 141
"""Exit codes: bad input, bad usage, and what a shell gives for a closed pipe."""


def emit(text: str | Path) -> None:
    """A line of the result, on stdout, at once. Raises OpenPortraitError where stdout cannot be written."""
    if sys.stdout is None:  # stdout was closed by the program that reads it: nobody wants the result.
        return
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        raise
    except OSError as error:
        _drop(sys.stdout)
        raise OpenPortraitError(f"stdout cannot be written ({error.strerror}); send it elsewhere") from error


def emit_json(value: Any) -> None:
    """The result as JSON, on stdout; in ASCII, which any encoding and any name of a file can pass."""
    emit(json.dumps(value, indent=2))


def say(text: str) -> None:
    """One line to the user, on stderr. What would break the line or command the terminal is shown by its escape."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text.strip())
    _tell(f"openportrait: {shown}\n")


def report(result: Result) -> None:
    """Tell on stderr how a job went and which files it made besides the result."""
    for warning in result.warnings:
        say(f"note: {warning}")
    for title, path in (("side by side", result.side_by_side), ("template", result.template)):
        if path is not None:
            say(f"{title}: {path}")
    noun = "picture" if result.rate is None else "frame"
    frames = f"{result.frames} {noun}{'' if result.frames == 1 else 's'}"
    say(f"{frames} in {result.seconds:.1f} s with the {result.engine} engine")


def finish(result: Result, engine: Mapping[str, Any], *, as_json: bool) -> None:
    """The end of a job: the report, then the result's path or all about it as JSON on stdout.

    `engine`: the engine options that were given. A user who did not choose an engine is told once how to get the
    other one.
    """
    report(result)
    if engine["engine"] == "auto" and result.engine == "mesh" and _is_first_time("engines"):
        from openportrait.engines import available

        for other in available():
            if not other.ready:
                say(f"for the {other.name} engine: {other.problem}")
    if as_json:
        emit_json(result.as_dict())
    else:
        emit(result.path)


def _is_first_time(hint: str) -> bool:
    """Whether a hint is given for the first time; notes that it was given. Where that cannot be noted, it is True
    each time."""
    from openportrait.weights.cache import cache_folder

    note = cache_folder() / f"told-{hint}"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def guarded(run: Callable[[], None]) -> int:
    """Run a command; errors become one line on stderr and an exit code."""
    warnings.showwarning = _show_warning
    # Libraries warn of large pictures, which are refused anyway, and of odd metadata, which is ignored.
    warnings.filterwarnings("ignore", module="PIL")
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        # Names of files are written with the bytes they have, whatever the encoding of the terminal.
        sys.stdout.reconfigure(encoding=sys.getfilesystemencoding(), errors=sys.getfilesystemencodeerrors())
    code, line = _outcome(run)
    # Later signals and errors change nothing: the line is printed once.
    leaving.ignore_signals()
    if line:
        say(line)
    return code


def _outcome(run: Callable[[], None]) -> tuple[int, str]:
    """The exit code, and what to say of it."""
    try:
        with flags_typed():
            run()
    except KeyboardInterrupt:
        return leaving.code(), "stopped; nothing was written"
    except Cancelled as stopped:
        return leaving.code(), str(stopped)
    except OpenPortraitError as error:
        return USAGE if isinstance(error, OptionError) else FAILED, f"error: {error}"
    except BrokenPipeError:
        return BROKEN_PIPE, ""
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return FAILED, f"error: {where}{told(error)}; check that it is there, and the limits and permissions here"
    except ImportError as error:
        return FAILED, f"error: {error}; raise the limit on memory, or install the package again"
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        return FAILED, "error: not enough memory; lower --max-size or --max-crop"
    return 0, ""


_OPENCV_NO_MEMORY = -4
"""`cv2.Error.StsNoMem`."""


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out: Python, OpenCV and PyTorch (device, CPU) each say so in their own way."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "code", None) == _OPENCV_NO_MEMORY
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def _drop(stream: TextIO) -> None:
    """Close a stream that failed, as Python would complain once more when it flushes it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _tell(text: str) -> None:
    """Write to stderr; nothing is done where it is closed or full."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: object = None,
) -> None:
    """A warning of a library as one of our lines, without the place in the code that Python would show."""
    say(f"note: {message}")


_CLEAR = "\r\x1b[K"
_REDRAW_SECONDS = 0.1
"""Between two drawings of the bar."""
_BAR_CELLS = 24
"""Characters of the bar."""


class ProgressLine:
    """A progress line on stderr, where that is a terminal."""

    def __init__(self) -> None:
        self._title = ""
        self._start = self._next = 0.0

    def show(self, title: str, done: float, total: float | None, unit: str, said: str = "") -> None:
        """`done` of `total` units; drawn anew every 0.1 s. `said` stands in place of the units a second."""
        now = time.monotonic()
        if title != self._title:
            self._title, self._start, self._next = title, now, now
        if now < self._next:
            return
        self._next = now + _REDRAW_SECONDS
        pace = done / (now - self._start) if now > self._start else 0.0
        parts = [title, f"{done:.0f}" if total is None else f"{_bar(done / total)} {done:.0f}/{total:.0f} {unit}"]
        if pace:
            parts.append(said or f"{pace:.1f} {unit}/s")
            if total is not None:
                minutes, seconds = divmod(max(round((total - done) / pace), 0), 60)
                parts.append(f"{minutes}:{seconds:02} left")
        _tell(_CLEAR + "  ".join(parts)[: os.get_terminal_size(2).columns - 1])

    def wipe(self) -> None:
        """Take the line away; it is drawn anew when there is more to show."""
        _tell(_CLEAR)


def _bar(share: float) -> str:
    full = min(round(share * _BAR_CELLS), _BAR_CELLS)
    return "━" * full + "─" * (_BAR_CELLS - full)


@contextmanager
def progress_line() -> Iterator[ProgressLine | None]:
    """A line that shows progress, removed at the end; None where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    try:
        yield ProgressLine()
    finally:
        _tell(_CLEAR)


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A callback that shows where a job is."""
    with progress_line() as line:

        def show(now: Progress) -> None:
            if line is not None:
                line.show(now.title, now.done, now.total, "frames")

        yield show
