"""Special files in every role, outputs that cannot be, and options out of their range."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openportrait.checked import OptionSpec, specs
from openportrait.options import CropOptions, EngineOptions, FaceOptions, MotionOptions, OutputOptions
from tests.hostile.case import Case, Make, Material

ROLES = (
    ("animate", {"source": "{}", "driving": "in/portrait.png", "output": "out/o.png"}),
    ("animate", {"source": "in/portrait.png", "driving": "{}", "output": "out/o.png"}),
    ("info", {"path": "{}"}),
    ("edit", {"source": "in/portrait.png", "expression": "{}", "output": "out/o.png"}),
    ("perform", {"source": "in/portrait.png", "timeline": "{}", "output": "out/o.mp4"}),
    ("retarget", {"source": "{}", "output": "out/o.mp4"}),
    ("faces", {"path": "{}"}),
)


def _special(kind: str, file: str) -> Make:
    def make(folder: Path, material: Material, rng: random.Random) -> None:
        path = folder.parent / file
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as made:
                os.chdir(folder)  # A socket's name may have 100 characters only.
                made.bind(path.name)
        elif kind in ("loop", "zero", "null", "gone"):
            path.symlink_to({"loop": path.name, "zero": "/dev/zero", "null": "/dev/null", "gone": "nothing"}[kind])
        elif kind == "folder":
            path.mkdir()
        elif kind in ("words", "empty", "strange"):
            path.write_bytes(rng.choice((b"", b"\0" * 5000, b"#!/bin/sh\n")) if kind != "empty" else b"")

    return make


def special(rng: random.Random, count: int) -> Iterator[Case]:
    """What is no plain file, or no file, where one is due."""
    names = {
        "strange": "in/\udcff\x1b[31m\n.mp4",
        "missing": "in/none.mp4",
        "long": "in/" + "n" * 300 + ".mp4",
        "device": "/dev/zero",
        "terminal": "/dev/stdin",
        "address": "http://127.0.0.1:9/a.mp4",
        "dash": "-",
        "nothing": "",
    }
    kinds = ("pipe", "socket", "loop", "zero", "null", "gone", "folder", "words", "empty", *names)
    for index in range(count):
        kind = kinds[index % len(kinds)]
        command, roles = rng.choice(ROLES)
        file = names.get(kind, f"in/x.{rng.choice(('mp4', 'png', 'motion', 'pkl', 'json'))}")
        yield Case(kind, command, {role: path.format(file) for role, path in roles.items()}, _special(kind, file), True)


def outputs(rng: random.Random, count: int) -> Iterator[Case]:
    """Places where no result can stand, or one that has to leave others alone."""
    inputs = ("in/portrait.png", "in/../in/portrait.png", "in/link.png", "in/portrait.png/o.png", "in/hard.png")
    refused = (
        *("/dev/full", "/proc/o.png", "out/" + "n" * 300 + ".png", "out/o.xyz", "out/pipe.png", "out/loop.png"),
        *inputs,
    )
    allowed = (
        "out/new/folder/o.png",
        "out/%d.png",
        "out/%05d.png",
        "out/o",
        "out/",
        "out",
        "out/o.PNG",
        "out/-o.png",
        "in",
        "in/%d.png",
    )

    def make(folder: Path, material: Material, rng: random.Random) -> None:
        (folder / "link.png").symlink_to("portrait.png")
        os.link(folder / "portrait.png", folder / "hard.png")
        out = folder.parent / "out"
        os.mkfifo(out / "pipe.png")
        (out / "loop.png").symlink_to("loop.png")
        for number in range(3):
            (out / f"{number}.png").write_bytes(b"the user's own")

    for index in range(count):
        bad = index % 2 == 0
        output = (refused if bad else allowed)[index // 2 % len(refused if bad else allowed)]
        paths = {"source": "in/portrait.png", "driving": "in/portrait.png", "output": output}
        yield Case("refused" if bad else "allowed", "animate", paths, make, refused=bad)


def options(rng: random.Random, count: int) -> Iterator[Case]:
    """Values that no option can have, made from what each says of itself."""
    records = (EngineOptions, FaceOptions, CropOptions, MotionOptions, OutputOptions)
    # Which devices there are is known to the neural engine alone.
    known = [spec for record in records for spec in specs(record) if spec.kind is not Path and spec.name != "device"]
    for index in range(count):
        spec = known[index % len(known)] if index < len(known) else rng.choice(known)
        paths = {"source": "in/portrait.png", "driving": "in/portrait.png", "output": "out/o.png"}
        yield Case(spec.name, "animate", paths, refused=True, options={spec.name: _impossible(rng, spec)})


def _impossible(rng: random.Random, spec: OptionSpec) -> Any:
    common = ("", "nonsense\n", "a" * 10_000, "\udcff")
    if spec.range:
        low, high = spec.range
        numbers = (float("nan"), float("inf"), low - 1, high + 1, -1e300, 10**400, "1e999", "0x10", "1_0_0", "½")
        return rng.choice((*numbers, *common))
    if spec.kind is bool:
        return rng.choice(("maybe", "1e9", "nonsense"))
    return rng.choice(common)
