"""The errors of this package, as one small tree.

::

    OpenPortraitError
    ├── OptionError        an option has a value that cannot be used (exit code 2)
    ├── MediaError         a file cannot be read or written
    ├── NoFaceError        no usable face where one is needed
    ├── TemplateError      a motion template is damaged, unsafe or of another kind
    ├── WeightsError       trained weights are missing, damaged or not the expected ones
    ├── EngineError        an engine cannot run here (a package or a device is missing)
    └── Cancelled          the caller asked to stop

Each message names what failed, why, and what to do about it, in one line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class OpenPortraitError(Exception):
    """Base of every error this package raises on purpose."""


class OptionError(OpenPortraitError, ValueError):
    """An option has a value that cannot be used."""


class MediaError(OpenPortraitError):
    """A picture, clip or folder cannot be read or written."""


class NoFaceError(OpenPortraitError):
    """No usable face was found where one is needed."""


class TemplateError(OpenPortraitError):
    """A motion template is damaged, unsafe or of another kind."""


class WeightsError(OpenPortraitError):
    """Trained weights are missing, damaged or not the expected ones."""


class EngineError(OpenPortraitError):
    """An engine cannot run here."""


class Cancelled(OpenPortraitError):
    """The caller asked to stop; nothing was left behind."""


def reword(error: OpenPortraitError, change: Callable[[str], str]) -> None:
    """Change the text of an error, for a caller who knows things by other names."""
    error.args = tuple(change(part) if isinstance(part, str) else part for part in error.args)


def known(error: OpenPortraitError) -> OpenPortraitError:
    """The error as the nearest class of this module: every process of this package knows these classes by name."""
    kind: type[OpenPortraitError] = next(one for one in type(error).__mro__ if one.__module__ == __name__)
    return kind(str(error))
