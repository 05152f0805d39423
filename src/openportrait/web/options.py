"""What the one who starts the web app decides: where it listens, and what its visitors may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from openportrait.checked import Range
from openportrait.limits import UploadLimits
from openportrait.listening import LOOPBACK, bare

Save = Literal["auto", "folder", "session"]


@dataclass(frozen=True)
class WebOptions(UploadLimits):
    """Where the app listens, and its limits."""

    host: Annotated[str, Doc("Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1"
    port: Annotated[int, Range(0, 65535), Doc("Port to listen on; 0 takes a free one.")] = 8890
    names: Annotated[str, Doc("Further names by which visitors reach it, as behind a proxy; with commas.")] = ""
    share: Annotated[bool, Doc("Also open a public link through gradio.live.")] = False
    auth: Annotated[str | None, Doc("Ask visitors for this USER:PASSWORD.")] = None
    concurrency: Annotated[int, Range(1, 64), Doc("Jobs that render at once; further ones wait in line.")] = 1
    save: Annotated[
        Save,
        Doc(
            "Results are saved in the folder, or go with their visitor; auto: saved where this machine alone is let in."
        ),
    ] = "auto"
    folder: Annotated[Path, Doc("Folder in which results are saved.")] = Path("animations")
    keep_minutes: Annotated[
        float, Range(0, 10_000), Doc("A visitor who left finds his files and jobs again for so long.")
    ] = 10.0

    @property
    def saves(self) -> bool:
        """Whether results are saved in the folder."""
        own = bare(self.host) in LOOPBACK and not (self.share or self.names)
        return self.save == "folder" or (self.save == "auto" and own)
