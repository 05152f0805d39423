"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def missing(what: str) -> None:
    """Skip for a reason; where nothing may be skipped (OPENPORTRAIT_REQUIRE_ALL=1), fail."""
    if os.environ.get("OPENPORTRAIT_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and OPENPORTRAIT_REQUIRE_ALL forbids skipping")
    pytest.skip(f"{what} is missing")


def shared(relative: str) -> Path:
    """A file of the reference material that lies beside a developer's checkout; never part of the repository."""
    path = ROOT.parent / "shared" / relative
    if not path.exists():
        missing(f"reference material {relative}")
    return path
