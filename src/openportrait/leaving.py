"""Ends a process that is told to stop before its work is done: it removes unfinished files, says so and ends.

Nothing is raised into the running code, which may be anywhere: in an import, in a `finally`, holding a lock.
The process leaves from within the signal's handler; only where work wants an end in order (`orderly`), the first
signal is left to it: it looks at `asked` now and then. A second signal never waits.

This is how programs of this package answer signals; used as a library, it installs no handlers. Little is imported
here, so that the handlers are in place before anything else is.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType
    from typing import NoReturn
else:
    # What `signal` is built on. `signal` itself first makes enumerations of the numbers; in these 10 ms a signal
    # would find no answer.
    import _signal as signal

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_FIRST_CODE = 128
"""A process ended by signal n has the exit code 128 + n: 130, 143 and 129."""
_CLEAR_LINE = "\r\x1b[K"
"""Clears a progress line of a terminal."""

_unfinished: dict[Path, Callable[[Path], None]] = {}
_orderly: list[_Orderly] = []
_undivided: list[_Undivided] = []
_asked: int | None = None
_finished = False
_words = "stopped; nothing was written"


def answer_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end this process cleanly, except those it was started to ignore."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _answer)


def ignore_signals() -> None:
    """Ignore signals: the process is about to end by itself, and prints nothing more."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _answer:
            signal.signal(number, signal.SIG_IGN)


def asked() -> bool:
    """Whether a signal asked this process to stop, and an end in order is wanted."""
    return _asked is not None


def code() -> int:
    """The exit code of a process that stops before its work is done."""
    return _FIRST_CODE + (_asked or signal.SIGINT)


def say_instead(words: str) -> None:
    """Set the line that is printed on leaving, for work of which something is kept."""
    global _words  # noqa: PLW0603 - of the process, as its signals are
    _words = words


def unfinished(path: Path, remove: Callable[[Path], None]) -> None:
    """Register `path`, which is about to be made: if the process leaves early, `remove` removes it, the newest path
    first."""
    _unfinished[path] = remove


def finished(*paths: Path) -> None:
    """Forget these paths: they may stay, or are gone already."""
    for path in paths:
        _unfinished.pop(path, None)


class _Orderly:
    """See `orderly`."""

    def __enter__(self) -> None:
        _orderly.append(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        global _finished  # noqa: PLW0603 - of the process, as its signals are
        # This comes first, so that no signal can arrive in between.
        _finished = kind is None and len(_orderly) == 1
        _orderly.remove(self)


def orderly() -> _Orderly:
    """A context in which the first signal is left to the code inside. Left without an exception, the work is done.

    Signals that come after that change nothing: the process ends by itself, and as one that succeeded.
    """
    return _Orderly()


class _Undivided:
    """See `undivided`."""

    def __enter__(self) -> None:
        _undivided.append(self)

    def __exit__(self, *_: object) -> None:
        _undivided.remove(self)


def undivided() -> _Undivided:
    """A context of a few quick steps that are done together or not at all: every signal waits for its end."""
    return _Undivided()


def answer_now() -> None:
    """Leave where a signal came in an `undivided` context: for one after which the work goes on."""
    if _asked is not None and not _orderly:
        _leave()


def _answer(number: int, frame: FrameType | None) -> None:
    global _asked
    if _finished:
        return
    first, _asked = _asked is None, number
    if not (_undivided or (first and _orderly)):
        _leave()


def _leave() -> NoReturn:
    ignore_signals()
    for path, remove in reversed(list(_unfinished.items())):
        try:
            remove(path)
        except OSError:  # Gone already, or no longer empty.
            continue
    try:
        # Not by way of sys.stderr, in which the signal may have come.
        os.write(2, f"{_CLEAR_LINE if os.isatty(2) else ''}openportrait: {_words}\n".encode())
    finally:
        os._exit(code())
