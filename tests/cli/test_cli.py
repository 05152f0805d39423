"""What needs no engine: help, usage errors, exit codes, versions."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from openportrait.cli.console import guarded
from openportrait.options import Options, specs
from tests.cli.conftest import Run
from tests.conftest import ROOT

HEAVY = ("numpy", "cv2", "av", "torch", "scipy", "PIL", "gradio", "onnxruntime")


@pytest.mark.parametrize("args", [[], ["--help"], ["animate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    program = f"""
import sys
import warnings
from openportrait.cli import main
try:
    code = main({args!r})
except SystemExit as stopped:
    code = stopped.code
assert not code, code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "openportrait" in done.stdout


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
        ("--max-crop", "100000", "give a number from 256 to 4096"),
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
    assert (ROOT / "docs" / "OPTIONS.md").read_text() == made.read_text(), "run `make docs`"
