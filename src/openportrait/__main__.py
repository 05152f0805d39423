"""Starts `openportrait`, and `python -m openportrait`."""

from __future__ import annotations

import sys

from openportrait import leaving


def main(module: str = "openportrait.cli", args: list[str] | None = None) -> int:
    """Run the `main` of a module of this package. Signals are answered before it is imported, which takes time."""
    leaving.answer_signals()
    from importlib import import_module

    code: int = import_module(module).main(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
