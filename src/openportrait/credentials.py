"""Content credentials (C2PA): a signed statement in a file that says what made it, and from which files.

What reads and signs them comes with the extra `provenance`.

Nothing is fetched: neither statements that lie elsewhere, nor time stamps, nor lists of revoked certificates.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from PIL import Image as Pillow

from openportrait import leaving
from openportrait.errors import EngineError, MediaError, OptionError
from openportrait.extras import install
from openportrait.files import open_plain, told
from openportrait.media.pixels import find_picture
from openportrait.media.provenance import SOURCE_TYPE, WANTED, plain
from openportrait.media.target import hidden_in, remove
from openportrait.options import Options, SigningOptions

FORMATS = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
}
"""Suffixes of files that carry a statement."""
_HEARD = {".mp3": "audio/mpeg", ".wav": "audio/wav", ".flac": "audio/flac", ".m4a": "audio/mp4"}
_ASSERTION = "org.openportrait.job"
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
    "core": {"backing_store_memory_threshold_in_mb": 16},
}
"""Nothing is fetched, no preview is made, and what is larger than 16 MB goes by way of a temporary file."""
_UNTRUSTED = "signingCredential.untrusted"
_MOST_INPUTS = 100
"""Of a statement, that are told."""


class Signer:
    """Signs results of one certificate."""

    def __init__(self, options: SigningOptions) -> None:
        """Raises EngineError where the packages are missing.

        Raises OptionError or MediaError where the certificate is of no use.
        """
        if find_spec("c2pa") is None:
            raise EngineError(f"--sign needs c2pa-python; {install('provenance')}")
        import c2pa

        from openportrait.certificates import load_certificate, local_certificate

        if (options.certificate is None) != (options.certificate_key is None):
            raise OptionError("--certificate and --certificate-key belong together; give both or none")
        own = options.certificate is not None and options.certificate_key is not None
        used = (
            load_certificate(options.certificate, options.certificate_key)
            if options.certificate is not None and options.certificate_key is not None
            else local_certificate()
        )
        self._context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        try:
            self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(used.algorithm, used.chain, used.key, None))
            self._try()
        except c2pa.C2paError as error:
            named = f"--certificate {options.certificate}" if own else "the local certificate"
            raise OptionError(f"{named}: C2PA does not sign with it ({told(error)}); give another") from error

    def sign(self, file: Path, goal: Path, job: Mapping[str, Any], inputs: Sequence[Path]) -> None:
        """Put the statement into `file`, which will be called `goal`. Raises MediaError or OSError.

        `job`: how it was made, as plain values. `inputs`: the files it was made from.
        """
        import c2pa

        kind, signed = FORMATS[goal.suffix.lower()], hidden_in(file.parent, goal.name)
        leaving.unfinished(signed, remove)
        try:
            builder = self._builder(goal.name, {**job, "inputs": [_input(path) for path in inputs]})
            for path in inputs:
                _add(builder, path)
            with file.open("rb") as made, signed.open("w+b") as to:
                builder.sign(self._signer, kind, made, to)
            signed.replace(file)
        except c2pa.C2paError as error:
            raise MediaError(f"{goal}: cannot be signed ({told(error)}); leave out --sign") from error
        finally:
            remove(signed)
            leaving.finished(signed)

    def _builder(self, title: str, job: Mapping[str, Any]) -> Any:
        from importlib.metadata import version

        import c2pa

        maker = {"name": "OpenPortrait", "version": version("openportrait")}
        created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": maker}
        statement = {
            "claim_generator_info": [maker],
            "title": title,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": _ASSERTION, "data": job},
            ],
        }
        return c2pa.Builder.from_json(json.dumps(statement), self._context)

    def _try(self) -> None:
        """Sign a picture of one pixel: what is wrong with a certificate is told before the work."""
        picture = io.BytesIO()
        Pillow.new("RGB", (1, 1)).save(picture, "PNG")
        picture.seek(0)
        self._builder("trial", {}).sign(self._signer, "image/png", picture, io.BytesIO())


def check_format(path: Path, *, is_sequence: bool) -> None:
    """OptionError where a result of that name carries no statement."""
    if is_sequence or path.suffix.lower() not in FORMATS:
        what = "numbered pictures carry" if is_sequence else f"{path.suffix} carries"
        raise OptionError(f"{path}: {what} no content credentials; leave out --sign, or use .mp4, .mov, .png or .jpg")


def job_said(engine: str, options: Options) -> dict[str, Any]:
    """How a result was made: the engine, and the options that were chosen. Of paths the names alone."""
    plain_values, chosen = Options().values(), options.values()
    secret = {"sign", "certificate", "certificate_key", "weights"}
    return {
        "engine": engine,
        "options": {
            name: Path(value).name if name == "background" else str(value) if isinstance(value, Path) else value
            for name, value in chosen.items()
            if value != plain_values[name] and name not in secret
        },
    }


def _input(path: Path) -> dict[str, str]:
    if path.is_dir():
        return {"name": path.name}
    with open_plain(path, WANTED) as file:
        return {"name": path.name, "sha256": hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()}


def _add(builder: Any, path: Path) -> None:
    """An input with the statement that it has itself, if it is a file that can have one."""
    import c2pa

    kind = (FORMATS | _HEARD).get(path.suffix.lower())
    if kind is None or path.is_dir():
        return
    with open_plain(path, WANTED) as file:
        try:
            builder.add_ingredient({"title": path.name, "relationship": "inputTo"}, kind, file)
        except c2pa.C2paError:  # It is of another kind than its name says. Its hash is among the job's inputs.
            return


@dataclass(frozen=True)
class Credentials:
    """A signed statement that a file holds."""

    holds: bool
    """Whether the file is as it was signed, and the signature is right."""
    trusted: bool
    """Whether the certificate is on a list of trusted ones that is known here."""
    problems: tuple[str, ...]
    """What is wrong, as C2PA calls it; empty where it holds."""
    signer: str
    """The owner of the certificate."""
    issuer: str
    """The issuer of the certificate."""
    program: str
    """What made the statement."""
    source_type: str
    """IPTC's term, or empty."""
    inputs: tuple[Mapping[str, str], ...]
    """What the file was made from: name and, where it is told, sha256."""
    job: Mapping[str, Any]
    """How, where this package made it."""


