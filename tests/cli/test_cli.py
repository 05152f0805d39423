"""What needs no engine: help, usage errors, exit codes, versions."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import cv2
import numpy as np
import pytest

from openportrait.cli import main
from openportrait.cli.console import guarded
from openportrait.errors import OptionError
from openportrait.options import Options, specs
from tests.cli.conftest import Run
from tests.conftest import ROOT

HEAVY = ("numpy", "cv2", "av", "torch", "scipy", "PIL", "gradio", "onnxruntime")


def loads_nothing_heavy(args: list[str], code: int) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys
import warnings
from openportrait.cli import main
try:
    code = main({args!r})
except SystemExit as stopped:
    code = stopped.code
assert (code or 0) == {code}, code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("args", [[], ["--help"], ["animate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    assert "openportrait" in loads_nothing_heavy(args, 0).stdout


@pytest.mark.parametrize("command", ["web", "serve"])
def test_a_port_that_is_taken_is_told_before_anything_heavy_is_loaded(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told = loads_nothing_heavy([command, "--port", port], 1).stderr
    assert told == f"openportrait: error: port {port} of 127.0.0.1 is taken; choose another with --port\n"


def test_lines_of_a_help_page_end_between_words(run: Run) -> None:
    words = set(run("batch", "--help").stdout.split())
    assert {"openportrait-batch.sqlite", "#rrggbb"} <= {word.strip("(),.;") for word in words}


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_pages_name_is_there(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#\s]+)", text)
    named = [ROOT / name for name in re.findall(r"assets/examples/[\w./-]*\w", text)]
    linked = [page.parent / link for link in links if "://" not in link]
    assert not [str(path) for path in (*named, *linked) if not path.exists()]


def test_help_of_animate_names_every_option(run: Run) -> None:
    page = run("animate", "--help").stdout
    names = [spec.name for group in fields(Options) for spec in specs(get_type_hints(Options)[group.name])]
    missing = [name for name in names if f"--{name.replace('_', '-')}" not in page]
    assert not missing
    assert "--no-stitching" in page


def test_version_is_the_package_s(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version").stdout == f"openportrait {version('openportrait')}\n"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["animate", "-s", "a.png"], "--driving"),
        (["animate", "-s", "a.png", "-d", "b.png", "--region", "nose"], "nose"),
        (["animate", "-s", "a.png", "-d", "b.png", "--mulitplier", "2"], "--mulitplier"),
        (["animate", "-s", "a.png", "-d", "b.png", "--max-size", "large"], "large"),
        (["animat"], "animat"),
    ],
)
def test_wrong_usage_is_explained_and_exits_2(run: Run, tmp_path: Path, args: list[str], complaint: str) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flag", "value", "remedy"),
    [
        ("--multiplier", "nan", "give a finite number"),
        ("--source-scale", "inf", "give a finite number"),
        ("--multiplier", "-1", "give a number from 0 to 5"),
        ("--max-crop", "100000", "give a whole number from 256 to 4096"),
        ("--detection-threshold", "0", "give a number from 0.05 to 0.99"),
    ],
)
def test_an_option_out_of_range_is_one_line_and_exits_2(
    run: Run, files: Path, tmp_path: Path, flag: str, value: str, remedy: str
) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", flag, value)
    assert done.returncode == 2
    assert done.stderr == f"openportrait: error: {flag} is {float(value):g}; {remedy}\n"
    assert not list(tmp_path.iterdir())


def test_faces_lists_and_draws(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("faces", files / "portrait.png", "--draw", "drawn.png", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (face,) = found["faces"]
    left, top, right, bottom = face["box"]
    assert 0 <= left < right <= found["width"]
    assert 0 <= top < bottom <= found["height"]
    assert face["number"] == 0
    assert face["score"] > 0.5
    assert (tmp_path / "drawn.png").stat().st_size > 0
    table = run("faces", files / "clip.mp4").stdout.splitlines()
    assert len(table) == 2


def test_faces_without_a_face_fails_with_the_remedy(run: Run, files: Path) -> None:
    done = run("faces", files / "blank.png", "--detection-threshold", "0.6")
    assert done.returncode == 1
    assert "no face" in done.stderr
    assert "--detection-threshold (now 0.6)" in done.stderr
    assert done.stdout == ""


def test_a_reader_who_leaves_early_is_no_error(files: Path) -> None:
    command = [sys.executable, "-m", "openportrait", "faces", str(files / "portrait.png"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_warning_is_one_line_without_a_place_in_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert guarded(lambda: warnings.warn("weights of your own", stacklevel=1)) == 0
    assert capsys.readouterr().err == "openportrait: note: weights of your own\n"


def test_the_page_of_options_is_current(tmp_path: Path) -> None:
    made = tmp_path / "OPTIONS.md"
    script = ROOT / "scripts" / "options_table.py"
    subprocess.run([sys.executable, str(script), str(made)], check=True, timeout=60)
    assert (ROOT / "docs" / "OPTIONS.md").read_text() == made.read_text(), "run `make options`"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("animate -s a.png", "the following arguments are required: -d/--driving; see `openportrait animate --help`"),
        ("animate -s a -d b --region nose", "--region: there is no region nose; perhaps pose is meant"),
        (
            "animate -s a -d b --mulitplier 2",
            "there is no --mulitplier; perhaps --multiplier is meant; see `openportrait animate --help`",
        ),
        ("animate -s a -d b --max_size 1_000", "--max-size is '1_000'; give a whole number"),
        (f"animate -s a -d b --max-size {'9' * 500}", f"--max-size is '{'9' * 40}…'; give a whole number"),
        (f"animate -s a -d b --multiplier {'9' * 500}", "--multiplier is inf; give a finite number"),
        ("animate -s a -d b --multiplier -1e5", "--multiplier is -100000; give a number from 0 to 5"),
        ("animate -s= -d b", "--source is empty; give a path"),
        ("animate -s a -d b --face", "argument --face: expected one argument; see `openportrait animate --help`"),
        ("faces a b", "'b' is not expected here; see `openportrait faces --help`"),
        ("template", "openportrait template needs a command; choose one of make, info, convert, or see"),
        ("animat", "there is no openportrait 'animat'; perhaps animate is meant; choose one of"),
        ("animate -s a -d b --\udcff\n", r"there is no --\udcff\n; see `openportrait animate --help`"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_flag_as_typed(
    capsys: pytest.CaptureFixture[str], args: str, line: str
) -> None:
    assert main(args.split(" ")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"openportrait: error: {line}")
    assert err.count("\n") == 1


def test_options_of_other_libraries_numbers() -> None:
    assert Options.of(multiplier=np.float32(0.5), max_crop=np.int64(512)).engine.max_crop == 512
    with pytest.raises(OptionError, match="a number of about 501 digits; give a whole number from 0 to 16384"):
        Options.of(max_size=10**500)


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), (">/dev/full", 1), ("2>&-", 0), (">&- 2>&-", 0)])
def test_a_closed_or_full_stream_is_no_traceback(files: Path, tmp_path: Path, redirection: str, code: int) -> None:
    for args in ("--help", "--version", f"faces {files / 'portrait.png'}"):
        command = f"{sys.executable} -m openportrait {args} {redirection}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == (code != 0)
        assert code == 0 or "stdout cannot be written" in done.stderr


def test_names_that_are_no_text_come_back_as_their_bytes(files: Path, tmp_path: Path) -> None:
    def openportrait(*args: bytes) -> subprocess.CompletedProcess[bytes]:
        command = [os.fsencode(sys.executable), b"-m", b"openportrait", *args]
        plain = os.environ | {"PYTHONIOENCODING": "ascii"}
        return subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, timeout=60, check=False)

    name = b"a\xff\xc3\xa9\nb.png"
    (tmp_path / os.fsdecode(name)).write_bytes((files / "portrait.png").read_bytes())
    done = openportrait(b"edit", b"-s", name, b"-o", b"\x1b[31m\xfe.png", b"--engine", b"mesh")
    assert (done.returncode, done.stdout) == (0, b"\x1b[31m\xfe.png\n"), done.stderr
    found = openportrait(b"faces", name, b"--json")
    assert os.fsencode(json.loads(found.stdout)["path"]) == name
    missing = openportrait(b"faces", b"no\x1b[31m\n\xff")
    assert missing.stderr == rb"openportrait: error: no\x1b[31m\n\udcff: there is no such file; check the path" + b"\n"


def test_a_lack_of_memory_is_one_line_whoever_notices_it(capsys: pytest.CaptureFixture[str]) -> None:
    def job() -> None:
        cv2.resize(np.zeros((8, 8), np.uint8), (2**31 - 1, 2**25))

    def fault() -> None:
        raise ZeroDivisionError

    assert guarded(job) == 1
    assert capsys.readouterr().err == "openportrait: error: not enough memory; lower --max-size or --max-crop\n"
    with pytest.raises(ZeroDivisionError):
        guarded(fault)
