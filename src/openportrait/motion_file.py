"""Our own template format (docs/TEMPLATES.md): a ZIP archive of one JSON header and four arrays, read and written
in pieces, so that no second copy of a long clip is held.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from openportrait import bounds
from openportrait.errors import TemplateError
from openportrait.files import spell_bytes, told
from openportrait.layouts import keypoint_set
from openportrait.motion import PackedMotions
from openportrait.motion.packed import MAX_FRAMES, POSE_NUMBERS, RATES, check_motions, check_ratios
from openportrait.records import Ratios, Template

FORMAT = "openportrait motion template"
VERSION = 1
HEADER, POSE, CANONICAL, EXPRESSION, RATIOS = "header.json", "pose", "canonical", "expression", "ratios"
MAX_HEADER_BYTES = 64 * 2**10
"""Of `header.json`."""
MAX_CONTENT_BYTES = 2**29
"""All arrays together, unpacked: two hours of a 478-point mesh at 25 frames a second."""
MAX_DIRECTORY_BYTES = 2**18
"""Read to find the members; five of them take half a kilobyte, the search for the directory up to 64."""
COMPRESSION = 4
"""Of zlib; 9 takes fifty times as long for 5 % less."""
ENCRYPTED = 0x1
"""Bit of a member's flags."""
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
"""What a damaged or forged archive makes the standard library raise, and what the checks raise."""
_PIECE_BYTES = 2**20
"""Read or written at a time."""
_PIECE_FRAMES = 256
"""Frames coded at a time."""


def has_header(file: BinaryIO) -> bool:
    """Whether a file is an archive with a template's header; the format that it names is not checked."""
    try:
        with zipfile.ZipFile(_Budget(file, MAX_DIRECTORY_BYTES)) as archive:
            return HEADER in archive.namelist()
    except DAMAGE:
        return False


def read_own(file: BinaryIO, where: str) -> Template:
    """The template in an archive; `where` names it in errors.

    Raises TemplateError: damaged, of a later version, or with motion that no head has.
    """
    try:
        budget = _Budget(file, MAX_DIRECTORY_BYTES)
        with zipfile.ZipFile(budget) as archive:
            budget.left = 2 * MAX_CONTENT_BYTES
            content = bounds.json_value(bytes(_part(archive, HEADER, None)))
            if not isinstance(content, dict) or content.get("format") != FORMAT:
                raise TemplateError(f"{where} is no motion template, its header is another format's; choose another")
            version = content.get("version")
            if isinstance(version, bool) or version != VERSION:
                found = bounds.shown(version)
                raise TemplateError(f"{where} has version {found}; this release reads version {VERSION}; update")
            return _Content.of_header(content).read(archive)
    except DAMAGE as error:
        raise TemplateError(f"{where} is a damaged template ({told(error)}); make it again") from error


def write_own(file: BinaryIO, template: Template, motions: PackedMotions) -> None:
    """Write the archive. Raises ValueError for what would not be read again."""
    _Content.of_template(template, motions).write(file, template, motions)


class _Budget:
    """A file of which only so many bytes are read, whatever an archive's directory says."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file = file
        self.left = left
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        """As a file's; ValueError where the budget is spent."""
        content = self._file.read(count if 0 <= count <= self.left else self.left + 1)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError("the archive holds more than a template")
        return content

    def close(self) -> None:
        """Do nothing: the caller closes the file that it opened."""


