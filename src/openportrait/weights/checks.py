"""Finds what is wrong with a weight file, without reading it as weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from openportrait.weights.manifest import WeightFile

_LFS = b"version https://git-lfs"


def sha256(path: Path) -> str:
    """Hexadecimal hash of a file's content. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def expected_sha256(path: Path, file: WeightFile) -> str:
    """The published hash of the form in which the file lies here."""
    return file.safetensors_sha256 if path.suffix == ".safetensors" else file.sha256


def damage(path: Path) -> str:
    """Why the file cannot hold weights, with the remedy; empty where nothing is seen. Reads 64 bytes."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}); check its permissions"
    if head.startswith(_LFS):
        return (
            f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` there or `openportrait weights download`"
        )
    if not head:
        return f"{path} is empty; delete it and run `openportrait weights download`"
    if head.lstrip()[:1] == b"<":
        return f"{path} is a web page, not the weights; delete it and run `openportrait weights download`"
    return ""
