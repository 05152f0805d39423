"""What holds for every small file: a refusal is one line with a remedy, and what is read can be kept."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import tracemalloc
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openportrait import (
    FaceEdit,
    Key,
    OpenPortraitError,
    Template,
    Timeline,
    load_expression,
    load_template,
    load_timeline,
    pickle_reader,
    save_template,
    save_timeline,
)
from openportrait.options import specs
from openportrait.templates import export_official, is_template
from tests.properties import JUNK, in_one_line
from tests.test_templates import assert_same, made, official

MOST_BYTES = 24 * 2**20
"""What a reader may hold for a file of some kilobytes, with a budget of 2 MB for the pickles."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def read_or_refused(load: Callable[[Path], Any], path: Path) -> Any:
    """What is in the file, or None where it was refused as it should be; memory is bounded either way."""
    tracemalloc.start()
    try:
        return load(path)
    except OpenPortraitError as error:
        in_one_line(error, str(path))
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST_BYTES


def kept(template: Template, folder: Path) -> None:
    """What was read can be written, and is the same when it is read again."""
    save_template(folder / "again.motion", template)
    assert_same(load_template(folder / "again.motion"), template)


def own_bytes(folder: Path) -> bytes:
    save_template(folder / "valid.motion", made(frames=3))
    return (folder / "valid.motion").read_bytes()


CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["set", "cut", "add", "twice"]), st.binary(max_size=6)), max_size=4
)


