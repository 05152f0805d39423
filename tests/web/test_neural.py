"""The app on the neural engine, with stand-in weights: what is slow says so, all else is as with the mesh engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openportrait.media import read_image
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions
from openportrait.web.server import Served, served
from tests.conftest import EXAMPLES
from tests.web.conftest import Visitor

PATIENCE_MS = 180_000
"""A picture takes a second where the processor has matrix units, and ten where it has not."""


@pytest.fixture(scope="module")
def app(weights: Path) -> Iterator[Served]:
    """The app as it starts where weights are present."""
    with served(WebOptions(port=0, save="session"), EngineOptions(weights=weights, device="cpu")) as running:
        yield running


def test_a_picture_follows_a_picture(visitor: Visitor, portrait: Path, tmp_path: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.page.click("#animate-start")
    visitor.wait_for_text("animate-status", "Done", PATIENCE_MS)
    assert "with the neural engine" in visitor.status("animate")
    assert "not all the published ones" in visitor.status("animate")
    source, result = (
        read_image(path).image for path in (portrait, visitor.fetch("#animate-result-image img", tmp_path))
    )
    assert result.shape == source.shape
    assert (result != source).any()


def test_a_camera_that_it_cannot_keep_up_with_is_told_of_the_mesh_engine(visitor: Visitor, portrait: Path) -> None:
    visitor.open_tab("Live")
    visitor.upload("live-source", portrait)
    visitor.page.click("#live-start")
    visitor.wait_for_text("live-stage", "ms behind the camera; the mesh engine, under Options, keeps up", PATIENCE_MS)
    visitor.page.click("#live-stop")
