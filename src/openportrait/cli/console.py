"""What the commands share: results on stdout, everything else on stderr, and the exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from openportrait.errors import Cancelled, OpenPortraitError, OptionError

if TYPE_CHECKING:
    from openportrait.records import Progress, Result

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE, TERMINATED = 1, 2, 130, 141, 143


def emit(text: str) -> None:
    """A line of the result, on stdout."""
    sys.stdout.write(f"{text}\n")


def emit_json(value: Any) -> None:
    """The result as JSON, on stdout."""
    emit(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """One line to the user, on stderr."""
    sys.stderr.write(f"openportrait: {' '.join(text.split())}\n")


def report(result: Result) -> None:
    """How a job went and what was made besides the result, on stderr."""
    for warning in result.warnings:
        say(f"note: {warning}")
    for title, path in (("side by side", result.side_by_side), ("template", result.template)):
        if path is not None:
            say(f"{title}: {path}")
    frames = "1 picture" if result.rate is None else f"{result.frames} frames"
    say(f"{frames} in {result.seconds:.1f} s with the {result.engine} engine")


def finish(result: Result, engine: Mapping[str, Any], *, as_json: bool) -> None:
    """The end of a job: the report, then the result's path or all about it as JSON on stdout.

    `engine`: the engine options that were given. Who left the choice open is told how to get the other engine.
    """
    report(result)
    if engine["engine"] == "auto" and result.engine == "mesh":
        from openportrait.engines import available

        for other in available():
            if not other.ready:
                say(f"for the {other.name} engine: {other.problem}")
    if as_json:
        emit_json(result.as_dict())
    else:
        emit(str(result.path))


def guarded(run: Callable[[], None]) -> int:
    """Run a command; what can go wrong becomes one line on stderr and an exit code.

    A termination signal unwinds the command as an interrupt does, so that it tidies up.
    """
    signal.signal(signal.SIGTERM, _terminated)
    warnings.showwarning = _show_warning
    try:
        run()
        sys.stdout.flush()
    except (Cancelled, KeyboardInterrupt):
        say("stopped; nothing was written")
        return INTERRUPTED
    except OpenPortraitError as error:
        say(f"error: {error}")
        return USAGE if isinstance(error, OptionError) else FAILED
    except MemoryError:
        say("error: not enough memory; lower --max-size or --max-crop")
        return FAILED
    except BrokenPipeError:
        # The reader of stdout has left; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return 0


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


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A callback that shows where a job is, on stderr; silent where that is no terminal."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[speed]}"),
        bars.TimeRemainingColumn(),
    )
    titles = {"analyse": "Reading the motion", "render": "Animating"}
    with bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, bars.TaskID] = {}

        def show(now: Progress) -> None:
            if now.stage not in tasks:
                tasks[now.stage] = bar.add_task(titles[now.stage], total=now.total, speed="")
            task = tasks[now.stage]
            speed = bar.tasks[task].speed
            bar.update(task, completed=now.done, total=now.total, speed=f"{speed:.1f} frames/s" if speed else "")

        yield show
