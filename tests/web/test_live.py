"""The tab “Live” in a browser whose camera shows a talking face."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from openportrait.errors import OptionError
from openportrait.media import read_image
from openportrait.records import Image
from openportrait.web.live import samples
from openportrait.web.server import Served
from tests.pipeline.test_animate import change, frames_of, parts
from tests.web.conftest import PATIENCE_MS, Visitor

COUNTERS = "[...document.querySelectorAll('#live-stage, #live-stage *')]"


def shown(visitor: Visitor) -> Image:
    """What the page shows of the portrait."""
    url = visitor.page.evaluate("document.querySelector('#live-stage canvas').toDataURL('image/png')")
    with PillowImage.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"))


def frames(visitor: Visitor) -> int:
    script = f"Math.max(0, ...{COUNTERS}.map(each => Number(each.dataset.frames || 0)))"
    return int(visitor.page.evaluate(script))


def wait_for_frames(visitor: Visitor, more: int) -> None:
    script = f"goal => {COUNTERS}.some(each => Number(each.dataset.frames || 0) >= goal)"
    visitor.page.wait_for_function(script, arg=frames(visitor) + more, timeout=PATIENCE_MS)


def test_the_camera_drives_the_portrait(visitor: Visitor, app: Served, portrait: Path, tmp_path: Path) -> None:
    visitor.open_tab("Live")
    visitor.upload("live-source", portrait)
    visitor.page.click("#live-start")
    wait_for_frames(visitor, 20)
    assert "frames/s" in visitor.page.inner_text("#live-stage")
    source = read_image(portrait, max_size=512).image
    boxes, pictures = parts(source), []
    for _ in range(12):
        wait_for_frames(visitor, 3)
        pictures.append(shown(visitor))
    assert pictures[0].shape == source.shape
    assert max(change(picture, source, boxes["mouth"]) for picture in pictures) > 6
    assert max(change(picture, source, (0, 490, 437, 512)) for picture in pictures) < 6, "the chest does not move"

    assert visitor.page.is_disabled("#live-finish")
    visitor.page.click("#live-neutral")
    visitor.page.click("#live-record")
    visitor.page.wait_for_selector("#live-badge .op-recording")
    assert visitor.page.is_disabled("#live-record")
    wait_for_frames(visitor, 15)
    visitor.page.click("#live-finish")
    video = visitor.video("live-recording")
    assert (video["width"], video["height"]) == (438, 512)
    assert video["seconds"] > 0.5
    assert len(frames_of(visitor.fetch("#live-recording video", tmp_path))) > 12

    visitor.open_tab("Edit")
    visitor.open_tab("Live")
    visitor.page.wait_for_function("() => document.querySelector('#live-stage').innerText.includes('Stopped')")
    count = frames(visitor)
    visitor.page.wait_for_timeout(500)
    assert frames(visitor) == count, "the camera ends where its tab is left"
    assert visitor.page.is_disabled("#live-record")


def test_the_microphone_moves_the_mouth(visitor: Visitor, portrait: Path) -> None:
    visitor.open_tab("Live")
    visitor.upload("live-source", portrait)
    visitor.page.locator("#live-by").get_by_label("Microphone").check()
    visitor.page.click("#live-start")
    wait_for_frames(visitor, 10)
    source = read_image(portrait, max_size=512).image
    boxes, pictures = parts(source), []
    for _ in range(12):
        wait_for_frames(visitor, 3)
        pictures.append(shown(visitor))
    assert max(change(picture, source, boxes["mouth"]) for picture in pictures) > 6
    assert max(change(picture, source, (0, 490, 437, 512)) for picture in pictures) < 6, "the chest does not move"
    assert "behind the microphone" in visitor.page.inner_text("#live-stage")
    visitor.page.click("#live-stop")
    visitor.page.wait_for_function("() => document.querySelector('#live-stage').innerText.includes('Stopped')")


@pytest.mark.parametrize(("body", "rate"), [(b"", 48_000), (b"odd", 48_000), (bytes(64_000), 8000), (bytes(8), 1000)])
def test_no_sound_is_refused(body: bytes, rate: int) -> None:
    with pytest.raises(OptionError):
        samples(body, rate)


def test_the_region_changes_while_it_runs(visitor: Visitor, portrait: Path) -> None:
    visitor.open_tab("Live")
    visitor.upload("live-source", portrait)
    visitor.page.click("#live-start")
    wait_for_frames(visitor, 5)
    visitor.slide("live-multiplier", 0)
    wait_for_frames(visitor, 10)
    first = shown(visitor)
    wait_for_frames(visitor, 15)
    assert change(shown(visitor), first) < 0.5, "a multiplier of 0 keeps the portrait still"


def test_frames_without_a_session_are_refused(app: Served) -> None:
    request = urllib.request.Request(f"{app.url}openportrait/live/guessed", data=b"x", method="POST")
    try:
        urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        assert error.code == 404
    else:
        raise AssertionError("a stranger's frame was taken")
