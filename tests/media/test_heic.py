"""HEIC pictures: read with the extra, refused with its name without."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from openportrait.errors import MediaError
from openportrait.media import pixels, read_image
from tests.conftest import missing


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    if find_spec("pillow_heif") is None:
        missing("pillow-heif")
    import pillow_heif

    gradient = np.linspace(0, 255, 96, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(Pillow.fromarray(gradient)).save(path, quality=95)
    return path


def test_a_heic_picture_is_read(heic: Path) -> None:
    image = read_image(heic).image
    assert image.shape == (64, 96, 3)
    assert abs(float(image[:, 48].mean()) - 128) < 6


def test_without_the_extra_it_is_named(heic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(MediaError, match=r"openportrait\[heic\]"):
        read_image(heic)
