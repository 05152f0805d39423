"""The tab “Edit” in a browser, on the mesh engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openportrait import Animator
from openportrait.faces import FaceFinder
from openportrait.media import probe, read_image, write_image
from openportrait.options import FaceEdit, specs
from openportrait.records import Floats, Image
from openportrait.templates import load_template
from openportrait.web.edit import EYES, HEAD, MOUTH
from tests.conftest import EXAMPLES
from tests.pipeline.test_animate import change, frames_of, parts
from tests.web.conftest import Visitor


@pytest.fixture
def editing(visit: Callable[..., Visitor], portrait: Path) -> Iterator[Visitor]:
    """The tab with the officer in it."""
    visitor = visit()
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", portrait))
    visitor.settle()
    yield visitor


def landmarks(picture: Image) -> Floats:
    return FaceFinder().find(picture)[0].landmarks[:, :2]


def test_sliders_start_where_the_face_is_and_leave_it_alone(editing: Visitor, portrait: Path) -> None:
    assert 0.3 < editing.slider("eye_ratio") < 0.42
    assert editing.slider("lip_ratio") < 0.02
    for spec in specs(FaceEdit):
        if spec.default is not None:
            assert editing.slider(spec.name) == spec.default
    assert change(editing.edited(), read_image(portrait).image) < 2
    said = editing.page.inner_text("#slider-pitch_degrees")
    assert all(words in said for words in ("Nod", "Released name: relative pitch"))
    assert "pitch_degrees" not in editing.page.inner_text("body"), "no names that only programs use"


def farthest(name: str) -> float:
    """The end of a slider that is farthest from rest."""
    span = next(spec.range for spec in specs(FaceEdit) if spec.name == name)
    assert span is not None
    return span.low if name == "eye_ratio" else span.high


def check_part(name: str, picture: Image, source: Image, boxes: dict[str, Any]) -> None:
    """A slider changes the part of the picture among whose sliders it stands."""
    eyes, mouth = change(picture, source, boxes["eyes"]), change(picture, source, boxes["mouth"])
    if name in HEAD:
        assert min(eyes, mouth) > 2.5, name
    elif name in EYES:
        assert eyes > 1.0, name
        # A wink draws the corner of the mouth along (SPEC §10).
        assert name.startswith("wink") or eyes > 1.5 * mouth, name
    else:
        assert mouth > 1.5, name
        assert mouth > 1.5 * eyes, name


def test_every_slider_stands_among_those_of_its_part(portrait: Path) -> None:
    source = read_image(portrait).image
    boxes = parts(source)
    assert {*HEAD, *EYES, *MOUTH} == {spec.name for spec in specs(FaceEdit)}
    with Animator(engine="mesh") as animator:
        analysed = animator.portrait(portrait, source_scale=2.5)
        for spec in specs(FaceEdit):
            check_part(spec.name, analysed.edit(FaceEdit(**{spec.name: farthest(spec.name)})), source, boxes)


def test_sliders_change_the_picture_in_the_right_place(editing: Visitor, portrait: Path) -> None:
    source = editing.edited()
    boxes = parts(read_image(portrait).image)
    for name in ("yaw_degrees", "wink_left", "eye_ratio", "smile", "lip_open"):
        rest = editing.slider(name)
        editing.when_edited(partial(editing.slide, f"slider-{name}", farthest(name)))
        check_part(name, editing.edited(), source, boxes)
        editing.when_edited(partial(editing.slide, f"slider-{name}", rest))


def test_the_picture_follows_a_slider_step_by_step_at_1024(
    visit: Callable[..., Visitor], portrait: Path, tmp_path: Path
) -> None:
    import cv2

    source = read_image(portrait).image[:512, :512]
    large = cv2.resize(source, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "large.png", large.astype(np.uint8))
    visitor = visit()
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", tmp_path / "large.png"))
    visitor.settle()
    shown = [visitor.edited()]
    for value in (0.3, 0.6, 0.9):
        visitor.when_edited(partial(visitor.slide, "slider-smile", value))
        shown.append(visitor.edited())
    assert {picture.shape for picture in shown} == {(1024, 1024, 3)}
    from_rest = [change(picture, shown[0]) for picture in shown]
    assert from_rest == sorted(set(from_rest)), "each step is further from the source"


def test_reset_brings_the_face_back(editing: Visitor) -> None:
    source = editing.edited()
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    editing.when_edited(lambda: editing.page.click("#edit-reset"))
    assert editing.slider("smile") == 0
    assert change(editing.edited(), source) == 0


def test_steps_are_undone_and_done_again(editing: Visitor) -> None:
    page, at_rest = editing.page, editing.edited()
    assert page.is_disabled("#edit-undo")
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    editing.when_edited(lambda: editing.slide("slider-yaw_degrees", 10))
    editing.settle()
    turned = editing.edited()
    editing.when_edited(lambda: page.click("#edit-undo"))
    assert (editing.slider("smile"), editing.slider("yaw_degrees")) == (1.0, 0.0)
    editing.when_edited(lambda: page.click("#edit-undo"))
    assert change(editing.edited(), at_rest) == 0
    page.wait_for_selector("#edit-undo[disabled]")
    editing.when_edited(lambda: page.click("#edit-redo"))
    editing.when_edited(lambda: page.click("#edit-redo"))
    assert change(editing.edited(), turned) == 0
    page.wait_for_selector("#edit-redo[disabled]")


def test_a_drag_is_one_step(editing: Visitor) -> None:
    at_rest, box = editing.edited(), editing.page.locator("#edit-picture img").bounding_box()
    mouse = editing.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    mouse.down()
    for step in (6, 12, 18):
        editing.when_edited(partial(mouse.move, box["x"] + box["width"] / 2 + step, box["y"] + 20))
    mouse.up()
    editing.settle()
    editing.when_edited(lambda: editing.page.click("#edit-undo"))
    assert change(editing.edited(), at_rest) == 0


def test_before_is_shown_beside_after(editing: Visitor) -> None:
    at_rest = editing.edited()
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    smiling, before = editing.edited(), editing.page.get_by_role("button", name="Before")
    editing.when_edited(before.click)
    assert change(editing.edited(), at_rest) == 0
    editing.when_edited(before.click)
    assert change(editing.edited(), smiling) == 0


def test_a_slider_goes_back_alone(editing: Visitor) -> None:
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    editing.when_edited(lambda: editing.slide("slider-eye_ratio", 0.1))
    editing.settle()
    editing.when_edited(editing.page.locator("#slider-smile").get_by_role("button").first.click)
    assert (editing.slider("smile"), editing.slider("eye_ratio")) == (0.0, 0.1)
    editing.when_edited(lambda: editing.page.click("#edit-own-eye_ratio"))
    assert editing.slider("eye_ratio") > 0.2, "the officer's own eyes are open"


def test_ready_expressions_and_own_ones_are_chosen_as_pictures(editing: Visitor) -> None:
    strip = editing.page.locator("#edit-presets button")
    strip.first.wait_for()
    ready = strip.count()
    editing.when_edited(lambda: editing.page.click("#edit-presets button:has-text('Laugh')"))
    assert (editing.slider("smile"), editing.slider("lip_open")) == (1.1, 55)
    editing.when_edited(lambda: editing.slide("slider-lip_open", 20))
    for number in (1, 2):
        editing.page.click("#edit-keep")
        editing.page.wait_for_selector(f"#edit-presets button:has-text('Mine {number}') img")
    assert strip.count() == ready + 2
    editing.when_edited(lambda: editing.page.click("#edit-reset"))
    editing.when_edited(lambda: editing.page.click("#edit-presets button:has-text('Mine 1')"))
    assert (editing.slider("smile"), editing.slider("lip_open")) == (1.1, 20)


def test_dragging_turns_the_head_and_opens_the_mouth(editing: Visitor) -> None:
    before = landmarks(editing.edited())
    box = editing.page.locator("#edit-picture img").bounding_box()
    scale = box["width"] / editing.edited().shape[1]

    def drag(point: Floats, right: float, down: float) -> None:
        x, y = box["x"] + point[0] * scale, box["y"] + point[1] * scale
        mouse = editing.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + right / 2, y + down / 2)
        mouse.move(x + right, y + down)
        mouse.up()

    editing.when_edited(lambda: drag(before[10], 20, 0))
    editing.settle()
    assert editing.slider("yaw_degrees") < -2
    assert landmarks(editing.edited())[1, 0] > before[1, 0] + 3, "the nose goes with the pointer"
    editing.when_edited(lambda: editing.page.click("#edit-reset"))
    editing.settle()
    editing.when_edited(lambda: drag(before[13], 0, 15))
    editing.settle()
    assert editing.slider("lip_open") > 10
    assert landmarks(editing.edited())[14, 1] > before[14, 1] + 2, "the lower lip goes with the pointer"


def test_an_expression_is_saved_and_loaded_onto_another_portrait(
    editing: Visitor, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    editing.page.click("#edit-keep")
    path = editing.fetch("#edit-saved a[href$='.json']", tmp_path)
    assert json.loads(path.read_text())["edit"] == {"smile": 1.0}
    other = visit()
    other.open_tab("Edit")
    other.when_edited(lambda: other.upload("edit-source", EXAMPLES / "source" / "astronaut.jpg"))
    other.settle()
    other.when_edited(lambda: other.load("edit-load", path))
    assert other.slider("smile") == 1.0


def test_the_picture_is_saved_in_full_quality(editing: Visitor, portrait: Path, tmp_path: Path) -> None:
    editing.when_edited(lambda: editing.slide("slider-lip_open", 80))
    editing.page.click("#edit-save")
    saved = read_image(editing.fetch("#edit-saved a[href$='.png']", tmp_path)).image
    source = read_image(portrait).image
    assert saved.shape == source.shape
    assert change(saved, source, parts(source)["mouth"]) > 5
    assert change(saved, source, (0, 560, 512, 600)) == 0


def test_a_timeline_renders_to_a_video_and_a_template(editing: Visitor, tmp_path: Path) -> None:
    page = editing.page
    page.get_by_text("Timeline: expressions that follow each other").click()
    page.click("#timeline-add")
    editing.wait_for_text("timeline-table", "at rest")
    editing.when_edited(lambda: editing.slide("slider-smile", 1.0))
    page.fill("#timeline-seconds input", "0.4")
    page.click("#timeline-add")
    editing.wait_for_text("timeline-table", "smile 1")
    page.fill("#timeline-seconds input", "0.7")
    page.click("#timeline-add")
    editing.wait_for_text("timeline-table", "0.7")
    page.locator("#timeline-table").get_by_text("0.7", exact=True).last.click()
    page.wait_for_function("() => document.querySelector('#timeline-seconds input').value === '0.7'")
    page.click("#timeline-remove")
    page.wait_for_function("() => !document.getElementById('timeline-table').innerText.includes('0.7')")
    editing.run("timeline")
    video = editing.video("timeline-result-video")
    assert abs(video["seconds"] - 11 / 25) < 0.05
    page.locator("#edit-timeline").get_by_role("tab", name="Files").click()
    template = editing.fetch("#timeline-files a[href$='.motion']", tmp_path)
    assert len(load_template(template).motions) == 11


def test_an_edit_goes_over_a_part_of_a_clip_with_its_sound(
    visit: Callable[..., Visitor], short_talk: Path, portrait: Path, tmp_path: Path
) -> None:
    visitor = visit()
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", short_talk))
    visitor.settle()
    source = frames_of(short_talk)
    assert change(visitor.edited(), source[0]) < 3, "the first frame is shown"
    visitor.when_edited(lambda: visitor.page.fill("#edit-source_start input", "0.48"))
    visitor.settle()
    source = source[6:11]
    assert change(visitor.edited(), source[0]) < 3, "the first one that is used is shown"
    visitor.page.fill("#edit-source_end :is(input, textarea)", "0.88")
    visitor.when_edited(lambda: visitor.slide("slider-smile", 1.0))
    visitor.run("clip")
    made = visitor.fetch("#clip-result-video video", tmp_path)
    visitor.page.locator("#edit-clip").get_by_role("tab", name="Files").click()
    assert len(load_template(visitor.fetch("#clip-files a[href$='.motion']", tmp_path)).motions) == 5
    info = probe(made)
    assert (info.frames, info.rate, info.has_audio) == (5, probe(short_talk).rate, True)
    finder = FaceFinder()
    for picture, before in zip(frames_of(made), source, strict=True):
        smiling, face = (finder.find(image)[0] for image in (picture, before))
        width = [each.landmarks[291, 0] - each.landmarks[61, 0] for each in (smiling, face)]
        assert width[0] > width[1] + 1, "the corners of the mouth go apart"
    visitor.when_edited(lambda: visitor.upload("edit-source", portrait))
    visitor.page.wait_for_selector("#edit-clip", state="hidden")


def test_an_edit_of_a_clip_is_cancelled(visit: Callable[..., Visitor], talk: Path) -> None:
    visitor = visit()
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", talk))
    visitor.settle()
    visitor.page.click("#clip-start")
    visitor.wait_for_status("clip", "of 190 frames")
    visitor.page.click("#clip-cancel")
    visitor.wait_for_status("clip", "Stopped")


def test_a_timeline_runs_along_with_a_clip(visit: Callable[..., Visitor], short_talk: Path, tmp_path: Path) -> None:
    visitor = visit()
    visitor.open_tab("Edit")
    visitor.when_edited(lambda: visitor.upload("edit-source", short_talk))
    visitor.settle()
    visitor.page.get_by_text("Timeline: expressions that follow each other").click()
    visitor.page.click("#timeline-add")
    visitor.wait_for_text("timeline-table", "at rest")
    visitor.when_edited(lambda: visitor.slide("slider-yaw_degrees", 20))
    visitor.page.fill("#timeline-seconds input", "0.4")
    visitor.page.click("#timeline-add")
    visitor.wait_for_text("timeline-table", "turn 20")
    visitor.run("timeline")
    source, rendered = frames_of(short_talk), frames_of(visitor.fetch("#timeline-result-video video", tmp_path))
    assert len(rendered) == len(source), "the clip keeps its length"
    moved = [change(picture, before) for picture, before in zip(rendered, source, strict=True)]
    assert moved[0] < moved[2] < moved[4]
    assert min(moved[5:]) > 2 * moved[0], "from the last key on the head stays turned"
