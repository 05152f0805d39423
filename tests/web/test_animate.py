"""The tab “Animate” in a browser, on the mesh engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from openportrait.faces import FaceFinder
from openportrait.media import read_image
from openportrait.templates import load_template
from openportrait.web.server import Served
from tests.conftest import EXAMPLES
from tests.pipeline.test_animate import Box, change, frames_of, parts
from tests.web.conftest import Visitor


def test_a_picture_follows_a_video_and_the_result_plays(
    visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", short_talk)
    visitor.wait_for_preview("animate-source")
    visitor.wait_for_preview("animate-driving")
    visitor.run("animate")
    assert "12 frames" in visitor.status("animate")
    video = visitor.video("animate-result-video")
    assert (video["width"], video["height"]) == (512, 600)
    assert abs(video["seconds"] - 12 / 12.5) < 0.1
    assert video["played"] > 0
    source = read_image(portrait).image
    rendered = frames_of(visitor.fetch("#animate-result-video video", tmp_path))
    assert len(rendered) == 12
    assert max(change(picture, source, parts(source)["mouth"]) for picture in rendered) > 10
    visitor.open_tab("Files")
    links = visitor.page.locator("#animate-files a[href]").evaluate_all("all => all.map(each => each.href)")
    assert sorted({link.rsplit(".", 1)[-1] for link in links}) == ["motion", "mp4"]
    template = visitor.fetch("#animate-files a[href$='.motion']", tmp_path)
    assert len(load_template(template).motions) == 12
    visitor.open_tab("Side by side")
    assert visitor.video("animate-strip-video")["width"] > 1024


def test_a_picture_follows_a_picture(visitor: Visitor, portrait: Path, tmp_path: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.run("animate")
    visitor.page.wait_for_selector("#animate-result-image img", state="visible")
    assert not visitor.page.is_visible("#animate-result-video video")
    source = read_image(portrait).image
    result = read_image(visitor.fetch("#animate-result-image img", tmp_path)).image
    assert result.shape == source.shape
    assert change(result, source, parts(source)["mouth"]) > 8


def whole_pixels(box: tuple[float, float, float, float]) -> Box:
    left, top, right, bottom = box
    return round(left), round(top), round(right), round(bottom)


def test_a_face_is_chosen_by_a_click(visitor: Visitor, couple: Path, tmp_path: Path) -> None:
    visitor.option("animate-options", "Which face, and how it is found")
    visitor.upload("animate-source", couple)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.wait_for_preview("animate-source")
    source = read_image(couple).image
    small = FaceFinder().find(source)[1]
    left, top, right, bottom = small.box
    visitor.page.wait_for_timeout(500)
    picture = visitor.page.locator("#animate-source-faces img")
    box = picture.bounding_box()
    scale = min(box["width"] / source.shape[1], box["height"] / source.shape[0])
    inside = (
        (box["width"] - scale * source.shape[1]) / 2 + scale * (left + right) / 2,
        (box["height"] - scale * source.shape[0]) / 2 + scale * (top + bottom) / 2,
    )
    picture.click(position={"x": inside[0], "y": inside[1]})
    chooser = visitor.page.locator("#animate-face input")
    visitor.page.wait_for_function("input => input.value === '1'", arg=chooser.element_handle())
    visitor.run("animate")
    result = read_image(visitor.fetch("#animate-result-image img", tmp_path)).image
    large_box, small_box = (whole_pixels(face.box) for face in FaceFinder().find(source))
    assert change(result, source, small_box) > 6
    assert change(result, source, large_box) < 4


def test_region_lip_moves_only_the_mouth(visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    visitor.option("animate-options", "What moves, and how")
    visitor.choose("animate-region", "lip")
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", short_talk)
    visitor.run("animate")
    source = read_image(portrait).image
    rendered = frames_of(visitor.fetch("#animate-result-video video", tmp_path))
    boxes = parts(source)
    assert max(change(picture, source, boxes["mouth"]) for picture in rendered) > 8
    still = rendered[0]
    assert max(change(picture, still, boxes["eyes"]) for picture in rendered) < 2


def test_a_recording_from_the_webcam_drives(visitor: Visitor, portrait: Path, tmp_path: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.open_tab("Webcam")
    visitor.page.get_by_text("Click to Access Webcam").click()
    visitor.page.get_by_label("start recording").click()
    visitor.page.wait_for_timeout(1500)
    visitor.page.locator("#animate-camera").get_by_text("Stop").click()
    visitor.wait_for_preview("animate-driving")
    visitor.run("animate")
    assert len(frames_of(visitor.fetch("#animate-result-video video", tmp_path))) > 5


def test_an_example_runs_with_one_click(visitor: Visitor) -> None:
    visitor.page.get_by_text("Officer is surprised").click()
    visitor.wait_for_status("animate", "Done")
    visitor.page.wait_for_selector("#animate-result-image img", state="visible")


def test_cancel_stops_within_a_second_and_leaves_nothing(
    visitor: Visitor, app: Served, portrait: Path, talk: Path
) -> None:
    before = set(app.sessions.root.glob("session-*/*/*"))
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", talk)
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "left")
    start = time.monotonic()
    visitor.page.click("#animate-cancel")
    visitor.wait_for_status("animate", "Stopped")
    assert time.monotonic() - start < 1.5
    visitor.page.wait_for_selector("#animate-start:not([disabled])")
    time.sleep(0.5)
    assert not [path for path in set(app.sessions.root.glob("session-*/*/*")) - before if path.parent.exists()]


def test_progress_tells_frames_rate_and_time_left_and_shows_a_picture(
    visitor: Visitor, portrait: Path, talk: Path
) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", talk)
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "Animating")
    visitor.page.wait_for_selector("#animate-status img")
    text = visitor.status("animate")
    assert "of 190 frames" in text
    visitor.wait_for_status("animate", "frames/s")
    visitor.page.click("#animate-cancel")
    visitor.wait_for_status("animate", "Stopped")


def test_bad_uploads_are_refused_in_one_line(
    visit: Callable[..., Visitor], app: Served, portrait: Path, tmp_path: Path
) -> None:
    visitor = visit()
    (tmp_path / "words.jpg").write_text("This is no picture.")
    noise = np.random.default_rng(1).integers(0, 255, (1500, 3000, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "large.jpg"), cv2.GaussianBlur(noise, (0, 0), 9))
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300, 3), 128, np.uint8))
    expected = {"words.jpg": "words.jpg", "large.jpg": "4.5 megapixels", "blank.png": "no face in blank.png"}
    for name, message in expected.items():
        visitor.upload("animate-source", tmp_path / name)
        shown = visitor.message()
        assert message in shown
        assert str(app.sessions.root) not in shown
        assert len(shown.splitlines()) <= 4
    visitor.page.click("#animate-start")
    assert "no driving yet" in visitor.message() or "blank.png" in visitor.status("animate")


def test_nothing_is_animated_without_files(visitor: Visitor) -> None:
    visitor.page.click("#animate-start")
    assert "no source yet" in visitor.message()
    visitor.wait_for_status("animate", "Nothing was made")
