"""Lets in those who know one of the tokens."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from pathlib import Path

from openportrait.errors import OptionError
from openportrait.files import read_plain
from openportrait.serve.records import Refused

VARIABLE = "OPENPORTRAIT_TOKENS"
"""Name of the environment variable with the tokens, separated by spaces, where no file is given."""
SHORTEST = 16
"""Characters of a token: a shorter one can be guessed."""
_MOST_BYTES = 2**20
"""Of a file of tokens."""
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST},200}}", re.ASCII)
"""What may stand behind `Bearer` (RFC 6750)."""
_MARK_DIGITS = 16
"""Of the hash that names a token in messages."""


class Tokens:
    """The tokens of the service, as their SHA-256."""

    def __init__(self, tokens: list[str]) -> None:
        """None: everyone is let in."""
        self._digests = [_digest(token) for token in tokens]

    @property
    def is_open(self) -> bool:
        """Whether everyone is let in."""
        return not self._digests

    def owner(self, authorization: str | None) -> str:
        """A mark of the sender of this header; empty where everyone is let in. Raises Refused."""
        if self.is_open:
            return ""
        scheme, _, given = (authorization or "").partition(" ")
        digest = _digest(given.strip())
        # Compare with all tokens, each in the same time, so that the time tells nothing about them.
        known = [hmac.compare_digest(digest, one) for one in self._digests]
        if scheme.lower() != "bearer" or not any(known):
            raise Refused(401, "no valid token; send the header Authorization: Bearer TOKEN")
        return digest.hex()[:_MARK_DIGITS]


def read_tokens(path: Path | None) -> Tokens:
    """Those of the file, or else of the environment. Raises MediaError or OptionError."""
    if path is not None:
        text = read_plain(path, _MOST_BYTES, "a text file with a token a line").decode("utf-8", "replace")
        tokens = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        where = str(path)
        if not tokens:
            raise OptionError(f"{path}: holds no token; write one a line, as `openssl rand -hex 32` makes them")
    else:
        tokens, where = os.environ.get(VARIABLE, "").split(), VARIABLE
    for number, token in enumerate(tokens, 1):
        if not _TOKEN.fullmatch(token):  # which is not repeated: it is secret
            raise OptionError(
                f"{where}: token {number} is none; {SHORTEST} to 200 letters, digits or -._~+/= are due, "
                "as `openssl rand -hex 32` makes them"
            )
    return Tokens(tokens)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
