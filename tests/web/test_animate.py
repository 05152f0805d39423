"""The tab “Animate” in a browser, on the mesh engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from openportrait import Driving, animate
from openportrait.faces import FaceFinder
from openportrait.media import Samples, probe, read_image
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.templates import load_template
from openportrait.web.drivings import MOST_FURTHER
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


def test_what_the_microphone_heard_is_spoken(visitor: Visitor, portrait: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.open_tab("Microphone")
    box = visitor.page.locator("#animate-microphone")
    box.get_by_role("button", name="Record").click()
    visitor.page.wait_for_timeout(1500)
    box.get_by_role("button", name="Stop", exact=True).click()
    box.locator("audio, [data-testid*=waveform]").first.wait_for(state="attached")
    visitor.run("animate")
    video = visitor.video("animate-result-video")
    assert 0.7 < video["seconds"] < 5


def test_a_picture_follows_a_picture(visitor: Visitor, portrait: Path, tmp_path: Path) -> None:
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.run("animate")
    visitor.page.wait_for_selector("#animate-result-image img", state="visible")
    assert not visitor.page.is_visible("#animate-result-video video")
    names = visitor.page.locator("#animate-result-image button").evaluate_all("all => all.map(each => each.title)")
    assert not any("Share" in name for name in names)
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
    visitor.click_face("animate-source", source, small)
    chooser = visitor.page.locator("#animate-face input")
    visitor.page.wait_for_function("input => input.value === '1'", arg=chooser.element_handle())
    visitor.run("animate")
    result = read_image(visitor.fetch("#animate-result-image img", tmp_path)).image
    large_box, small_box = (whole_pixels(face.box) for face in FaceFinder().find(source))
    assert change(result, source, small_box) > 6
    assert change(result, source, large_box) < 4


def test_region_lip_moves_only_the_mouth(visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    visitor.preset("animate", "Lips")
    assert visitor.ticked("animate") == {"lip"}
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


def test_a_portrait_speaks_a_sound(visitor: Visitor, portrait: Path, speech: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.wav"
    Samples(np.concatenate(list(listen(speech)))[8000:20000], HEARD_RATE).write(words)
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", words)
    visitor.page.wait_for_selector("#animate-driving-note")
    visitor.wait_for_text("animate-driving-note", "the portrait speaks it, 0.8 s")
    visitor.run("animate")
    video = visitor.fetch("#animate-result-video video", tmp_path)
    assert probe(video).has_audio
    rendered = frames_of(video)
    assert len(rendered) == 19
    mouth = parts(read_image(portrait).image)["mouth"]
    assert max(change(picture, rendered[0], mouth) for picture in rendered) > 5


def test_an_example_runs_with_one_click(visitor: Visitor) -> None:
    visitor.page.get_by_text("Officer is surprised").click()
    visitor.wait_for_status("animate", "Done")
    visitor.page.wait_for_selector("#animate-result-image img", state="visible")


def test_cancel_stops_and_leaves_nothing(visitor: Visitor, app: Served, large_portrait: Path, talk: Path) -> None:
    before = set(app.sessions.root.glob("session-*/*/*"))
    visitor.upload("animate-source", large_portrait)
    visitor.upload("animate-driving", talk)
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "left")
    visitor.page.click("#animate-cancel")
    visitor.wait_for_status("animate", "Stopped")
    visitor.page.wait_for_selector("#animate-start:not([disabled])")
    time.sleep(0.5)
    assert not [path for path in set(app.sessions.root.glob("session-*/*/*")) - before if path.parent.exists()]


def test_progress_tells_frames_rate_and_time_left_and_shows_a_picture(
    visitor: Visitor, large_portrait: Path, talk: Path
) -> None:
    visitor.upload("animate-source", large_portrait)
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
        assert message in visitor.page.inner_text("#animate-job .op-trouble"), "it stays where the result would be"
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "there is no driving yet; add one")


def test_nothing_is_animated_without_files(visitor: Visitor) -> None:
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "there is no source yet; add one")
    assert visitor.page.locator(".toast-body").count() == 0, "the line is where the result would be, and stays"


def test_presets_and_check_boxes_follow_each_other(visitor: Visitor) -> None:
    chosen = visitor.page.locator("#animate-region input:checked")
    visitor.preset("animate", "Head pose")
    assert visitor.ticked("animate") == {"turn", "place"}
    visitor.tick("animate-moves-size")
    visitor.page.wait_for_function("() => !document.querySelector('#animate-region input:checked')")
    visitor.preset("animate", "Everything")
    visitor.tick("animate-moves-lip")
    visitor.page.wait_for_function("() => document.querySelector('#animate-region input:checked')?.value === 'all-lip'")
    assert chosen.count() == 1
    assert visitor.page.is_disabled("#animate-strength-lip input[type=range]")
    assert visitor.page.is_enabled("#animate-strength-lids input[type=range]")


def test_ticks_and_strengths_are_the_options_of_the_job(visitor: Visitor, portrait: Path, tmp_path: Path) -> None:
    driving = EXAMPLES / "driving" / "surprise.jpg"
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", driving)
    visitor.preset("animate", "Expression")
    visitor.tick("animate-moves-brows")
    visitor.slide("animate-strength-lip", 0.4)
    visitor.run("animate")
    result = read_image(visitor.fetch("#animate-result-image img", tmp_path)).image
    expected = animate(
        portrait,
        driving,
        tmp_path / "expected.jpg",
        region="lids,gaze,lip,rest",
        strength="lip=0.4",
        engine="mesh",
    )
    assert change(result, read_image(expected.path).image) == 0


def test_lips_of_one_clip_and_eyes_of_another_in_a_few_clicks(
    visitor: Visitor, portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", short_talk)
    visitor.preset("animate", "Lips")
    visitor.add_driving(2, surprise)
    visitor.choose("animate-driving-2-region", "Eyes")
    visitor.run("animate")
    rendered = frames_of(visitor.fetch("#animate-result-video video", tmp_path))
    expected = animate(
        portrait, [short_talk, Driving(surprise, region="eyes")], tmp_path / "expected.mp4", region="lip", engine="mesh"
    )
    for picture, wanted in zip(rendered, frames_of(expected.path), strict=True):
        assert change(picture, wanted) < 0.1
    source = read_image(portrait).image
    boxes = parts(source)
    assert max(change(picture, source, boxes["mouth"]) for picture in rendered) > 8
    assert min(change(picture, source, boxes["eyes"]) for picture in rendered) > 4
    assert max(change(picture, rendered[0], boxes["eyes"]) for picture in rendered) < 2, "a picture holds still"


def test_another_driving_for_a_face_that_is_clicked(visitor: Visitor, couple: Path, tmp_path: Path) -> None:
    visitor.upload("animate-source", couple)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "smile.motion")
    visitor.add_driving(2, EXAMPLES / "driving" / "surprise.jpg")
    source = read_image(couple).image
    large, small = FaceFinder().find(source)
    visitor.click_face("animate-driving-2-source", source, small)
    chooser = visitor.page.locator("#animate-driving-2-face input")
    visitor.page.wait_for_function("input => input.value === '1'", arg=chooser.element_handle())
    visitor.run("animate")
    rendered = frames_of(visitor.fetch("#animate-result-video video", tmp_path))
    large_box, small_box = whole_pixels(large.box), whole_pixels(small.box)
    assert max(change(picture, rendered[0], large_box) for picture in rendered) > 3, "the clip moves the large face"
    assert min(change(picture, source, small_box) for picture in rendered) > 6, "the picture changes the small one"
    assert max(change(picture, rendered[0], small_box) for picture in rendered) < 2


def test_drivings_are_removed_and_bounded(visitor: Visitor, portrait: Path) -> None:
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    for number in range(2, 2 + MOST_FURTHER):
        visitor.page.click("#animate-add-driving")
        visitor.page.wait_for_selector(f"#animate-driving-{number}", state="visible")
    visitor.page.wait_for_selector("#animate-add-driving[disabled]")
    for number in range(3, 2 + MOST_FURTHER):
        visitor.page.click(f"#animate-driving-{number}-remove")
        visitor.page.wait_for_selector(f"#animate-driving-{number}", state="hidden")
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", surprise)
    visitor.wait_for_preview("animate-driving")
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "driving 2 has no region and no face of its own")
    visitor.choose("animate-driving-2-region", "Lips")
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "there is no driving 2 yet")
    visitor.page.click("#animate-driving-2-remove")
    visitor.page.wait_for_selector("#animate-driving-2", state="hidden")
    visitor.run("animate")
    visitor.add_driving(2, surprise)
    assert visitor.page.input_value("#animate-driving-2-region input") == "What no other moves"


def test_nothing_ticked_is_refused(visitor: Visitor, portrait: Path) -> None:
    visitor.preset("animate", "Lips")
    visitor.tick("animate-moves-lip")
    visitor.upload("animate-source", portrait)
    visitor.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    visitor.wait_for_preview("animate-driving")
    visitor.page.click("#animate-start")
    visitor.wait_for_status("animate", "nothing is ticked under “What moves”")
