"""How the page looks and is used: contrast and names, what is in view, keys in place of a mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EXAMPLES
from tests.web.conftest import Visitor

axe = pytest.importorskip("axe_playwright_python.base")

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """rules => axe.run({runOnly: rules}).then(found => found.violations.flatMap(
    each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`)))"""
SEEN = """id => {
    const box = document.querySelector(id).getBoundingClientRect();
    return box.top >= 0 && box.bottom <= window.innerHeight;
}"""


SMALL = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, [tabindex="0"]')]
    .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.closest('.visually-hidden'))
    .map(each => each.closest('label:has([type=radio])') || each)
    .map(each => [each.outerHTML.slice(0, 160), each.getBoundingClientRect()])
    .filter(([_, box]) => box.width < 24 || box.height < 24)
    .map(([html, box]) => `${box.width} x ${box.height} px: ${html}`)"""
"""What can be clicked and is less than 24 px wide or high."""
FOCUSED = "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText.trim()"


def in_view(visitor: Visitor, selector: str) -> bool:
    """Whether all of it, from top to bottom, is on the screen."""
    return bool(visitor.page.evaluate(SEEN, selector))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_keeps_the_rules_of_accessibility(visit: Callable[..., Visitor], scheme: str) -> None:
    page = visit(color_scheme=scheme).page
    page.evaluate(axe.AXE_FILE_PATH.read_text("utf-8"))
    for tab in ("Animate", "Edit", "Retarget", "Live"):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_timeout(300)
        for heading in page.locator("button.label-wrap:not(.open):visible").all():
            heading.click()
        page.wait_for_timeout(300)
        page.evaluate("() => window.scrollTo(0, 500)")
        if tab in ("Animate", "Retarget"):
            assert page.evaluate(SEEN, f"#{tab.lower()}-start"), "what starts the job is at hand"
        assert page.evaluate(FOUND, RULES) == [], tab
        assert page.evaluate(SMALL) == [], tab
    rest = "id => getComputedStyle(document.querySelector(id)).getPropertyValue('--rest').trim()"
    assert [page.evaluate(rest, f"#animate-{name}") for name in ("multiplier", "strength-lip")] == ["0.2000", "0.3333"]


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_the_edited_picture_stays_in_view(visit: Callable[..., Visitor], portrait: Path, size: dict[str, Any]) -> None:
    visitor = visit(**{"viewport": {"width": 1280, "height": 900}, **size})
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", portrait))
    visitor.settle()
    for slider in ("pitch_degrees", "gaze_x", "lip_open", "pursing"):
        row = visitor.page.locator(f"#slider-{slider} input[type=range]")
        row.evaluate("row => row.scrollIntoView({block: 'end'})")
        assert in_view(visitor, "#edit-picture img"), slider
        box, picture = row.bounding_box(), visitor.page.locator("#edit-picture img").bounding_box()
        beside = box["x"] + box["width"] <= picture["x"]
        assert beside or box["y"] >= picture["y"] + picture["height"], f"{slider} is under the picture"


def test_on_a_phone_a_job_and_its_result_come_into_view(visit: Callable[..., Visitor]) -> None:
    visitor = visit(**PHONE)
    assert not in_view(visitor, "#animate-status")
    for tab in ("Retarget", "Animate"):
        visitor.open_tab(tab)
        visitor.page.wait_for_function(f"({SEEN})('#{tab.lower()}-start')")
    visitor.page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
    last, bar = (visitor.page.locator(each).bounding_box() for each in ("#earlier", "#animate-start"))
    assert last["y"] + last["height"] <= bar["y"], "it hides nothing at the end of the page"
    assert visitor.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    visitor.page.locator("#animate-examples").get_by_text("Officer is surprised").click()
    visitor.wait_for_status("animate", "Done")
    visitor.page.wait_for_selector("#animate-result-image img")
    visitor.page.wait_for_function(f"({SEEN})('#animate-result-image img')")
    result, bar = (visitor.page.locator(f"#animate-{each}").bounding_box() for each in ("result-image", "start"))
    assert result["y"] + result["height"] <= bar["y"], "the bar hides nothing of it"
    visitor.page.click("#animate-start")
    visitor.page.wait_for_function("() => !document.getElementById('animate-status').innerText.includes('Done')")
    visitor.page.mouse.wheel(0, -10_000)
    visitor.wait_for_status("animate", "Done")
    visitor.page.wait_for_timeout(1000)
    assert not in_view(visitor, "#animate-result-image img"), "who has scrolled elsewhere stays there"
    visitor.open_tab("Live")
    for part in ("#live-stage", "#live-start"):
        assert in_view(visitor, part)


def test_areas_for_files_have_names_of_their_own(visitor: Visitor) -> None:
    names: list[str] = []
    for tab in ("Animate", "Edit", "Retarget", "Live"):
        visitor.open_tab(tab)
        visitor.page.wait_for_timeout(300)
        areas = visitor.page.locator("button[aria-label*='upload']:visible").all()
        names += [f"{tab}: {area.get_attribute('aria-label')}" for area in areas]
    assert len(names) == len(set(names)) == 5
    assert not any(name.endswith(": Click to upload or drop files") for name in names)
    assert visitor.page.locator("h1").all_inner_texts() == ["OpenPortrait"]


def test_examples_of_every_tab_are_handed_in_by_a_click(visitor: Visitor) -> None:
    for tab, elem_id, caption in (
        ("Edit", "edit", "Astronaut"),
        ("Retarget", "retarget", "A talking face"),
        ("Live", "live", "Officer"),
    ):
        visitor.open_tab(tab)
        visitor.page.locator(f"#{elem_id}-examples").get_by_text(caption).click()
        visitor.wait_for_preview(f"{elem_id}-source")
        assert visitor.page.evaluate(SMALL) == [], tab
        if tab == "Retarget":
            visitor.wait_for_status("retarget", " left")
            assert visitor.page.is_checked("#retarget-lip-set input")
            visitor.page.click("#retarget-cancel")
            visitor.wait_for_status("retarget", "Stopped")


def test_keys_go_from_tab_to_tab_and_close_what_was_opened(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("tab", name="Animate", exact=True).focus()
    for key, tab in (("ArrowRight", "Edit"), ("End", "Live"), ("ArrowRight", "Animate"), ("ArrowLeft", "Live")):
        page.keyboard.press(key)
        page.wait_for_function(f"name => ({FOCUSED})() === name", arg=tab)
        assert page.get_by_role("tab", name=tab, exact=True).get_attribute("aria-selected") == "true"
    page.click("#live-start")
    page.wait_for_selector(".toast-body")
    page.keyboard.press("Escape")
    page.wait_for_selector(".toast-body", state="detached")
    page.get_by_role("button", name="Use via API").press("Enter")
    page.wait_for_function(f"() => ({FOCUSED})() === 'Close'")
    page.keyboard.press("Escape")
    page.wait_for_selector(".api-docs", state="detached")
    page.wait_for_function(f"() => ({FOCUSED})() === 'Use via API'")
    page.click("#live-region input")
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[role=option]", state="detached")


def test_a_portrait_is_animated_with_the_keyboard_alone(visitor: Visitor, portrait: Path) -> None:
    page = visitor.page

    def press(selector: str, key: str) -> None:
        """Go to a part with Tab, from the one before, and use it."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                page.keyboard.press(key)
                return
        raise AssertionError(f"{selector} is not reached with Tab")

    for elem_id, path in (("animate-source", portrait), ("animate-driving", EXAMPLES / "driving" / "surprise.jpg")):
        with page.expect_file_chooser() as chooser:
            press(f"#{elem_id} button[aria-label*='upload']", "Enter")
        chooser.value.set_files(str(path))
        visitor.wait_for_preview(elem_id)
    press("#animate-start", "Enter")
    visitor.wait_for_status("animate", "Done")
    page.wait_for_selector("#animate-result-image img")
