"""Templates, expressions and timelines that were damaged or forged."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.case import ODD_NUMBERS, Case, Make, Material, cut, damaged, flipped


def _content() -> dict[str, Any]:
    """What an official template holds: four frames."""
    frame = {
        "scale": np.full((1, 1), 1.4, np.float32),
        "R": np.eye(3, dtype=np.float32)[None],
        "exp": np.zeros((1, 21, 3), np.float32),
        "t": np.zeros((1, 3), np.float32),
        "kp": np.linspace(-0.5, 0.5, 63, dtype=np.float32).reshape(1, 21, 3),
    }
    ratios = {"c_eyes_lst": [np.full((1, 2), 0.3, np.float32)] * 4, "c_lip_lst": [np.full((1, 1), 0.1, np.float32)] * 4}
    return {"n_frames": 4, "output_fps": 25, "motion": [dict(frame) for _ in range(4)], **ratios}


def _odd_array(rng: random.Random) -> Any:
    shape = rng.choice(((1, 21, 3), (1, 3), (1, 1), (3, 3), (0,), (), (1, 5, 3), (2, 21, 3)))
    value = rng.choice((np.nan, np.inf, 0.0, -1.0, 1e10, 1e30, 1e300, 5e-324))
    kind = rng.choice((np.float32, np.float64, np.float16, np.int64, np.complex128, np.bool_))
    with np.errstate(all="ignore"):
        return rng.choice((np.full(shape, value).astype(kind), *ODD_NUMBERS))


def _odd_official(rng: random.Random) -> bytes:
    """One entry of the content is another than it should be."""
    content = _content()
    where = rng.choice(("output_fps", "n_frames", "frame", "frame", "frame", "list"))
    if where == "frame":
        content["motion"][rng.randrange(4)][rng.choice(("scale", "R", "exp", "t", "kp"))] = _odd_array(rng)
    elif where == "list":
        content[rng.choice(("motion", "c_eyes_lst", "c_lip_lst"))] = [_odd_array(rng)] * rng.choice((0, 1, 4))
    else:
        content[where] = rng.choice(ODD_NUMBERS)
    return pickle.dumps(content, rng.randrange(6))


# Opcodes of pickle with a fitting argument each: what a random program is made of.
_OPS = (
    *(b"]", b"}", b")", b"(", b"N", b"\x88", b"0", b"2", b"a", b"e", b"s", b"u", b"t", b"l", b"d", b"1", b"R", b"b"),
    *(b"\x85", b"\x86", b"\x87", b"\x94", b"\x93", b"\x81", b"Q", b"o", b"\x8f", b"\x90", b"h\0", b"q\0", b"K\7"),
    *(b"J\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f", b"\x8a\xff", b"I" + b"9" * 5000 + b"\n", b"F1e999\n"),
    *(b"F1_0\n", b"L7L\n", b"V\\ud800\n", b"\x8c\1a", b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"C\1a"),
    *(b"B\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 8, b"T\xff\xff\xff\xff", b"\x95" + b"\xff" * 8, b"\x82\1"),
    *(b"cnumpy\ndtype\n", b"cos\nsystem\n", b"c_codecs\nencode\n", b"cnumpy\nndarray\n", b"Pid\n"),
    *(b"cnumpy.core.multiarray\n_reconstruct\n", b"cbuiltins\neval\n", b"i__builtin__\nlist\n"),
    *(b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f"),
)


def _program(rng: random.Random) -> bytes:
    return b"\x80" + bytes([rng.randrange(7)]) + b"".join(rng.choices(_OPS, k=rng.randrange(1, 60))) + b"."


def _bomb(rng: random.Random) -> bytes:
    """Small, and more than any machine holds or any program calls deep, were it followed blindly."""
    many = rng.choice((40, 2000, 50_000))
    text = b"X" + struct.pack("<I", 10**5) + b"a" * 10**5 + b"q\0"
    return rng.choice(
        (
            b"\x80\x04" + rng.choice((b"]", b"(", b"}", b")")) * many + b"a" * (many - 1) + b".",
            b"\x80\x04" + b"]" * many + b"a" * (many - 1) + b"\x8c\1a\x93.",
            b"\x80\x04]q\0"
            + b"".join(b"]q%c(h%ch%ce" % (i + 1, i, i) for i in range(min(many, 200)))
            + b"\x8c\1a\x93.",
            b"\x80\x04" + text + b"\x8c\x06latin1q\1c_codecs\nencode\nq\2" + b"h\2h\0h\1\x86R" * many + b".",
            b"\x80\x04" + text + b"(" + b"h\0" * many + b"l.",
            b"\x80\x04N" + b"\x85" * many + b".",
            b"\x80\x04cnumpy\ndtype\n" + b"]" * many + b"a" * (many - 1) + b"\x85R.",
            b"\x80\x04\x8b" + struct.pack("<i", min(many * 40, 10**6)) + b"\x7f" * min(many * 40, 10**6) + b".",
        )
    )


def pickles(rng: random.Random, count: int) -> Iterator[Case]:
    """Official templates."""
    sound = pickle.dumps(_content(), 4)
    kinds: tuple[tuple[str, bool, Callable[[random.Random], bytes]], ...] = (
        ("flipped", False, lambda rng: flipped(rng, pickle.dumps(_content(), rng.randrange(6)))),
        ("cut", True, lambda rng: cut(rng, sound)),
        ("odd", False, _odd_official),
        ("program", True, _program),
        ("bomb", True, _bomb),
    )
    for index in range(count):
        name, refused, made = kinds[index % len(kinds)]
        yield _template(rng, name, written("t.pkl", made), "t.pkl", refused)


def _template(rng: random.Random, name: str, make: Make, file: str, refused: bool) -> Case:
    if rng.random() < 0.5:
        return Case(name, "info", {"path": f"in/{file}"}, make, refused)
    paths = {"source": "in/portrait.png", "driving": f"in/{file}", "output": "out/o.mp4"}
    return Case(name, "animate", paths, make, refused)


def written(file: str, made: Callable[[random.Random], bytes]) -> Make:
    """A file with that content."""

    def make(folder: Path, material: Material, rng: random.Random) -> None:
        (folder / file).write_bytes(made(rng))

    return make


HEADER_KEYS = (
    *("format", "version", "layout", "engine", "rate", "frames", "points", "canonicals", "expression_step", "ratios"),
)


def _archive(rng: random.Random, template: bytes) -> bytes:
    """The own format with one thing forged."""
    with zipfile.ZipFile(io.BytesIO(template)) as sound:
        parts = {name: sound.read(name) for name in sound.namelist()}
    header = json.loads(parts["header.json"])
    kind = rng.choice(("header", "header", "array", "array", "size", "method", "member", "flags"))
    method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    if kind == "header":
        header[rng.choice(HEADER_KEYS)] = rng.choice((*ODD_NUMBERS, 3, 20_000, "mesh-21", "liveportrait-478"))
        parts["header.json"] = json.dumps(header).encode()
    elif kind == "array":
        name = rng.choice(("pose", "canonical", "ratios", "expression"))
        odd = struct.pack("<f", rng.choice((float("nan"), float("inf"), 0.0, 1e10, 3e38, -1e4)))
        parts[name] = rng.choice((odd * (len(parts[name]) // 4), flipped(rng, parts[name]), parts[name][:-1], b""))
    elif kind == "method":
        method = rng.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    elif kind == "member":
        parts.pop(rng.choice(list(parts)))
        parts |= {rng.choice(("../../evil", "/evil", "pose", "x" * 300, "")): bytes(rng.choice((0, 10, 10**6)))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    out = bytearray(packed.getvalue())
    at = out.find(b"PK\x01\x02")
    if kind == "size":
        out[at + 24 : at + 28] = out[22:26] = struct.pack("<I", rng.choice((0, 400, 2**31, 2**32 - 1)))
    elif kind == "flags":
        out[at + 8] ^= rng.choice((1, 8, 32, 64))
    return bytes(out)


def archives(rng: random.Random, count: int) -> Iterator[Case]:
    """Own templates."""

    def forged(folder: Path, material: Material, rng: random.Random) -> None:
        (folder / "t.motion").write_bytes(_archive(rng, material.template))

    def spoilt(folder: Path, material: Material, rng: random.Random) -> None:
        (folder / "t.motion").write_bytes(damaged(rng, material.template))

    for index in range(count):
        name, make = (("forged", forged), ("damaged", spoilt))[index % 2]
        yield _template(rng, name, make, "t.motion", False)


def _json_value(rng: random.Random) -> str:
    deep = rng.choice((100, 5000, 200_000))
    odd = rng.choice((*ODD_NUMBERS, "NESTED", "DICTS", "DIGITS"))
    forms = {"NESTED": "[" * deep + "]" * deep, "DICTS": '{"a":' * deep + "1" + "}" * deep, "DIGITS": "1" + "0" * deep}
    return forms.get(odd, "") if isinstance(odd, str) and odd in forms else _spelled(odd)


def _spelled(value: Any) -> str:
    return "1" + "0" * 500 if value == 10**500 else json.dumps(value)


def _expression(rng: random.Random) -> bytes:
    slider = rng.choice(("smile", "wink", "lip_ratio", "eye_ratio", "yaw_degrees", "smirk", "", "a" * 5000))
    edit = rng.choice(
        (f'{{"{slider}": {_json_value(rng)}}}', f'{{"smile": 0.5, "smile": {_json_value(rng)}}}', _json_value(rng))
    )
    version = rng.choice(("1", "1", "1", _json_value(rng)))
    return f'{{"openportrait": "expression", "version": {version}, "edit": {edit}}}'.encode()


def _timeline(rng: random.Random) -> bytes:
    odd = [_json_value(rng), _json_value(rng), "0.2", "0.2", '"25"', "{}"]
    seconds, rate, ease = (rng.choice(odd) for _ in range(3))
    first = f'{{"seconds": 0, "edit": {{}}, "easing": {ease}}}'
    keys = f'[{first}, {{"seconds": {seconds}, "edit": {{"smile": {rng.choice(odd)}}}}}]'
    keys = rng.choice((keys, keys, keys, _json_value(rng), f"[{keys}]", "[]"))
    return f'{{"openportrait": "timeline", "version": 1, "rate": {rate}, "keys": {keys}}}'.encode()


def expressions(rng: random.Random, count: int) -> Iterator[Case]:
    """Expressions and timelines."""
    for index in range(count):
        flag, command, made, output = (
            ("expression", "edit", _expression, "out/o.png"),
            ("timeline", "perform", _timeline, "out/o.mp4"),
        )[index % 2]
        make = written("e.json", _spoilt(made) if index % 5 == 4 else made)
        yield Case(flag, command, {"source": "in/portrait.png", flag: "in/e.json", "output": output}, make)


def _spoilt(made: Callable[[random.Random], bytes]) -> Callable[[random.Random], bytes]:
    return lambda rng: damaged(rng, made(rng))
