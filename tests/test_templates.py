"""Templates: nothing is lost on the way out and in, and no file can do more than be read."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openportrait import load_expression, load_timeline, templates
from openportrait.errors import MediaError, TemplateError
from openportrait.motion import rotation_from_degrees
from openportrait.records import Motion, Ratios, Template
from openportrait.templates import export_official, is_template, load_template, save_template
from tests.conftest import EXAMPLES, shared

FIELDS = ("rotation", "expression", "scale", "translation", "canonical")


def made(frames: int = 5, points: int = 21, *, rate: str = "25", ratios: bool = True) -> Template:
    rng = np.random.default_rng(frames * points)
    # Numbers of float32, so that nothing can be lost.
    canonical = (rng.integers(-900, 900, (points, 3)) / 64).astype(np.float64)
    motions = tuple(
        Motion(
            rotation_from_degrees(i, -2.0 * i, 0.5 * i).astype(np.float32).astype(np.float64),
            rng.normal(0, 0.1, (points, 3)).astype(np.float32).astype(np.float64),
            1.25 + i / 64,
            np.array([i / 128, -i / 256, 0.0]),
            canonical,
        )
        for i in range(frames)
    )
    openness = tuple(Ratios(0.25 + i / 64, 0.5, i / 32) for i in range(frames)) if ratios else ()
    return Template(motions, openness, Fraction(rate), f"{'liveportrait' if points == 21 else 'mesh'}-{points}", "any")


def assert_same(one: Template, other: Template) -> None:
    assert len(one.motions) == len(other.motions)
    for a, b in zip(one.motions, other.motions, strict=True):
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (one.ratios, one.rate, one.layout) == (other.ratios, other.rate, other.layout)


@pytest.mark.parametrize("ratios", [True, False])
@pytest.mark.parametrize("rate", ["25", "30000/1001"])
def test_own_format_keeps_everything(tmp_path: Path, rate: str, ratios: bool) -> None:
    template = made(rate=rate, ratios=ratios)
    save_template(tmp_path / "a.motion", template)
    loaded = load_template(tmp_path / "a.motion")
    assert_same(loaded, template)
    assert loaded.engine == "any"
    assert is_template(tmp_path / "a.motion")
    assert [path.name for path in tmp_path.iterdir()] == ["a.motion"]


def test_the_same_motion_gives_the_same_file(tmp_path: Path) -> None:
    save_template(tmp_path / "a.motion", made())
    save_template(tmp_path / "b.motion", load_template(tmp_path / "a.motion"))
    assert (tmp_path / "a.motion").read_bytes() == (tmp_path / "b.motion").read_bytes()


def test_a_mesh_is_kept_to_a_thirtieth_of_a_pixel(tmp_path: Path) -> None:
    template = made(frames=40, points=478)
    save_template(tmp_path / "a.motion", template)
    loaded = load_template(tmp_path / "a.motion")
    face_height = float(np.ptp(template.motions[0].canonical, axis=0).max())
    for a, b in zip(loaded.motions, template.motions, strict=True):
        assert np.abs(a.expression - b.expression).max() <= face_height / 512 / 32
        np.testing.assert_array_equal(a.canonical, b.canonical)
    again = tmp_path / "again.motion"
    save_template(again, loaded)
    assert_same(load_template(again), loaded)


def test_official_format_both_ways(tmp_path: Path) -> None:
    template = made(rate="30000/1001")
    export_official(tmp_path / "a.pkl", template)
    assert_same(load_template(tmp_path / "a.pkl"), template)
    # The file is this test's own, so it may be unpickled: as the released project does.
    content = pickle.loads((tmp_path / "a.pkl").read_bytes())
    assert content["n_frames"] == 5 and content["output_fps"] == pytest.approx(29.97003)
    first = content["motion"][0]
    shapes = {name: first[name].shape for name in first}
    assert shapes == {
        "scale": (1, 1), "R": (1, 3, 3), "exp": (1, 21, 3), "t": (1, 3), "kp": (1, 21, 3), "x_s": (1, 21, 3)
    }  # fmt: skip
    assert content["c_eyes_lst"][0].shape == (1, 2) and content["c_lip_lst"][0].shape == (1, 1)
    assert all(array.dtype == np.float32 for array in first.values())


def test_a_mesh_template_is_no_official_one(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="mesh-30"):
        export_official(tmp_path / "a.pkl", made(points=30))
    with pytest.raises(TemplateError, match=r"a\.pkl cannot be written from a template of layout mesh-478"):
        export_official(tmp_path / "a.pkl", made(points=478))
    assert list(tmp_path.iterdir()) == []


def official(**changes: Any) -> dict[str, Any]:
    item = {
        "scale": np.full((1, 1), 1.5, np.float32),
        "R": np.eye(3, dtype=np.float32)[None],
        "exp": np.zeros((1, 21, 3), np.float32),
        "t": np.zeros((1, 3), np.float32),
    }
    return {"n_frames": 2, "output_fps": 25, "motion": [item, item], **changes}


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    eyes = [np.full((1, 2), 0.3, ">f8")] * 2
    lips = [np.full((1, 1), 0.1, np.float16)] * 2
    content = official(c_d_eyes_lst=eyes, c_d_lip_lst=lips, output_fps=np.float64(24))
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    template = load_template(path)
    assert template.rate == 24 and template.layout == "liveportrait-21"
    assert template.motions[1].scale == 1.5
    assert template.ratios[0].eye_right == pytest.approx(0.3) and template.ratios[1].lip == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize("name", ["aggrieved", "d1", "d5", "laugh", "talking", "wink"])
def test_published_templates(name: str) -> None:
    path = shared(f"examples/templates/{name}.pkl")
    template = load_template(path)
    # These files are known and trusted here: the pickle module is the yardstick.
    content = pickle.loads(path.read_bytes())
    assert len(template.motions) == content["n_frames"]
    assert template.rate == content["output_fps"]
    for motion, item in zip(template.motions, content["motion"], strict=True):
        np.testing.assert_array_equal(motion.rotation, item["R" if "R" in item else "R_d"][0])
        np.testing.assert_array_equal(motion.expression, item["exp"][0])
        np.testing.assert_array_equal(motion.translation, item["t"][0])
        assert motion.scale == item["scale"]
    assert len(template.ratios) in (0, len(template.motions))
    assert bool(template.ratios) == (name in ("d1", "d5"))


class Call:
    """Pickles as a call of any function."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def test_a_call_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "a.pkl", tmp_path / "trace"
    for protocol in range(6):
        for call in (Call(os.system, f"touch {trace}"), Call(eval, f"open({str(trace)!r}, 'w')"), Call(Path, "x")):
            path.write_bytes(pickle.dumps(official(motion=[{"scale": call}]), protocol))
            with pytest.raises(TemplateError, match=r"asks for '(posix\.system|.*\.eval|pathlib.*Path)'"):
                load_template(path)
            assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (b"(S'touch trace'\nios\nsystem\n.", "os.system"),
        (b"cposix\nsystem\n(S'touch trace'\ntR.", "posix.system"),
        (b"(cposix\nsystem\nS'touch trace'\no.", "posix.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "numpy.ndarray.__class__"),
        (b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "builtins.getattr"),
        (b"\x80\x02cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", "torch._utils._rebuild_tensor_v2"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "NEWOBJ"),
        (b"\x80\x04cnumpy\nndarray\n)}\x92.", "NEWOBJ_EX"),
        (b"Pabc\n.", "PERSID"),
        (b"\x80\x02K\x01Q.", "BINPERSID"),
        (b"\x80\x02\x82\x05.", "EXT1"),
        (b"\x80\x02\x83\x05\x00.", "EXT2"),
        (b"\x80\x02\x84\x05\x00\x00\x00.", "EXT4"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x04\x8f.", "EMPTY_SET"),
        (b"\x80\x02}}b.", "the state of a dict"),
        (b"\x80\x02cnumpy\nndarray\n}b.", "the state of a"),
        (pickle.dumps(np.array([object()], dtype=object).dtype), "an array of O8"),
        (pickle.dumps(np.dtype([("a", "f4")])), "an array of V4"),
    ],
)
def test_whatever_builds_objects_is_refused(tmp_path: Path, data: bytes, asked: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(TemplateError, match="asks for") as caught:
        load_template(path)
    assert asked in str(caught.value) and "\n" not in str(caught.value)


def array_pickle(shape: bytes, content: bytes) -> bytes:
    """An array of float32 with any declared shape."""
    return (
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01" + shape
        + b"cnumpy\ndtype\n(\x8c\x02f4\x89\x88tR(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + b"B" + len(content).to_bytes(4, "little") + content + b"tb."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (array_pickle(b"J\x00\x00\x00\x70J\x00\x00\x00\x70\x86", b"\0" * 4), "reshape"),
        (array_pickle(b"J\xff\xff\xff\xff\x85", b"\0" * 4), "shape"),
        (array_pickle(b"N", b"\0" * 4), "content"),
        (array_pickle(b"K\x01\x85", b"\0" * 3), "damaged"),
        (b"\x80\x04" + b"]" * 1000 + b"a" * 999 + b".", "nested"),
        (b"\x80\x04]\x94h\x00a.", "no motion template"),
        (b"\x80\x04}K\x01K\x02s.", "no text"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x04K\x01", "damaged"),
        (b"\x80\x04u.", "damaged"),
        (b"\x80\x04h\x07.", "damaged"),
        (b"\x80\x04\xff.", "damaged"),
        (b"I" + b"9" * 10_000 + b"\n.", "damaged"),
        (b"", "damaged"),
        (pickle.dumps([1, 2]), "no list of motions"),
        (pickle.dumps({"motion": []}), "no list of motions"),
        (pickle.dumps(official(n_frames=3)), "announces 3 frames and holds 2"),
        (pickle.dumps(official(output_fps=float("inf"))), "output_fps is inf; 1 to 1000 is due"),
        (pickle.dumps(official(output_fps=-1)), "output_fps is -1"),
        (pickle.dumps(official(output_fps=1e-9)), "output_fps is 1e-09"),
        (pickle.dumps(official(output_fps=10**400)), "output_fps is a number of about 401 digits"),
        (pickle.dumps(official(n_frames=np.zeros(3))), "n_frames is a ndarray"),
        (pickle.dumps(official(n_frames=True)), "n_frames is True"),
        (pickle.dumps(official(motion=[{"scale": 1.0}] * 2)), "lacks 'R'"),
        (pickle.dumps(official(c_eyes_lst=[0.1], c_lip_lst=[0.1])), "another number of openness ratios"),
        (pickle.dumps(official(motion=[{**official()["motion"][0], "exp": np.zeros((1, 20, 3))}] * 2)), "frame 0, exp"),
        (
            pickle.dumps(official(motion=[{**official()["motion"][0], "t": np.full((1, 3), np.nan)}] * 2)),
            "translation holds nan",
        ),
    ],
)
def test_damaged_official_files(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(TemplateError, match=reason) as caught:
        load_template(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_lists_within_lists_do_not_multiply(tmp_path: Path) -> None:
    nested: Any = [0.0] * 10
    for _ in range(20):
        nested = [nested] * 10
    item = {**official()["motion"][0], "exp": nested}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(official(motion=[item, item])))
    with pytest.raises(TemplateError, match="not an array of 63"):
        load_template(tmp_path / "a.pkl")


def test_one_motion_repeated_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(official(motion=official()["motion"] * 150_000, n_frames=300_000)))
    with pytest.raises(TemplateError, match="300,000 frames"):
        load_template(tmp_path / "a.pkl")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.pkl").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(TemplateError, match="64 MB"):
        load_template(tmp_path / "a.pkl")


def test_a_template_has_a_frame(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="this clip has 0"):
        save_template(tmp_path / "a.motion", made(frames=0))
    assert list(tmp_path.iterdir()) == []


def rezipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (content | {name.replace("_", "."): data for name, data in members.items()}).items():
            archive.writestr(name, data)


def header_with(path: Path, **changes: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        header = json.loads(archive.read("header.json"))
    rezipped(path, header_json=json.dumps(header | changes).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "version 2"),
        ({"format": "other"}, "another format"),
        ({"rate": "1e999999999"}, "rate"),
        ({"rate": "0"}, "rate"),
        ({"rate": "1/0"}, "rate"),
        ({"frames": 10**9}, "frames"),
        ({"frames": 0}, "frames"),
        ({"frames": 4}, "bytes"),
        ({"frames": 6}, "damaged"),
        ({"points": 20}, "points is 20; layout liveportrait-21 has 21"),
        ({"points": True, "frames": "5"}, "frames"),
        ({"layout": "a\nb"}, "layout"),
        ({"engine": 7}, "engine"),
        ({"canonicals": 3}, "canonical"),
        ({"expression_step": -1}, "step"),
        ({"points": 10_000}, "points"),
        ({"frames": 250_000, "points": 478, "layout": "mesh-478"}, "MB"),
        ({"layout": "mesh-30", "points": 30}, "layout is 'mesh-30'"),
        ({"layout": "mesh-478"}, "points is 21; layout mesh-478 has 478"),
        ({"frames": True}, "frames is True"),
        ({"version": True}, "version True"),
        ({"expression_step": float("nan")}, "NaN"),
        ({"expression_step": 0}, "expression_step is 0"),
        ({"rate": 10**600}, "601 digits"),
        ({"ratios": 1}, "ratios is 1; true or false"),
    ],
)
def test_forged_headers(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = tmp_path / "a.motion"
    save_template(path, made())
    header_with(path, **changes)
    with pytest.raises(TemplateError, match=reason) as caught:
        load_template(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_own_files(tmp_path: Path) -> None:
    path = tmp_path / "a.motion"
    save_template(path, made())
    whole = path.read_bytes()
    for data in (b"", whole[: len(whole) // 2], whole[:100] + b"\xff" * 20 + whole[120:], b"PK" + b"\0" * 40):
        path.write_bytes(data)
        assert is_template(path)
        with pytest.raises(TemplateError):
            load_template(path)
    path.write_bytes(whole)
    rezipped(path, header_json=b"[" * 60_000)
    with pytest.raises(TemplateError, match="damaged"):
        load_template(path)
    path.write_bytes(whole)
    rezipped(path, pose=b"\0" * 10**8)
    with pytest.raises(TemplateError, match="100,000,000 bytes"):
        load_template(path)
    path.write_bytes(whole)
    rezipped(path, pose=np.full((5, 13), np.inf, "<f4").tobytes())
    with pytest.raises(TemplateError, match="scale holds inf"):
        load_template(path)


def test_what_is_no_template(tmp_path: Path) -> None:
    picture, archive, missing = tmp_path / "a.png", tmp_path / "a.zip", tmp_path / "b.motion"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("readme.txt", "no motion")
    archive.write_bytes(buffer.getvalue())
    assert not any(is_template(path) for path in (picture, archive, missing, tmp_path))
    with pytest.raises(TemplateError, match="no motion template"):
        load_template(picture)
    with pytest.raises(MediaError, match="there is no such file"):
        load_template(missing)


def changed(template: Template, **changes: Any) -> Template:
    """The template with other values in its second motion."""
    first, second, *rest = template.motions
    return replace(template, motions=(first, replace(second, **changes), *rest))


NO_HEAD: list[tuple[dict[str, Any], str]] = [
    ({"scale": 0.0}, "scale"),
    ({"scale": 1e10}, "scale"),
    ({"scale": 1e300}, "scale"),
    ({"scale": float("nan")}, "scale"),
    ({"rotation": np.full((3, 3), 1e10)}, "rotation"),
    ({"rotation": np.zeros((3, 3))}, "rotation"),
    ({"rotation": np.diag([1.0, 1.0, -1.0])}, "rotation"),
    ({"translation": np.array([1e30, 0, 0])}, "translation"),
    ({"translation": np.array([0, 0, np.nan])}, "translation"),
    ({"canonical": 1e4}, "canonical"),
    ({"expression": 1e300}, "expression"),
]


# The steps of a mesh's expression end before it is too large.
@pytest.mark.parametrize(
    ("points", "changes", "what"), [*((21, *case) for case in NO_HEAD), *((478, *case) for case in NO_HEAD[:-1])]
)
def test_what_no_head_does_is_refused_in_both_formats_and_on_writing(
    tmp_path: Path, points: int, changes: dict[str, Any], what: str
) -> None:
    shapes = {"canonical": (points, 3), "expression": (points, 3)}
    values = {name: np.full(shapes[name], value) if name in shapes else value for name, value in changes.items()}
    template = changed(made(points=points), **values)
    with pytest.raises(TemplateError, match=what) as caught:
        save_template(tmp_path / "a.motion", template)
    assert "a.motion" in str(caught.value) and not list(tmp_path.iterdir())
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        patch.setattr(templates, "check_motions", lambda motions, layout: None)
        save_template(tmp_path / "a.motion", template)
        if points == 21:
            export_official(tmp_path / "a.pkl", template)
    for path in tmp_path.iterdir():
        with pytest.raises(TemplateError, match=what) as caught:
            load_template(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["talk", "smile", "look-around", "nod", "blink"])
def test_templates_of_our_own_are_within_bounds(tmp_path: Path, name: str) -> None:
    template = load_template(EXAMPLES / "driving" / f"{name}.motion")
    save_template(tmp_path / "a.motion", template)
    assert_same(load_template(tmp_path / "a.motion"), template)


@pytest.mark.parametrize("name", ["a.motion", "a.pkl", "a.json", "a"])
def test_a_pipe_or_a_device_is_no_template(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    for path in (tmp_path / name, Path(os.devnull), tmp_path):
        assert not is_template(path)
        for load in (load_template, load_timeline, load_expression):
            with pytest.raises(MediaError, match="; give a") as caught:
                load(path)
            assert str(path) in str(caught.value)


def test_long_clips_are_written_and_read_in_pieces(tmp_path: Path) -> None:
    template = made(frames=600, points=478)
    template = replace(template, motions=tuple(replace(motion, scale=0.06) for motion in template.motions))
    save_template(tmp_path / "a.motion", template)
    loaded = load_template(tmp_path / "a.motion")
    save_template(tmp_path / "b.motion", loaded)
    assert_same(load_template(tmp_path / "b.motion"), loaded)
    for i in (0, 255, 256, 599):
        assert np.abs(loaded.motions[i].expression - template.motions[i].expression).max() < 0.01


def test_a_template_is_known_by_content(tmp_path: Path) -> None:
    save_template(tmp_path / "plain", made())
    export_official(tmp_path / "official.bin", made())
    assert is_template(tmp_path / "plain") and is_template(tmp_path / "official.bin")
    assert_same(load_template(tmp_path / "plain"), load_template(tmp_path / "official.bin"))


def test_paths_may_be_texts(tmp_path: Path) -> None:
    for name in ("blink", "smile"):
        template = load_template(str(EXAMPLES / f"driving/{name}.motion"))
        save_template(str(tmp_path / "again.motion"), template)
        assert len(load_template(str(tmp_path / "again.motion")).motions) == len(template.motions)
