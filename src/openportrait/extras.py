"""The line that installs an optional part of the package."""

from __future__ import annotations

from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]


def install(extra: str) -> str:
    """`pip install 'openportrait[web]'` where the package is installed: pip then adds to what is there.

    From a checkout that is not installed, the checkout is named, so that the line works in any folder.
    """
    # Imported where something is missing: it takes a tenth of the start.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("openportrait")
    except PackageNotFoundError:
        return f"pip install '{_CHECKOUT}[{extra}]'"
    return f"pip install 'openportrait[{extra}]'"
