"""Start the web app, under the name that users of the released project know: `python app.py --port 8890`."""

from __future__ import annotations

import sys

from openportrait.__main__ import main

KNOWN_AS = {"--server-port": "--port", "--server_port": "--port", "--server-name": "--host", "--server_name": "--host"}
"""The released project's flags that have another name here."""


def translated(args: list[str]) -> list[str]:
    """The arguments with our names for flags."""
    split = (argument.partition("=") for argument in args)
    return [KNOWN_AS.get(flag, flag) + equals + value for flag, equals, value in split]


if __name__ == "__main__":
    sys.exit(main(args=["web", *translated(sys.argv[1:])]))
