"""The way in: `openportrait`, and `python -m openportrait`."""

from __future__ import annotations

import sys

from openportrait import leaving


def main() -> int:
    """Run the command line. Signals are answered before the rest is imported, which takes time."""
    leaving.answer_signals()
    from openportrait.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
