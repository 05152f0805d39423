"""Inputs of several tests of the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from openportrait.media import read_image, write_image


@pytest.fixture(scope="session")
def small(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait, 256 px wide."""
    path = tmp_path_factory.mktemp("inputs") / "small.png"
    write_image(path, read_image(portrait, max_size=300).image)
    return path
