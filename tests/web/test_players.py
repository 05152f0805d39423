"""What is handed in plays in the page; a part of it, and one frame of the job, are chosen there; pictures are taken."""

from __future__ import annotations

import base64
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from openportrait import Animator, Driving
from openportrait.media import open_writer, read_image
from tests.conftest import EXAMPLES
from tests.web.conftest import PATIENCE_MS, Visitor


def stand(visitor: Visitor, player: str, seconds: float) -> None:
    """Have a player stand at a time, and wait until the page says so."""
    visitor.page.evaluate(
        "([id, to]) => { document.querySelector(`#${id} video`).currentTime = to; }", [player, seconds]
    )
    script = "to => Math.abs(document.querySelector('#animate-second input').value - to) < 0.006"
    visitor.page.wait_for_function(script, arg=seconds, timeout=PATIENCE_MS)


def preview(visitor: Visitor, folder: Path) -> Path:
    """Ask for one frame, and fetch it."""
    shown = "() => document.querySelector('#animate-one-frame img')?.src || ''"
    before = visitor.page.evaluate(shown)
    visitor.page.click("#animate-preview")
    visitor.page.wait_for_function(f"before => ![before, ''].includes(({shown})())", arg=before, timeout=PATIENCE_MS)
    return visitor.fetch("#animate-one-frame img", folder)


def test_a_part_of_what_plays_is_used_and_one_frame_of_it_shown(
    visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", short_talk)
    assert abs(visitor.video("animate-driving-player")["seconds"] - 0.96) < 0.05
    assert not visitor.page.is_visible("#animate-source-part"), "a picture has no part"
    visitor.page.evaluate("() => document.querySelector('#animate-driving-player video').pause()")
    for button, seconds, field in (("start", 0.24, "start"), ("end", 0.72, "end")):
        stand(visitor, "animate-driving-player", seconds)
        visitor.page.click(f"#animate-driving-{button}-here")
        script = "([id, to]) => Number(document.querySelector(`#${id} :is(input, textarea)`).value) === to"
        visitor.page.wait_for_function(script, arg=[f"animate-driving_{field}", seconds], timeout=PATIENCE_MS)
    stand(visitor, "animate-driving-player", 0.44)
    seen = read_image(preview(visitor, tmp_path)).image.astype(int)
    part = Driving(short_talk, start_seconds=0.24, end_seconds=0.72)
    with Animator(engine="mesh").stream(portrait, part) as job:
        off = [np.abs(seen - picture.image).mean() for picture in job]
    assert int(np.argmin(off)) == 2
    assert off[2] < 3, "but for JPEG"
    visitor.run("animate")
    assert "6 frames" in visitor.status("animate")
    visitor.upload("animate-driving", EXAMPLES / "driving" / "speech.ogg")
    visitor.page.wait_for_selector("#animate-driving-player audio", timeout=PATIENCE_MS)
    script = "() => document.querySelector('#animate-driving_start input').value === '0'"
    visitor.page.wait_for_function(script, timeout=PATIENCE_MS)  # Another file is used whole.


def test_what_is_wrong_with_a_job_is_said_before_it(visitor: Visitor, portrait: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.wait_for_preview("animate-source")
    visitor.page.click("#animate-preview")
    assert "there is no driving yet; add one" in visitor.page.inner_text(".op-trouble")


def test_of_a_clip_that_is_too_long_a_part_is_used(
    visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "slow.mp4"
    with open_writer(clip, rate=Fraction(1, 4)) as writer:
        for _ in range(12):
            writer.write(read_image(EXAMPLES / "driving" / "surprise.jpg", max_size=256).image)
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", clip)
    visitor.wait_for_text("animate-driving-player", "lasts 48 s, the limit is 30 s; use less of it")
    visitor.wait_for_preview("animate-driving")
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "lasts 48 s, the limit is 30 s")
    visitor.page.fill("#animate-driving_end :is(input, textarea)", "2")
    visitor.run("animate")
    assert "2 frames" in visitor.status("animate")
    visitor.page.fill("#animate-driving_start input", "1")
    visitor.upload("animate-driving", short_talk)
    script = "() => document.querySelector('#animate-driving-player video')?.duration < 1"
    visitor.page.wait_for_function(script, timeout=PATIENCE_MS)
    visitor.wait_for_preview("animate-driving")
    assert not visitor.page.locator(".op-trouble").count(), "the part of one clip is not asked of the next"


def test_a_portrait_is_pasted_and_a_driving_is_taken(
    visit: Callable[..., Visitor], portrait: Path, tmp_path: Path
) -> None:
    visitor = visit(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write", "camera"]
    )
    visitor.page.get_by_role("tab", name="Take or paste").first.click()
    with Pillow.open(portrait) as picture:
        picture.save(tmp_path / "copied.png")
    visitor.page.evaluate(
        """async content => {
            const blob = await (await fetch(`data:image/png;base64,${content}`)).blob();
            await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }""",
        base64.b64encode((tmp_path / "copied.png").read_bytes()).decode(),
    )
    visitor.page.locator("#animate-source-taken").get_by_label("Paste from clipboard").click()
    visitor.wait_for_preview("animate-source")
    visitor.page.get_by_role("tab", name="Take or paste").last.click()
    box = visitor.page.locator("#animate-driving-taken")
    box.get_by_text("Click to Access Webcam").click()
    box.get_by_label("capture photo").click()
    visitor.wait_for_preview("animate-driving")
    made = read_image(preview(visitor, tmp_path)).image
    assert made.shape == read_image(portrait).image.shape
