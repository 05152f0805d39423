"""The command line of the released LivePortrait project: `python inference.py -s portrait.jpg -d clip.mp4`."""

from __future__ import annotations

import sys

from openportrait.__main__ import main

if __name__ == "__main__":
    sys.exit(main("openportrait.cli.released"))
