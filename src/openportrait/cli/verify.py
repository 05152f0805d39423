"""`openportrait verify`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait.cli.console import emit, emit_json, say
from openportrait.cli.flags import AsJson, Positional
from openportrait.errors import EngineError, MediaError

if TYPE_CHECKING:
    from openportrait.credentials import Credentials


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Show what a picture or clip says of how it was made, and whether a signature of it holds.

    Fails where it cannot be read, or the signature does not hold; a file that says nothing is no failure.
    """

    file: Annotated[Path, Positional, Doc("A picture or clip, of this program or any other.")]
    json: AsJson = False

    def run(self) -> None:
        """Read and print."""
        from openportrait.media.provenance import said

        found, signed = said(self.file), self._credentials()
        if self.json:
            emit_json(
                {
                    "path": str(self.file),
                    "digital_source_type": found.source_type or None,
                    "description": found.description or None,
                    "credentials": asdict(signed) if signed else None,
                }
            )
        else:
            if found.source_type:
                emit(f"digital source type: {found.term}")
            if found.description:
                emit(f"description: {found.description}")
            if signed is not None:
                _show(signed)
            elif not (found.source_type or found.description):
                emit("the file says nothing of how it was made")
        if signed is not None and not signed.holds:
            problems = ", ".join(signed.problems) or "its signature is wrong"
            raise MediaError(f"{self.file}: was changed after it was signed ({problems}); get it from its maker")

    def _credentials(self) -> Credentials | None:
        from openportrait.credentials import read_credentials

        try:
            return read_credentials(self.file)
        except EngineError as error:
            say(f"note: {error}")
            return None


def _show(signed: Credentials) -> None:
    trust = "trusted" if signed.trusted else "on no list of trusted certificates that is known here"
    emit(f"signed by: {signed.signer} ({signed.issuer}), {trust}")
    emit(f"signature: {'holds; the file is as it was signed' if signed.holds else 'does not hold'}")
    emit(f"made with: {' '.join(filter(None, [signed.program, signed.job.get('engine')]))}")
    for made_from in signed.inputs:
        emit(f"made from: {made_from.get('name', '')}  {made_from.get('sha256', '')}".rstrip())
