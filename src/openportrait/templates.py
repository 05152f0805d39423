"""Motion templates: our own small format (docs/TEMPLATES.md), and the released project's, read safely."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openportrait.errors import TemplateError
from openportrait.media.target import Target
from openportrait.motion import PackedMotions
from openportrait.official import MAX_FRAMES, read_official, write_official
from openportrait.pickle_reader import MAX_BYTES
from openportrait.records import Ratios, Template

SUFFIX = ".motion"
FORMAT = "openportrait motion template"
VERSION = 1
HEADER, POSE, CANONICAL, EXPRESSION, RATIOS = "header.json", "pose", "canonical", "expression", "ratios"
MAX_HEADER_BYTES = 64 * 2**10
MAX_CONTENT_BYTES = 2**29
"""All arrays together, unpacked: two hours of a 478-point mesh at 25 frames a second."""
MAX_POINTS = 10_000
COMPRESSION = 4
"""Of zlib; 9 takes fifty times as long for 5 % less."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    OverflowError,
)
"""What a damaged, encrypted or forged file makes the standard library and NumPy raise."""
POSE_NUMBERS = 13
"""R row by row, s, t."""


def is_template(path: Path) -> bool:
    """Whether a file is a motion template, ours or an official one.

    By content, and by suffix where the content is none: so that a damaged template is called one.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError:
        return False
    return _is_pickle(path, start) or path.suffix.lower() == SUFFIX or (start == b"PK" and _has_header(path))


def load_template(path: Path) -> Template:
    """Read a template of either kind.

    Raises TemplateError: not there, damaged, too large, of a later version, or unsafe.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
            is_pickle = _is_pickle(path, start)
            most = MAX_BYTES if is_pickle else MAX_CONTENT_BYTES
            data = start + file.read(most)
    except OSError as error:
        raise TemplateError(f"{where} cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise TemplateError(f"{where} is larger than the {most // 2**20} MB that such a template may have")
    if is_pickle:
        return read_official(data, where)
    if start == b"PK":
        return _read_own(data, where)
    raise TemplateError(f"{where} is no motion template; give a {SUFFIX} file or an official .pkl")


def save_template(path: Path, template: Template) -> None:
    """Write our own format; the file appears complete or not at all.

    Raises MediaError where it cannot be written, TemplateError for no frame or too many.
    """
    _write(path, _own_bytes(template))


def export_official(path: Path, template: Template) -> None:
    """Write a template of layout `liveportrait-21` as the released project's `.pkl`.

    Raises TemplateError for another layout, MediaError where the file cannot be written.
    """
    _write(path, write_official(template, str(path)))


def _write(path: Path, data: bytes) -> None:
    with Target(path) as target, target.guarded():
        target.temporary.write_bytes(data)


def _is_pickle(path: Path, start: bytes) -> bool:
    return start[:1] == b"\x80" or path.suffix.lower() in (".pkl", ".pickle")


def _has_header(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return HEADER in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _own_bytes(template: Template) -> bytes:
    if not 1 <= len(template.motions) <= MAX_FRAMES:
        raise TemplateError(f"a template holds 1 to {MAX_FRAMES:,} frames, and this clip has {len(template.motions):,}")
    motions = template.motions if isinstance(template.motions, PackedMotions) else PackedMotions(template.motions)
    constant = all(canonical is motions.canonicals[0] for canonical in motions.canonicals)
    canonicals = np.stack(motions.canonicals[:1] if constant else motions.canonicals)
    ratios = [(ratios.eye_left, ratios.eye_right, ratios.lip) for ratios in template.ratios]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "layout": template.layout,
        "engine": template.engine,
        "rate": str(template.rate),
        "frames": len(motions),
        "points": canonicals.shape[1],
        "canonicals": len(canonicals),
        "expression_step": motions.step,
        "ratios": bool(ratios),
    }
    expressions = np.stack(motions.expressions)
    parts = {
        HEADER: json.dumps(header, indent=1).encode(),
        POSE: _float_bytes(np.stack(motions.poses)),
        CANONICAL: _float_bytes(canonicals),
        EXPRESSION: _float_bytes(expressions) if motions.step is None else _step_bytes(expressions.astype(np.int16)),
        RATIOS: _float_bytes(np.array(ratios)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            # ZipInfo's own date is fixed, so that the same motion gives the same file.
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED, COMPRESSION)
    return buffer.getvalue()


def _read_own(data: bytes, where: str) -> Template:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            header = _Header(json.loads(_part(archive, HEADER, MAX_HEADER_BYTES)))
            return header.template({name: _part(archive, name, size) for name, size in header.sizes().items()})
    except DAMAGE as error:
        raise TemplateError(
            f"{where} is a damaged template ({error or type(error).__name__}); make it again"
        ) from error
    except TemplateError as error:
        raise TemplateError(f"{where} {error}") from error


def _part(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The content of one member; the size is known before anything is unpacked."""
    size = archive.getinfo(name).file_size
    if size > most:
        raise ValueError(f"{name} has {size:,} bytes where {most:,} are due")
    return archive.read(name)


class _Header:
    """What `header.json` says, checked, and the record that it and the arrays make."""

    def __init__(self, content: Any) -> None:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise TemplateError("is no motion template; its header is another format's")
        if content.get("version") != VERSION:
            raise TemplateError(f"has version {content.get('version')}; this release reads version {VERSION}; update")
        self.layout, self.engine = _name(content, "layout"), _name(content, "engine")
        self.rate = _rate(content["rate"])
        self.frames = _count(content, "frames", MAX_FRAMES)
        self.points = _count(content, "points", MAX_POINTS)
        self.canonicals = _count(content, "canonicals", self.frames)
        if self.canonicals not in (1, self.frames):
            raise ValueError("canonical faces are neither one nor one a frame")
        step = content["expression_step"]
        self.step = None if step is None else float(step)
        if self.step is not None and not 0 < self.step < 1e6:
            raise ValueError("the step of the expression is no size")
        self.has_ratios = content["ratios"] is True

    def sizes(self) -> dict[str, int]:
        """Bytes that each array must have."""
        face = self.points * 3
        sizes = {
            POSE: self.frames * POSE_NUMBERS * 4,
            CANONICAL: self.canonicals * face * 4,
            EXPRESSION: self.frames * face * (4 if self.step is None else 2),
            RATIOS: self.frames * 3 * 4 if self.has_ratios else 0,
        }
        if sum(sizes.values()) > MAX_CONTENT_BYTES:
            raise TemplateError(f"holds more than the {MAX_CONTENT_BYTES // 2**20} MB that a template may have")
        return sizes

    def template(self, parts: dict[str, bytes]) -> Template:
        """The record; ValueError where a part has another size than is due or a number is not finite."""
        face = (self.points, 3)
        motions = PackedMotions.from_arrays(
            _floats(parts[POSE], (self.frames, POSE_NUMBERS)),
            _floats(parts[CANONICAL], (self.canonicals, *face)),
            _floats(parts[EXPRESSION], (self.frames, *face))
            if self.step is None
            else _steps(parts[EXPRESSION], (self.frames, *face)),
            self.step,
        )
        rows = _floats(parts[RATIOS], (self.frames if self.has_ratios else 0, 3)).astype(np.float64)
        return Template(motions, tuple(Ratios(*row) for row in rows.tolist()), self.rate, self.layout, self.engine)


def _name(content: dict[str, Any], key: str) -> str:
    value = content[key]
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value):
        raise ValueError(f"the {key} is no name")
    return value


def _rate(text: Any) -> Fraction:
    # Fraction itself also takes '1e999999999', and would compute it.
    if not isinstance(text, str) or not re.fullmatch(r"[1-9]\d{0,8}(/[1-9]\d{0,8})?", text):
        raise ValueError("the rate is no fraction")
    return Fraction(text)


def _count(content: dict[str, Any], name: str, most: int) -> int:
    value = content[name]
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} is not a number from 1 to {most:,}")
    return value


def _float_bytes(array: NDArray[Any]) -> bytes:
    return array.astype("<f4").tobytes()


def _floats(data: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("a number is not finite")
    return array


def _step_bytes(steps: NDArray[np.int16]) -> bytes:
    """Changes from frame to frame, small ones of both signs as small numbers, low bytes before high ones."""
    change: NDArray[np.int16] = np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1]))
    zigzag = ((change << 1) ^ (change >> 15)).astype("<u2")
    return bytes(zigzag.reshape(-1, 1).view(np.uint8).T.tobytes())


def _steps(data: bytes, shape: tuple[int, ...]) -> NDArray[np.int16]:
    """The inverse of `_step_bytes`."""
    zigzag = np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(2, -1).T).view("<u2").reshape(shape)
    change = (zigzag >> 1).astype(np.int16) ^ -(zigzag & 1).astype(np.int16)
    return np.cumsum(change, axis=0, dtype=np.int16)
