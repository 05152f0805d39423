"""What belongs to the project and not to the program: its forms and workflows, and what it ships."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import openportrait
from tests.conftest import ROOT

FORMS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.citation-file-format": "CITATION.cff",
}


def run(*args: object, cwd: Path = ROOT) -> str:
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    line = list(map(str, args))
    done = subprocess.run(line, cwd=cwd, env=own, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("schema", FORMS)
def test_forms_and_workflows_are_what_their_readers_expect(schema: str) -> None:
    files = sorted(ROOT.glob(FORMS[schema]))
    assert files
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files)


@pytest.mark.slow
def test_a_wheel_works_outside_of_any_checkout(tmp_path: Path) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path]
    run(*wheel)
    (built,) = tmp_path.glob(f"openportrait-{openportrait.__version__}-*.whl")
    venv.create(tmp_path / "fresh", with_pip=False)
    folder = "Scripts" if sys.platform == "win32" else "bin"
    python, command = (tmp_path / "fresh" / folder / name for name in ("python", "openportrait"))
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # The libraries of these tests, but not the checkout, which is installed there by a file that is not read here.
    (Path(packages) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    run(sys.executable, "-m", "pip", "-q", "--python", python, "install", "--no-deps", built)

    told = "import openportrait.web.examples as e; print(e.FOLDER, *(x.source for x in e.examples()), sep='\\n')"
    home, *examples = run(python, "-c", told, cwd=tmp_path).splitlines()
    assert Path(home).is_relative_to(packages)
    assert len(examples) >= 5
    driving = next(Path(home).glob("driving/nod.motion"))
    line = ["animate", "-s", examples[0], "-d", driving, "-o", "out.mp4", "--engine", "mesh", "--max-crop", "256"]
    assert run(command, *line, cwd=tmp_path) == "out.mp4"
    assert (tmp_path / "out.mp4").stat().st_size > 10_000
    assert run(command, "--version", cwd=tmp_path).split()[-1] == openportrait.__version__
