"""The page as a whole: every control explained, every width, both looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openportrait.options import (
    CropOptions,
    EngineOptions,
    FaceOptions,
    MotionOptions,
    OptionSpec,
    OutputOptions,
    specs,
)
from openportrait.web.animate import REGION
from openportrait.web.checks import label
from tests.conftest import EXAMPLES
from tests.pipeline.test_animate import change
from tests.web.conftest import PATIENCE_MS, Visitor

TABS = ("Animate", "Edit", "Retarget", "Live")


def test_every_option_has_a_control_with_label_and_help(visitor: Visitor) -> None:
    visitor.page.locator("#animate-options > button").click()
    records = (MotionOptions, FaceOptions, CropOptions, EngineOptions, OutputOptions)
    options: list[OptionSpec] = [spec for record in records for spec in specs(record) if spec.name != "weights"]
    visitor.page.locator("#animate-options").get_by_role("button", name="What is written").wait_for()
    for group in visitor.page.locator("#animate-options button.label-wrap").all()[1:]:
        group.click()
    visitor.page.wait_for_selector("#animate-keep_partial")
    for spec in options:
        if spec.name in REGION:
            continue
        text = " ".join(visitor.page.inner_text(f"#animate-{spec.name}").split())
        assert label(spec.name) in text
        assert spec.help in text


@pytest.mark.parametrize("width", [360, 1280])
def test_no_tab_is_wider_than_the_screen(visit: Callable[..., Visitor], width: int) -> None:
    visitor = visit(viewport={"width": width, "height": 740}, is_mobile=width < 700, has_touch=width < 700)
    for tab in TABS:
        visitor.open_tab(tab)
        visitor.page.wait_for_timeout(200)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    start = visitor.page.locator("#live-start").bounding_box()
    assert start["x"] + start["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_browser_in_light_and_dark(visit: Callable[..., Visitor], scheme: str) -> None:
    visitor = visit(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    shade = visitor.page.evaluate(
        """() => {
            const colour = getComputedStyle(document.querySelector('#animate-status .op-status')).backgroundColor;
            return Math.max(...colour.match(/\\d+/g).slice(0, 3).map(Number));
        }"""
    )
    assert (shade > 200) == (scheme == "light")


@pytest.mark.parametrize(("tab", "elem_id"), [("Animate", "animate-source"), ("Edit", "edit-source")])
def test_another_file_sets_off_each_event_a_few_times_and_then_the_page_rests(
    visitor: Visitor, portrait: Path, tab: str, elem_id: str
) -> None:
    visitor.open_tab(tab)
    visitor.upload(elem_id, portrait)
    visitor.wait_for_preview(elem_id)
    visitor.page.wait_for_timeout(1000)
    asked: Counter[int] = Counter()

    def count(request: Any) -> None:
        if "queue/join" in request.url:
            asked[json.loads(request.post_data)["fn_index"]] += 1

    visitor.page.on("request", count)
    visitor.upload(elem_id, EXAMPLES / "source" / "astronaut.jpg")
    before = -1
    while before != asked.total():
        before = asked.total()
        visitor.page.wait_for_timeout(2000)
    assert max(asked.values()) <= 3, "the old file goes, the new one comes, and once more where it was busy"


def test_a_page_that_is_loaded_anew_shows_what_it_did_and_finds_its_job(
    visitor: Visitor, portrait: Path, talk: Path, saved: Path
) -> None:
    page, asked = visitor.page, list[str]()

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", talk)
    visitor.wait_for_preview("animate-driving")
    visitor.preset("animate", "Lips")
    visitor.slide("animate-strength-lip", 0.5)
    visitor.add_driving(2, EXAMPLES / "driving" / "surprise.jpg")
    visitor.choose("animate-driving-2-region", "Eyes")
    page.click("#animate-start")
    visitor.wait_for_status("animate", "frames/s")
    page.reload()
    assert asked == ["beforeunload"]
    visitor.wait_for_text("animate-status", "190 frames")
    page.wait_for_selector("#animate-source-faces img", timeout=PATIENCE_MS)
    page.wait_for_selector("#animate-strength-lids input[type=range][disabled]")
    assert visitor.ticked("animate") == {"lip"}
    assert page.input_value("#animate-strength-lip input[type=range]") == "0.5"
    page.wait_for_selector("#animate-driving-2", state="visible")
    assert page.input_value("#animate-driving-2-region input") == "Eyes"
    visitor.wait_for_text("animate-status", "Done")
    assert (saved / "officer--talk.mp4").exists()


def test_an_edited_portrait_is_shown_again(visitor: Visitor, portrait: Path) -> None:
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", portrait))
    visitor.when_edited(lambda: visitor.slide("slider-smile", 1.0))
    visitor.settle()
    edited = visitor.edited()
    visitor.page.reload()
    visitor.page.wait_for_selector("#edit-picture img[src]", state="visible", timeout=PATIENCE_MS)
    visitor.settle()
    assert visitor.slider("smile") == 1.0
    assert change(visitor.edited(), edited) == 0


def test_an_earlier_result_gives_its_settings_again_and_is_deleted(
    visitor: Visitor, portrait: Path, saved: Path
) -> None:
    page = visitor.page
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.preset("animate", "Eyes")
    page.wait_for_function("window.openportrait.settings()['animate-moves-lip'] === false")
    before = set(saved.glob("officer--surprise*"))
    visitor.run("animate")
    made = set(saved.glob("officer--surprise*")) - before
    assert len(made) == 3, "result, side by side and template"
    visitor.preset("animate", "Lips")
    page.get_by_role("button", name="Earlier results").click()
    page.get_by_label("officer--surprise").check()
    page.wait_for_selector("#earlier-files a[href]", state="attached")
    page.click("#earlier-again")
    page.wait_for_function("document.querySelector('#animate-region input:checked')?.value === 'eyes'")
    assert visitor.ticked("animate") == {"lids", "gaze"}
    page.click("#earlier-delete")
    page.wait_for_selector("#earlier-chosen input", state="detached")
    assert not made & set(saved.iterdir())
