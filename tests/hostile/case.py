"""One hostile input: what lies in its folder, what is asked of the product, and how."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Entry = Literal["command", "process", "python"]
"""The command line's `main` in a forked process, the command in a process of its own, or the Python API."""


@dataclass(frozen=True)
class Material:
    """Sound files from which damaged ones are made."""

    portrait: bytes
    """A PNG picture of one face, 160 px wide."""
    clip: bytes
    """An MP4 of six frames of a talking face, 128 px, at 12.5 frames/s, with sound."""
    template: bytes
    """The motion of those frames in the own format."""


Make = Callable[[Path, Material, random.Random], None]
"""Fills the folder of the inputs; `portrait.png` and `clip.mp4` lie there already."""


@dataclass(frozen=True)
class Case:
    """What is tried. Paths are relative to the folder that holds `in`, the inputs, and `out`, where a result goes."""

    name: str
    command: str
    """animate, edit, perform, retarget, info, make or faces."""
    paths: Mapping[str, str]
    """By the name of the flag: source, driving, expression, timeline, path, output."""
    make: Make = lambda folder, material, rng: None
    refused: bool = False
    """Whether it has to be refused. What need not be may still be; a result then has to be one."""
    options: Mapping[str, Any] = field(default_factory=dict)


def flipped(rng: random.Random, data: bytes, start: int = 0) -> bytes:
    """`data` with one to forty bytes changed from `start` on."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 5, 40))):
        changed[rng.randrange(start, len(data))] = rng.randrange(256)
    return bytes(changed)


def cut(rng: random.Random, data: bytes) -> bytes:
    """The beginning of `data`."""
    return data[: rng.randrange(len(data))]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """`data` changed, cut, doubled, with a hole, or with something before it."""
    kind = rng.randrange(6)
    if kind == 0:
        return cut(rng, data)
    if kind == 1:
        return data + data[rng.randrange(len(data)) :]
    if kind == 2:
        start = rng.randrange(len(data))
        return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]
    if kind == 3:
        return rng.randbytes(rng.randrange(1, 64)) + data
    return flipped(rng, data)


ODD_NUMBERS: tuple[Any, ...] = (
    *(float("nan"), float("inf"), float("-inf"), -1, 0, 1e-300, -1e-9, 1e10, 1e30, 1e300, 2**31, 2**63, -(2**63)),
    *(10**500, True, None, "", "25", "1/0", "nan", "1e999999999", [], [1], {}, {"a": 1}),
)
"""Numbers and others that stand where a number is due."""


def numbered(family: str, makers: Iterator[Case], seed: int) -> Iterator[Case]:
    """The cases of a family under names that say how to make them again."""
    for number, case in enumerate(makers):
        yield Case(f"{family}-{case.name}-{seed}.{number}", *list(vars(case).values())[1:])
