"""The page about batches, docs/BATCH.md: its example and its Python run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "BATCH.md").read_text("utf-8")


def section(title: str, language: str) -> str:
    """The first block of a language below a title."""
    found = re.search(rf"## {title}\n.*?```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, title
    return found[1]


def test_the_example_makes_what_its_list_says(tmp_path: Path) -> None:
    (tmp_path / "assets").symlink_to(ROOT / "assets", target_is_directory=True)
    command = tmp_path / "openportrait"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m openportrait "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e"],
        input=section("An example", "sh"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["jobs"], told["done"]) == (3, 3)
    results = [tmp_path / outcome["result"]["path"] for outcome in told["outcomes"]]
    assert all(path.is_file() for path in results)
    assert {path.name for path in results if path.parent == tmp_path} == {"nod.mp4"}
    assert sorted(path.suffix for path in results) == [".jpg", ".mp4", ".mp4"]


def test_the_python_of_the_page_runs(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(files / "portrait.png", tmp_path / "anna.jpg")
    shutil.copy(files / "clip.mp4", tmp_path / "talk.mp4")
    monkeypatch.chdir(tmp_path)
    exec(compile(section("From Python", "python"), "docs/BATCH.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert all(line.startswith("anna.jpg out/anna--talk--") and line.endswith(".mp4") for line in said)