@dataclass(frozen=True)
class _Content:
    """What a header states, checked."""

    layout: str
    engine: str
    rate: Fraction
    frames: int
    points: int
    canonicals: int
    step: float | None
    has_ratios: bool

    def __post_init__(self) -> None:
        for key in ("layout", "engine"):
            name = getattr(self, key)
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
                raise ValueError(f"the {key} is {bounds.shown(name)}; a short name is due")
        bounds.whole(self.frames, 1, MAX_FRAMES, "frames")
        keypoint_set(self.layout, self.points)
        if bounds.whole(self.canonicals, 1, self.frames, "canonicals") not in (1, self.frames):
            raise ValueError(f"canonicals is {self.canonicals}; 1 or {self.frames} is due")
        if self.step is not None:
            bounds.number(self.step, 1e-9, 1.0, "expression_step")
        if not isinstance(self.has_ratios, bool):
            raise ValueError(f"ratios is {bounds.shown(self.has_ratios)}; true or false is due")
        if sum(self.sizes().values()) > MAX_CONTENT_BYTES:
            raise ValueError(f"it holds more than the {spell_bytes(MAX_CONTENT_BYTES)} that a template may have")

    @classmethod
    def of_header(cls, header: dict[str, Any]) -> _Content:
        """From `header.json`. Raises ValueError."""
        plain = {key: header.get(key) for key in ("layout", "engine", "frames", "points", "canonicals")}
        rate = bounds.fraction(header.get("rate"), *RATES, "rate")
        return cls(**plain, rate=rate, step=header.get("expression_step"), has_ratios=header.get("ratios"))  # type: ignore[arg-type]

    @classmethod
    def of_template(cls, template: Template, motions: PackedMotions) -> _Content:
        """Of a record that is to be written. Raises ValueError."""
        bounds.whole(len(motions), 1, MAX_FRAMES, "the number of frames")
        constant = all(canonical is motions.canonicals[0] for canonical in motions.canonicals)
        return cls(
            layout=template.layout,
            engine=template.engine,
            # As many digits as are read.
            rate=bounds.fraction(template.rate, *RATES, "the rate").limit_denominator(10**6),
            frames=len(motions),
            points=len(motions.canonicals[0]),
            canonicals=1 if constant else len(motions),
            step=motions.step,
            has_ratios=bool(template.ratios),
        )

    def sizes(self) -> dict[str, int]:
        """Bytes that each array has, unpacked."""
        face = self.points * 3
        return {
            POSE: self.frames * POSE_NUMBERS * 4,
            CANONICAL: self.canonicals * face * 4,
            EXPRESSION: self.frames * face * (4 if self.step is None else 2),
            RATIOS: self.frames * 3 * 4 if self.has_ratios else 0,
        }

    def read(self, archive: zipfile.ZipFile) -> Template:
        """The record. Raises ValueError where a part has another size than is due, or holds what no head does."""
        sizes, face = self.sizes(), (self.points, 3)

        def floats(name: str, *shape: int) -> NDArray[np.float32]:
            return _part(archive, name, sizes[name]).view("<f4").reshape(shape)

        rows = floats(RATIOS, -1, 3) if self.has_ratios else np.empty((0, 3), np.float32)
        check_ratios(rows)
        motions = PackedMotions.from_arrays(
            floats(POSE, self.frames, POSE_NUMBERS),
            floats(CANONICAL, self.canonicals, *face),
            floats(EXPRESSION, self.frames, *face) if self.step is None else self._steps(archive),
            self.step,
        )
        check_motions(motions, keypoint_set(self.layout, self.points))
        ratios = tuple(Ratios(*row) for row in rows.astype(np.float64).tolist())
        return Template(motions, ratios, self.rate, self.layout, self.engine)

    def _steps(self, archive: zipfile.ZipFile) -> NDArray[np.int16]:
        """(N, K, 3) from changes in zigzag code, all low bytes before all high ones."""
        halves = np.empty((self.frames * self.points * 3, 2), np.uint8)
        with _opened(archive, EXPRESSION, halves.size) as member:
            for half in halves.T:
                _fill(member, half)
        zigzag = halves.view("<u2").reshape(self.frames, self.points, 3)
        steps = zigzag.view("<i2")
        before = np.zeros((self.points, 3), np.int16)
        for start in range(0, self.frames, _PIECE_FRAMES):
            piece = slice(start, start + _PIECE_FRAMES)
            change = (zigzag[piece] >> 1).astype(np.int16) ^ -(zigzag[piece] & 1).astype(np.int16)
            steps[piece] = np.cumsum(change, axis=0, dtype=np.int16) + before
            before = steps[piece][-1]
        return steps

    def write(self, file: BinaryIO, template: Template, motions: PackedMotions) -> None:
        """Every member, in pieces."""
        header = {
            "format": FORMAT,
            "version": VERSION,
            "layout": self.layout,
            "engine": self.engine,
            "rate": str(self.rate),
            "frames": self.frames,
            "points": self.points,
            "canonicals": self.canonicals,
            "expression_step": self.step,
            "ratios": self.has_ratios,
        }
        rows = [np.array([each.eye_left, each.eye_right, each.lip]) for each in template.ratios]
        check_ratios(np.array(rows).reshape(-1, 3))
        parts = {
            HEADER: iter((json.dumps(header, indent=1).encode(),)),
            POSE: _float_bytes(motions.poses),
            CANONICAL: _float_bytes(motions.canonicals[: self.canonicals]),
            EXPRESSION: _float_bytes(motions.expressions) if self.step is None else _step_bytes(motions.expressions),
            RATIOS: _float_bytes(rows),
        }
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
            for name, pieces in parts.items():
                # The date of a member that is opened so is fixed: the same motion gives the same file.
                with archive.open(name, "w") as member:
                    for piece in pieces:
                        member.write(piece)


def _opened(archive: zipfile.ZipFile, name: str, size: int | None) -> IO[bytes]:
    """A member of `size` bytes, or of a header's at most; what it says of itself is checked, what it holds is not."""
    if name not in archive.namelist():
        raise ValueError(f"{name} is missing")
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & ENCRYPTED:
        raise ValueError(f"{name} is neither stored nor deflated, or encrypted")
    if info.file_size != size and (size is not None or info.file_size > MAX_HEADER_BYTES):
        due = f"{size:,}" if size is not None else f"at most {MAX_HEADER_BYTES:,}"
        raise ValueError(f"{name} has {info.file_size:,} bytes where {due} are due")
    return archive.open(info)


def _part(archive: zipfile.ZipFile, name: str, size: int | None) -> NDArray[np.uint8]:
    """The content of a member, whose size is known before anything is unpacked."""
    with _opened(archive, name, size) as member:
        content = np.empty(archive.getinfo(name).file_size, np.uint8)
        _fill(member, content)
        return content


def _fill(member: IO[bytes], target: NDArray[np.uint8]) -> None:
    """Read as many bytes as the target has."""
    filled = 0
    while filled < len(target):
        piece = member.read(min(_PIECE_BYTES, len(target) - filled))
        if not piece:
            raise ValueError(f"{member.name} ends early")
        target[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)


def _float_bytes(rows: list[Any]) -> Iterator[bytes]:
    for start in range(0, len(rows), _PIECE_FRAMES):
        yield np.stack(rows[start : start + _PIECE_FRAMES]).astype("<f4").tobytes()


def _step_bytes(frames: list[Any]) -> Iterator[bytes]:
    """Changes from frame to frame, small ones of both signs as small numbers, low bytes before high ones."""
    for shift in (0, 8):
        before = np.zeros_like(frames[0])
        for start in range(0, len(frames), _PIECE_FRAMES):
            steps = np.stack(frames[start : start + _PIECE_FRAMES])
            change: NDArray[np.int16] = np.diff(steps, axis=0, prepend=before[None])
            zigzag = ((change << 1) ^ (change >> 15)).astype(np.uint16)
            yield (zigzag >> shift).astype(np.uint8).tobytes()
            before = steps[-1]