def changed(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    for where, how, new in changes:
        at = int(where * len(data))
        if how == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif how == "cut":
            data = data[:at]
        else:
            data = data[:at] + (new if how == "add" else data[at : at + 200]) + data[at:]
    return data


@given(changes=CHANGES, protocol=st.sampled_from([0, 2, 4, 5]))
def test_damaged_pickles(changes: list[tuple[float, str, bytes]], protocol: int, folder: Path) -> None:
    path = folder / "a.pkl"
    valid = official(c_eyes_lst=[np.full((1, 2), 0.3)] * 2, c_lip_lst=[np.full((1, 1), 0.1, np.float32)] * 2)
    path.write_bytes(changed(pickle.dumps(valid, protocol), changes))
    template = read_or_refused(load_template, path)
    assert template is not None or changes
    if template is not None:
        kept(template, folder)


@given(changes=CHANGES)
def test_damaged_archives(changes: list[tuple[float, str, bytes]], folder: Path) -> None:
    path = folder / "a.motion"
    path.write_bytes(changed(own_bytes(folder), changes))
    template = read_or_refused(load_template, path)
    assert template is not None or changes
    if template is not None:
        kept(template, folder)


def text(content: bytes) -> bytes:
    return b"\x8c" + bytes([len(content)]) + content


INSTRUCTIONS = st.sampled_from(
    [bytes([code]) for code in b"](}()aestuld0120RbN\x85\x86\x87\x88\x89\x93\x94"]
    + [bytes([code, place]) for code in b"hq" for place in range(4)]
    + [text(word) for word in (b"numpy", b"dtype", b"f4", b"<", b"latin1", b"motion", b"R", b"\xed\x95\x9c")]
    + [b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n", b"cnumpy.core.multiarray\n_reconstruct\n"]
    + [b"cnumpy.core.multiarray\nscalar\n", b"cnumpy.core.numeric\n_frombuffer\n", b"cos\nsystem\n"]
    + [b"X\x00\x00\x01\x00" + b"a" * 2**16, b"C\x04\0\0\0\0", b"K\x01", b"J\xff\xff\xff\x7f", b"G\x7f\xf0\0\0\0\0\0\0"]
    + [b"I" + b"9" * 5000 + b"\n", b"F1e999\n", b"Fx\n", b"S'a'\n", b"Vab\\ud800\n", b"\x8b\x80\0\0\0" + b"\x7f" * 128]
)
ENCODING = b"X\x00\x00\x01\x00" + b"a" * 2**16 + b"q\0\x8c\x06latin1q\1c_codecs\nencode\nq\2" + b"h\2h\0h\1\x86R" * 500
DOUBLING = b"]q\0" + b"".join(b"]q%c(h%ch%ce" % (i + 1, i, i) for i in range(60)) + b"\x8c\x01a\x93"


@settings(max_examples=250)
@given(instructions=st.lists(INSTRUCTIONS, max_size=60).map(b"".join))
@example(instructions=ENCODING)
@example(instructions=DOUBLING)
@example(instructions=b"}\x8c\x06motion" + DOUBLING[:-4] + b"s")
@example(instructions=b"cnumpy\ndtype\n" + b"]" * 50_000 + b"a" * 49_999 + b"\x85R")
@example(instructions=b"]" * 50_000 + b"a" * 49_999 + b"\x8c\x01a\x93")
@example(instructions=b"]\x94" * 40_000)
@example(instructions=b"(" + b"}\x8c\x01ah\0s" * 10_000 + b"t")
@example(instructions=b"c" + b"x" * 10**5 + b"\ny\n")
@example(instructions=b"F" + b"x" * 10**5 + b"\n")
def test_any_instructions(instructions: bytes, folder: Path) -> None:
    path = folder / "b.pkl"
    path.write_bytes(b"\x80\x04" + instructions + b".")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickle_reader, "MAX_MADE_BYTES", 2 * 2**20)
        assert read_or_refused(load_template, path) is None


HEADER_KEYS = ("format", "version", "layout", "engine", "rate", "frames", "points", "canonicals")
HEADER_CHANGES = st.dictionaries(st.sampled_from((*HEADER_KEYS, "expression_step", "ratios", "x")), JUNK, max_size=2)
METHODS = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
NUMBERS = st.sampled_from([0.0, 1e-30, -1.0, 1e10, 1e30, 3e38, float("nan"), float("inf")])
PLACES = st.tuples(st.sampled_from(["pose", "canonical", "expression", "ratios"]), st.integers(0, 30), NUMBERS)


@given(header=HEADER_CHANGES, method=METHODS, numbers=st.lists(PLACES, max_size=2), extra=st.binary(max_size=4))
def test_any_archive(
    header: dict[str, Any], method: int, numbers: list[tuple[str, int, float]], extra: bytes, folder: Path
) -> None:
    path = folder / "b.motion"
    with zipfile.ZipFile(io.BytesIO(own_bytes(folder))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["header.json"] = json.dumps(json.loads(parts["header.json"]) | header).encode()
    for name, place, value in numbers:
        values = np.frombuffer(parts[name], "<f4").copy()
        values[place % len(values)] = value
        parts[name] = values.tobytes()
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part + extra if name == "ratios" else part)
    template = read_or_refused(load_template, path)
    assert is_template(path)
    if method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) or any(abs(value) > 1e9 for *_, value in numbers):
        assert template is None
    if template is not None:
        kept(template, folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("declared", [400, 40_000_000])
def test_a_member_unpacks_to_what_it_declares_at_most(method: int, declared: int, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(own_bytes(folder))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | {"header.json": bytes(40_000_000)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    forged = bytearray(buffer.getvalue())
    size = (40_000_000).to_bytes(4, "little")
    path = folder / "bomb.motion"
    path.write_bytes(forged.replace(size, declared.to_bytes(4, "little")))
    assert read_or_refused(load_template, path) is None


def test_a_directory_of_members_is_read_up_to_a_limit(folder: Path) -> None:
    path = folder / "members.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(6000):
            archive.writestr(f"{i:06d}-a-name-of-some-length", b"")
    tracemalloc.start()
    assert not is_template(path)
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()


SLIDERS = {
    spec.name: st.floats(spec.range.low, spec.range.high) | (st.none() if spec.optional else st.nothing())
    for spec in specs(FaceEdit)
    if spec.range
}
EDITS = st.fixed_dictionaries({}, optional=SLIDERS).map(lambda sliders: FaceEdit(**sliders))  # type: ignore[arg-type]
KEYS = st.builds(Key, st.floats(0, 50), EDITS, st.sampled_from(["smooth", "linear", "hold"]))
TIMELINES = st.builds(
    Timeline,
    st.lists(KEYS, min_size=1, max_size=5).map(lambda keys: tuple(sorted(keys, key=lambda key: key.seconds))),
    st.fractions(1, 240),
)


@given(timeline=TIMELINES, moment=st.floats(0, 50))
def test_a_timeline_is_kept_and_stays_within_its_keys(timeline: Timeline, moment: float, folder: Path) -> None:
    save_timeline(folder / "a.json", timeline)
    assert load_timeline(folder / "a.json") == timeline
    edit = timeline.at(moment)
    for spec in specs(FaceEdit):
        values = [getattr(key.edit, spec.name) for key in timeline.keys]
        values = [value for value in values if value is not None] or [None]
        assert getattr(edit, spec.name) is None or min(values) <= getattr(edit, spec.name) <= max(values)


@given(
    frame=st.integers(0, 200_000),
    rate=st.sampled_from([24, 25, 30, 50, 60, 120, Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 2)]),
)
@example(frame=29, rate=25)
def test_a_timeline_ends_with_the_frame_of_its_last_key(frame: int, rate: Fraction) -> None:
    seconds = float(frame / Fraction(rate))
    if seconds <= 3600:
        timeline = Timeline((Key(0, FaceEdit(), "hold"), Key(seconds, FaceEdit(smile=1.0))), rate)
        assert timeline.frames == frame + 1
        assert timeline.edit(frame).smile == 1.0
        assert frame == 0 or timeline.edit(frame - 1).smile == 0.0


TREE = st.recursive(
    JUNK, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3)
)


@given(
    kind=st.sampled_from(["timeline", "expression"]),
    keys=TREE
    | st.lists(st.fixed_dictionaries({}, optional={"seconds": JUNK, "easing": JUNK, "edit": TREE}), max_size=3),
    others=st.dictionaries(st.sampled_from(["openportrait", "version", "rate", "edit", "x"]), TREE, max_size=2),
    changes=CHANGES,
)
@example(kind="timeline", keys=[{"seconds": 10**39}], others={}, changes=[])
@example(kind="timeline", keys=[{"seconds": 3600, "edit": {}}], others={"rate": 240}, changes=[])
@example(kind="expression", keys=[], others={"edit": {"smile": 10**39}}, changes=[])
@example(kind="expression", keys=[], others={"edit": {"a\nb" * 99: 0}}, changes=[])
def test_any_json(kind: str, keys: Any, others: dict[str, Any], changes: Any, folder: Path) -> None:
    content = {"openportrait": kind, "version": 1, "rate": "25", "keys": keys, "edit": {}} | others
    path = folder / "b.json"
    path.write_bytes(changed(json.dumps(content).encode("utf-8"), changes))
    found = read_or_refused(load_timeline if kind == "timeline" else load_expression, path)
    if kind == "timeline" and found is not None:
        save_timeline(folder / "c.json", found)
        assert load_timeline(folder / "c.json") == found


@pytest.mark.parametrize(
    "content", [b"[" * 10**6, b"9" * 10**6, b'{"a":' * 10**5, b"\xff\xfe", b'{"a":1,"a":2}', b"-" * 99]
)
def test_json_that_is_deep_long_or_none(content: bytes, folder: Path) -> None:
    (folder / "d.json").write_bytes(content)
    assert read_or_refused(load_timeline, folder / "d.json") is None
    assert read_or_refused(load_expression, folder / "d.json") is None


def test_the_longest_official_template_that_is_written_is_read_again(folder: Path) -> None:
    export_official(folder / "long.pkl", made(frames=400))
    data = (folder / "long.pkl").read_bytes()
    times = 20_000 / 400
    machine = pickle_reader._Machine()
    instructions = list(pickletools.genops(data))
    for instruction, argument, _ in instructions:
        machine.follow(instruction.name, argument)
    assert len(instructions) * times <= pickle_reader.MAX_INSTRUCTIONS
    assert machine.made_bytes * times <= pickle_reader.MAX_MADE_BYTES
    assert len(data) * times <= pickle_reader.MAX_BYTES
