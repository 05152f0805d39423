"""What every test may use."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest

from openportrait.media import open_clip, open_writer

# A shell has what it runs in the background ignore SIGINT, and processes that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


EXAMPLES = ROOT / "assets" / "examples"


@pytest.fixture(scope="session")
def portrait() -> Path:
    """A picture of one person, 512 × 600."""
    return EXAMPLES / "source" / "officer.jpg"


@pytest.fixture(scope="session")
def talk() -> Path:
    """A clip of 7.6 s at 25 frames/s, 512 × 512, with sound."""
    return EXAMPLES / "driving" / "talk.mp4"


@pytest.fixture(scope="session")
def short_talk(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of it, every fourth, 320 px wide, at 12.5 frames/s, with sound: the first one is at rest."""
    path = tmp_path_factory.mktemp("clips") / "short_talk.mp4"
    with open_clip(talk, max_size=320) as clip, open_writer(path, rate=Fraction(25, 2), sound=[talk]) as writer:
        for frame in islice(clip, 0, 48, 4):
            writer.write(frame.image)
    return path