def read_credentials(path: Path) -> Credentials | None:
    """The newest statement of a file; None where it has none. Raises EngineError without the packages, MediaError."""
    if find_spec("c2pa") is None:
        raise EngineError(f"content credentials are read with c2pa-python; {install('provenance')}")
    import c2pa

    with find_picture(path) as picture:
        # Of a picture the content decides, whatever its name is.
        kind = FORMATS.get(path.suffix.lower()) if picture is None else Pillow.MIME.get(picture.format or "")
    if kind not in FORMATS.values():
        return None
    try:
        with open_plain(path, WANTED) as file:
            reader = c2pa.Reader.try_create(kind, file, context=c2pa.Context(c2pa.Settings.from_dict(_SETTINGS)))
            if reader is None:
                return None
            with reader:
                return _read(json.loads(reader.json()))
    except (c2pa.C2paError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise MediaError(f"{path}: its content credentials are damaged ({told(error)}); get it again") from error


def _read(store: Any) -> Credentials:
    manifest = store["manifests"][store["active_manifest"]]
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    wrong = tuple(plain(each["code"]) for each in failures if each["code"] != _UNTRUSTED)
    assertions: dict[str, Any] = {each["label"]: each["data"] for each in manifest.get("assertions", [])}
    job = assertions.get(_ASSERTION, {})
    acted: dict[str, Any] = assertions.get("c2pa.actions.v2", assertions.get("c2pa.actions", {}))
    told_inputs = job.get("inputs") or [{"name": each.get("title", "")} for each in manifest.get("ingredients", [])]
    signed, makers = manifest.get("signature_info", {}), manifest.get("claim_generator_info") or [{}]
    return Credentials(
        holds=not wrong,
        trusted=store.get("validation_state") == "Trusted",
        problems=wrong,
        signer=plain(signed.get("common_name")),
        issuer=plain(signed.get("issuer")),
        program=plain(f"{makers[0].get('name', '')} {makers[0].get('version', '')}"),
        source_type=plain(
            next((each["digitalSourceType"] for each in acted.get("actions", []) if "digitalSourceType" in each), "")
        ),
        inputs=tuple({plain(k): plain(v) for k, v in each.items()} for each in told_inputs[:_MOST_INPUTS]),
        job={"engine": plain(job.get("engine")), "options": job.get("options", {})} if job else {},
    )
