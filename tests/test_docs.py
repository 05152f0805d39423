"""The documentation as readers meet it: a site whose links lead somewhere, and pages of the checkout that do too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("integrations/*/*.md"), *ROOT.glob("training/*/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_checkout_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.slow
def test_the_site_is_built_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    home = (tmp_path / "site" / "index.html").read_text()
    for page in (tmp_path / "docs").glob("*.md"):
        assert (tmp_path / "site" / page.stem / "index.html").exists() or page.stem == "index"
        assert page.stem in home or page.stem == "index", f"{page.name} is not in the navigation"
    reference = (tmp_path / "site" / "API" / "index.html").read_text()
    for name in ("Animator.animate", "Portrait.stream", "Driving", "NoFaceError", "Timeline"):
        assert f'{name}"' in reference, f"{name} is not in the reference"
