"""`openportrait verify`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from openportrait.cli.console import emit, emit_json
from openportrait.cli.flags import AsJson, Positional


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Show what a picture or clip says of how it was made.

    Fails where it cannot be read; a file that says nothing is no failure.
    """

    file: Annotated[Path, Positional, Doc("A picture or clip, of this program or any other.")]
    json: AsJson = False

    def run(self) -> None:
        """Read and print."""
        from openportrait.media.said import said

        found = said(self.file)
        if self.json:
            emit_json(
                {
                    "path": str(self.file),
                    "digital_source_type": found.source_type or None,
                    "description": found.description or None,
                }
            )
            return
        if found.source_type:
            emit(f"digital source type: {found.term}")
        if found.description:
            emit(f"description: {found.description}")
        if not (found.source_type or found.description):
            emit("the file says nothing of how it was made")
