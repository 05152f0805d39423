"""What the one who starts the web app decides: where it listens, and what its visitors may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from openportrait.checked import Range
from openportrait.limits import UploadLimits


@dataclass(frozen=True)
class WebOptions(UploadLimits):
    """Where the app listens, and its limits."""

    host: Annotated[str, Doc("Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1"
    port: Annotated[int, Range(0, 65535), Doc("Port to listen on; 0 takes a free one.")] = 8890
    names: Annotated[str, Doc("Further names by which visitors reach it, as behind a proxy; with commas.")] = ""
    share: Annotated[bool, Doc("Also open a public link through gradio.live.")] = False
    auth: Annotated[str | None, Doc("Ask visitors for this USER:PASSWORD.")] = None
    concurrency: Annotated[int, Range(1, 64), Doc("Jobs that render at once; further ones wait in line.")] = 1
