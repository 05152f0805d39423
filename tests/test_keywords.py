"""The options at the call: known to type checkers, and stated once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from openportrait.keywords import JobOptions
from openportrait.options import Options, specs

from .conftest import ROOT

SOURCES = ROOT / "src"

CALLS = """
from pathlib import Path
from typing import Unpack
from openportrait.keywords import JobOptions

def job(source: str, **options: Unpack[JobOptions]) -> None: ...

job("a.jpg", engine="mesh", multiplier=1, weights=None, relative=False)
job("a.jpg", weights="folder", quality=90)
job("a.jpg", weights=Path("folder"))
job("a.jpg", regoin="lip")
job("a.jpg", quality="high")
job("a.jpg", engine="mash")
"""


def test_the_keywords_are_current(tmp_path: Path) -> None:
    made = tmp_path / "keywords.py"
    script = ROOT / "scripts" / "keywords.py"
    subprocess.run([sys.executable, str(script), str(made)], check=True, timeout=60)
    assert (ROOT / "src" / "openportrait" / "keywords.py").read_text() == made.read_text(), "run `make options`"


def test_every_option_is_a_keyword() -> None:
    groups = map(type, vars(Options()).values())
    assert sorted(get_type_hints(JobOptions)) == sorted(spec.name for group in groups for spec in specs(group))


def test_a_type_checker_rejects_what_is_no_option(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "calls.py").write_text(CALLS)
    keywords = SOURCES / "openportrait" / "keywords.py"
    named = re.findall(r"^from openportrait\.(\w+) import", keywords.read_text(), re.MULTILINE)
    # Nothing else of the package is looked at, which takes a twentieth of the time.
    only = ["--follow-imports=skip", str(keywords), *(str(keywords.with_stem(module)) for module in named)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={tmp_path}", *only, "calls.py"],
        env=os.environ | {"MYPYPATH": str(SOURCES)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("calls.py:")]
    due = ('"regoin" for "job"; did you mean "region"', '"quality" .* "str"; expected "int"', '"engine" .*mash')
    assert len(found) == len(due), done.stdout
    assert all(re.search(pattern, line) for pattern, line in zip(due, found, strict=True)), done.stdout
