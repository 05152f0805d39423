"""The tab “Retarget” in a browser, on the mesh engine."""

from __future__ import annotations

from pathlib import Path

from openportrait.faces import FaceFinder, ratios
from openportrait.media import probe
from openportrait.media.provenance import said
from tests.pipeline.test_animate import frames_of
from tests.web.conftest import Visitor


def test_a_video_has_its_lips_opened_and_keeps_its_sound(visitor: Visitor, short_talk: Path, tmp_path: Path) -> None:
    visitor.open_tab("Retarget")
    visitor.upload("retarget-source", short_talk)
    visitor.wait_for_preview("retarget-source")
    visitor.tick("retarget-lip-set")
    visitor.slide("retarget-lip", 0.4)
    visitor.page.fill("#retarget-source_start input", "0.24")
    visitor.page.fill("#retarget-source_end :is(input, textarea)", "0.72")
    visitor.run("retarget")
    assert visitor.video("retarget-result-video")["played"] > 0
    made = visitor.fetch("#retarget-result-video video", tmp_path)
    info = probe(made)
    assert (info.frames, info.rate, info.has_audio) == (6, probe(short_talk).rate, True), "a part of it"
    finder = FaceFinder()
    lips = [ratios(finder.find(picture)[0]).lip for picture in frames_of(made)[:3]]
    assert min(lips) > 0.2
    visitor.page.get_by_role("tab", name="Files").last.click()
    visitor.page.click("#retarget-gif")
    gif = visitor.fetch("#retarget-files a[href$='.gif']", tmp_path)
    moving = probe(gif)
    assert (moving.container, moving.frames, max(moving.width, moving.height)) == ("GIF", 6, 320)
    assert said(gif).term == said(made).term == "compositeWithTrainedAlgorithmicMedia"


def test_wishes_that_cannot_be_met_are_refused(visitor: Visitor, short_talk: Path) -> None:
    visitor.open_tab("Retarget")
    visitor.upload("retarget-source", short_talk)
    visitor.page.click("#retarget-start")
    visitor.wait_for_status("retarget", "nothing to retarget")
    assert visitor.page.is_disabled("#retarget-lip input[type=range]"), "its box is not ticked"
