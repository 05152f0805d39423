"""What every test may use."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest

from openportrait.faces import FaceFinder
from openportrait.media import Sound, open_clip, open_writer
from tests.forked import Forked
from tests.forked import forked as forked_from

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
    """An example clip, picture or template of the released project, which lie beside a developer's checkout; their
    licences keep them out of the repository."""
    path = ROOT.parent / "shared" / relative
    if not path.exists():
        missing(f"example {relative}")
    return path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is dear to make go to one worker of a parallel run; hostile files share nothing.

    The page's tests, the longest of all, come first (see --no-loadscope-reorder): the other worker does the rest
    meanwhile.
    """
    items.sort(key=lambda item: _area(item)[0] != "web")
    for item in items:
        area = _area(item)
        if "weights" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("weights"))
        elif area[0] != "hostile":
            item.add_marker(pytest.mark.xdist_group(area[0] if area[0] == "web" else "/".join(area)))


def _area(item: pytest.Item) -> tuple[str, ...]:
    """The folders below `tests`, and the file."""
    return item.path.relative_to(ROOT / "tests").parts


EXAMPLES = ROOT / "assets" / "examples"


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """Runs the product in processes that have it loaded already."""
    with forked_from(ROOT) as ask:
        yield ask


@pytest.fixture(scope="session")
def portrait() -> Path:
    """A picture of one person, 512 × 600."""
    return EXAMPLES / "source" / "officer.jpg"


@pytest.fixture(scope="session")
def talk() -> Path:
    """A clip of 7.6 s at 25 frames/s, 512 × 512, with sound."""
    return EXAMPLES / "driving" / "talk.mp4"


@pytest.fixture(scope="session")
def speech() -> Path:
    """5.3 s of a voice: "My mother baked a plum pie. People move the boat by the bay, before they come home." """
    return EXAMPLES / "driving" / "speech.ogg"


@pytest.fixture(scope="session")
def short_talk(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of it, every fourth, 320 px wide, at 12.5 frames/s, with sound: the first one is at rest."""
    path = tmp_path_factory.mktemp("clips") / "short_talk.mp4"
    with open_clip(talk, max_size=320) as clip, open_writer(path, rate=Fraction(25, 2), sound=[Sound(talk)]) as writer:
        for frame in islice(clip, 0, 48, 4):
            writer.write(frame.image)
    return path


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    """Finds the faces of pictures that tests make."""
    return FaceFinder()


STITCHING = "liveportrait/retargeting_models/stitching_retargeting_module.pth"


@pytest.fixture(scope="session")
def neural_packages() -> None:
    """What the neural engine needs is installed."""
    for package in ("torch", "safetensors"):
        if importlib.util.find_spec(package) is None:
            missing(package)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, neural_packages: None) -> Iterator[Path]:
    """Seeded stand-ins as the released project's `pretrained_weights`, without the landmark network."""
    import torch

    from tests.engines.neural.standins import stand_in_weights, write_official_layout

    folder = write_official_layout(tmp_path_factory.mktemp("weights") / "pretrained_weights")
    parts = ("retarget_shoulder", "retarget_mouth", "retarget_eye")
    torch.save(
        {part: {f"module.{key}": value for key, value in stand_in_weights(part).items()} for part in parts},
        folder / STITCHING,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENPORTRAIT_CACHE", str(folder.parent / "cache"))
        patch.delenv("OPENPORTRAIT_WEIGHTS", raising=False)
        yield folder
    shutil.rmtree(folder.parent)
