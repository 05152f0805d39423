"""Reads requests: multipart forms of files and texts, within bounds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from openportrait.bounds import json_value, named, shown
from openportrait.drivings import MOST_DRIVINGS
from openportrait.files import spell_bytes
from openportrait.limits import MEGABYTE
from openportrait.listening import BodyTooLarge, bounded
from openportrait.serve.gate import Turn
from openportrait.serve.records import Refused

MOST_TEXT_BYTES = 2**18
"""Of one part that is no file."""
MOST_FORM_BYTES = 2**20
"""Size of all texts and headers of a form together."""
_MOST_PARTS = MOST_DRIVINGS + 8
"""Of one form."""
_PIECE_BYTES = 2**20
"""Written at a time."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One file of a form, or the address of one."""

    name: str
    """Of the part: `source`."""
    suffix: str
    """`.jpg` as the sender's file is called, or empty."""
    file: BinaryIO | None
    url: str = ""


class Form:
    """A form that was read; a context manager that closes its files."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def check_names(self, files: Mapping[str, int], texts: tuple[str, ...]) -> None:
        """Raise Refused for parts that are none of these. `files`: how many there may be of each name."""
        for name, value in self._data.multi_items():
            if name not in files and name not in texts:
                known = ", ".join((*files, *texts))
                raise Refused(422, f"there is no part {named(name)}; known are {known}")
            if name in texts and isinstance(value, UploadFile):
                raise Refused(422, f"{name} is a file; give a text")
            most = files.get(name, 1)
            if len(self._data.getlist(name)) > most:
                raise Refused(422, f"{name} is there {len(self._data.getlist(name))} times; give at most {most}")

    def parts(self, name: str) -> list[Part]:
        """The files of this name, or their addresses."""
        return [_part(name, value) for value in self._data.getlist(name)]

    def text(self, name: str) -> str:
        """The text of this name; empty where there is none."""
        value = self._data.get(name, "")
        return value if isinstance(value, str) else ""

    def json(self, name: str, kind: type, fallback: Any) -> Any:
        """The JSON object or list of this name. Raises Refused for anything else."""
        text = self.text(name)
        if not text:
            return fallback
        try:
            value = json_value(text.encode())
        except (ValueError, UnicodeEncodeError) as error:
            raise Refused(422, f"{name}: {error}; give JSON") from error
        if not isinstance(value, kind):
            due = "an object" if kind is dict else "a list"
            raise Refused(422, f"{name} is {shown(value)}; give {due}")
        return value

    async def close(self) -> None:
        """Close the files."""
        await self._data.close()


def _part(name: str, value: UploadFile | str) -> Part:
    if isinstance(value, str):
        return Part(name, _suffix_of(value.partition("?")[0]), None, value)
    return Part(name, _suffix_of(value.filename or ""), value.file)


def _suffix_of(name: str) -> str:
    suffix = Path(name.replace("\0", "")).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


class _Bounded(Request):
    most: int
    turn: Turn

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        async for part in bounded(super().stream(), self.most):
            await self.turn.mine()
            yield part


async def read_form(request: Request, max_megabytes: int, files: int, turn: Turn) -> Form:
    """Take in a form of at most so many files of at most so many megabytes. Raises Refused.

    `turn`: what all forms that are taken in at once share.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refused(415, "the body is no form; send it as multipart/form-data")
    limit = max_megabytes * MEGABYTE * files + MOST_FORM_BYTES
    too_large = Refused(413, f"the request is larger than {spell_bytes(limit)}, which is the most; send less")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large
    taken = _Bounded(request.scope, request.receive)
    taken.most, taken.turn = limit, turn
    try:
        return Form(await taken.form(max_files=_MOST_PARTS, max_fields=_MOST_PARTS, max_part_size=MOST_TEXT_BYTES))
    except BodyTooLarge:
        raise too_large from None
    except TimeoutError:
        raise Refused(408, "the request stood still for too long; send it anew") from None
    except HTTPException as error:
        raise Refused(400, f"the form is damaged ({error.detail}); send it as multipart/form-data") from error
    except ClientDisconnect:
        raise Refused(400, "the request broke off; send it anew") from None


Fetch = Callable[[str, Path, int], None]
"""Writes what lies at an address to a file of at most so many bytes."""


def copied(part: Part, path: Path, max_megabytes: int, fetch: Fetch | None = None) -> str:
    """Write a part to `path`; the SHA-256 of its content. Raises Refused for too much, and for an address unasked."""
    if part.file is None:
        if fetch is None:
            raise Refused(422, f"{part.name} is a text; send its file (addresses are not fetched here)")
        fetch(part.url, path, max_megabytes * MEGABYTE)
    else:
        with path.open("wb") as target:
            part.file.seek(0)
            left = max_megabytes * MEGABYTE
            while piece := part.file.read(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise Refused(413, f"{part.name} is larger than {max_megabytes} MB; choose a smaller file")
                target.write(piece)
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
