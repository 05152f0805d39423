"""The main job as a user runs it, on the mesh engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import openportrait
from openportrait.faces import FaceFinder
from openportrait.media import open_clip, open_writer, probe, read_image, write_image
from openportrait.records import Floats, Frame, Image, Progress
from tests.conftest import EXAMPLES, shared

Box = tuple[int, int, int, int]


def frames_of(path: Path) -> list[Image]:
    """Test clips are short enough for a list."""
    with open_clip(path) as clip:
        return [frame.image for frame in clip]


def change(a: Image, b: Image, box: Box | None = None) -> float:
    """Mean absolute difference of two pictures, in a (left, top, right, bottom) box."""
    difference = np.abs(a.astype(float) - b.astype(float))
    if box is not None:
        difference = difference[box[1] : box[3], box[0] : box[2]]
    return float(difference.mean())


def parts(picture: Image) -> dict[str, Box]:
    """Boxes around mouth and eyes of the one face."""
    points: Floats = FaceFinder().find(picture)[0].landmarks[:, :2]

    def around(indices: list[int], margin: float) -> Box:
        low, high = points[indices].min(0), points[indices].max(0)
        grow = margin * float((high - low).max())
        return int(low[0] - grow), int(low[1] - grow), int(high[0] + grow), int(high[1] + grow)

    return {"mouth": around([61, 291, 0, 17], 0.15), "eyes": around([33, 263, 159, 145], 0.1)}


def test_image_by_video(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    result = openportrait.animate(portrait, short_talk, tmp_path, engine="mesh", progress=told.append)
    assert result.path == tmp_path / "officer--short_talk.mp4"
    assert (result.frames, result.rate, result.engine, result.faces) == (12, Fraction(25, 2), "mesh", 1)
    info = probe(result.path)
    assert (info.width, info.height, info.rate, info.has_audio) == (512, 600, Fraction(25, 2), True)
    source = read_image(portrait).image
    rendered = frames_of(result.path)
    assert len(rendered) == 12
    mouth = parts(source)["mouth"]
    assert change(rendered[0], source) < 3, "the first frame is at rest"
    assert max(change(picture, source, mouth) for picture in rendered) > 10, "the mouth moves"
    assert all(change(picture, source, (0, 560, 512, 600)) < 4 for picture in rendered), "the chest does not"
    renders = [p.done for p in told if p.stage == "render"]
    assert renders == list(range(1, 13))
    assert told[-1].frame is not None
    assert [path.name for path in tmp_path.iterdir()] == [result.path.name]


def test_image_by_image_is_an_image(portrait: Path, tmp_path: Path) -> None:
    result = openportrait.animate(portrait, EXAMPLES / "driving" / "surprise.jpg", tmp_path, engine="mesh")
    assert result.path.name == "officer--surprise.jpg"
    assert (result.frames, result.rate) == (1, None)
    source, picture = read_image(portrait).image, read_image(result.path).image
    assert change(picture, source, parts(source)["mouth"]) > 8


def test_side_by_side_and_template(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    result = openportrait.animate(
        portrait, short_talk, tmp_path / "a.mp4", engine="mesh", side_by_side=True, save_template=True
    )
    assert result.side_by_side == tmp_path / "a_concat.mp4"
    strip = probe(tmp_path / "a_concat.mp4")
    assert strip.height == 600
    assert strip.width > 2 * 512
    assert result.template is not None
    by_template = openportrait.animate(portrait, result.template, tmp_path / "b.mp4", engine="mesh")
    assert by_template.frames == result.frames
    eyes = parts(read_image(portrait).image)["eyes"]
    for own, other in zip(frames_of(result.path), frames_of(by_template.path), strict=True):
        # A template has no pixels of a mouth; all else is the same motion.
        assert change(own, other, eyes) < 4


def far_off(picture: Image, width: int, left: int) -> Image:
    """The picture, `width` px wide, `left` px into a grey one of 640 × 400."""
    height = round(picture.shape[0] * width / picture.shape[1])
    whole = np.full((400, 640, 3), 120, np.uint8)
    whole[100 : 100 + height, left : left + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return whole


def test_a_strip_shows_small_faces_close_up(portrait: Path, tmp_path: Path, finder: FaceFinder) -> None:
    near = read_image(portrait).image
    write_image(tmp_path / "far.png", far_off(near, 140, 300))
    with open_writer(tmp_path / "far.mp4", rate=Fraction(25)) as writer:
        for left in (300, 310, 320):
            writer.write(far_off(near, 140, left))
    with openportrait.stream(tmp_path / "far.png", tmp_path / "far.mp4", engine="mesh") as job:
        strips = [picture.strip for picture in job]
    assert {strip.shape for strip in strips} == {(400, 1200, 3)}
    faces = [sorted(finder.find(strip), key=lambda face: face.box[0]) for strip in strips]
    own = finder.find(far_off(near, 140, 300))[0].size
    assert all(len(found) == 3 and min(face.size for face in found) > 2 * own for found in faces)
    assert change(strips[0], strips[-1], (400, 0, 800, 400)) == 0, "the source's close-up stays where it is"
    driven = [found[0].box[0] for found in faces]
    assert driven[2] - driven[0] > 30, "that of a face that moves through the picture does, too"
    two = np.hstack([far_off(near, 140, 100)[:, :320], far_off(near, 140, 100)[:, :320]])
    write_image(tmp_path / "two.png", two)
    with openportrait.stream(tmp_path / "two.png", portrait, engine="mesh", face="all") as job:
        strip = next(iter(job)).strip
    assert strip.shape == (400, round(512 * 400 / 600) + 2 * 640, 3), "a large face and two faces: whole pictures"


def test_clips_of_different_rate_meet_in_time(short_talk: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    with (
        open_clip(EXAMPLES / "driving" / "talk.mp4", max_size=256) as clip,
        open_writer(source, rate=Fraction(25)) as out,
    ):
        for frame in islice(clip, 16):
            out.write(frame.image)
    result = openportrait.animate(source, short_talk, tmp_path / "out.mp4", engine="mesh")
    assert (result.frames, result.rate) == (16, Fraction(25))
    with openportrait.stream(source, short_talk, engine="mesh") as job:
        drivings = [picture.driving for picture in job if picture.driving is not None]
    assert np.array_equal(drivings[0], drivings[1]), "each frame of the slower clip is shown twice"
    assert not np.array_equal(drivings[1], drivings[2])


def test_video_by_image(short_talk: Path, tmp_path: Path) -> None:
    result = openportrait.animate(
        short_talk, EXAMPLES / "driving" / "surprise.jpg", tmp_path / "o.mp4", engine="mesh", audio="source"
    )
    assert (result.frames, result.rate) == (12, Fraction(25, 2))
    assert probe(result.path).has_audio


@pytest.mark.parametrize(("region", "moving", "still"), [("lip", "mouth", "eyes"), ("eyes", "eyes", "mouth")])
def test_regions_keep_to_themselves(portrait: Path, tmp_path: Path, region: str, moving: str, still: str) -> None:
    source = read_image(portrait).image
    boxes = parts(source)
    blinking = EXAMPLES / "driving" / ("blink.motion" if region == "eyes" else "talk.motion")
    with openportrait.stream(portrait, blinking, engine="mesh", region=region) as job:
        pictures = [picture.image for picture in islice(job, 20)]
    assert max(change(picture, source, boxes[moving]) for picture in pictures) > 2
    assert all(change(picture, source, boxes[still]) == 0 for picture in pictures)


def test_every_face_of_a_picture(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    one = read_image(portrait, max_size=400).image
    pair = tmp_path / "pair.png"
    write_image(pair, np.hstack([one, one[:, ::-1]]))
    everyone = openportrait.animate(pair, short_talk, tmp_path / "all.mp4", engine="mesh", face="all")
    assert everyone.faces == 2
    right_only = openportrait.animate(pair, short_talk, tmp_path / "right.mp4", engine="mesh", face="right")
    source, width = read_image(pair).image, one.shape[1]
    left_box, right_box = (0, 0, width, 400), (width, 0, 2 * width, 400)
    all_frames, right_frames = frames_of(everyone.path), frames_of(right_only.path)
    assert max(change(picture, source, left_box) for picture in all_frames) > 3
    assert max(change(picture, source, right_box) for picture in all_frames) > 3
    assert max(change(picture, source, right_box) for picture in right_frames) > 3
    assert max(change(picture, source, left_box) for picture in right_frames) < 2


def test_a_long_loss_passes_the_source_through_and_says_where(portrait: Path, talk: Path, tmp_path: Path) -> None:
    driving = tmp_path / "lost.mp4"
    with open_clip(talk, max_size=256) as clip, open_writer(driving, rate=Fraction(25)) as out:
        for frame in islice(clip, 30):
            out.write(frame.image if frame.index < 10 or frame.index >= 20 else np.full_like(frame.image, 90))
    with openportrait.stream(portrait, driving, engine="mesh", bridge_seconds=0.2) as job:
        pictures = [picture.image for picture in job]
        assert any("10 to 19" in line for line in job.warnings), job.warnings
    source = read_image(portrait).image
    assert all((picture == source).all() for picture in pictures[10:20])
    assert not (pictures[8] == source).all()
    with openportrait.stream(portrait, driving, engine="mesh", bridge_seconds=1.0) as job:
        assert any("bridged" in line for line in job.warnings), job.warnings


def test_without_stitching_the_crop_comes_out_and_says_so(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    result = openportrait.animate(portrait, short_talk, tmp_path / "o.mp4", engine="mesh", stitching=False)
    assert any("face crop" in line for line in result.warnings)
    info = probe(result.path)
    assert info.width == info.height


def test_official_template_drives_the_mesh_with_a_notice(portrait: Path, tmp_path: Path) -> None:
    result = openportrait.animate(portrait, shared("examples/templates/d1.pkl"), tmp_path, engine="mesh")
    assert any("head pose" in line for line in result.warnings)
    source = read_image(portrait).image
    assert max(change(picture, source) for picture in frames_of(result.path)) > 1


def test_cancelling_leaves_nothing(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(openportrait.Cancelled):
        openportrait.animate(
            portrait,
            short_talk,
            tmp_path / "new" / "o.mp4",
            engine="mesh",
            progress=told.append,
            cancel=lambda: any(p.stage == "render" and p.done > 3 for p in told),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_breaks_off_is_used_only_when_asked(portrait: Path, talk: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    data = talk.read_bytes()
    broken.write_bytes(data[: len(data) // 3])
    output = tmp_path / "new" / "o.mp4"
    with pytest.raises(openportrait.MediaError, match="keep_partial=True"):
        openportrait.animate(portrait, broken, output, engine="mesh")
    assert not output.parent.exists()
    result = openportrait.animate(portrait, broken, output, engine="mesh", keep_partial=True)
    assert 10 < result.frames < 150
    assert any("breaks off" in line for line in result.warnings)
    assert probe(output).frames == result.frames


def test_results_say_that_they_are_synthetic(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    for driving in (short_talk, EXAMPLES / "driving" / "surprise.jpg"):
        for wanted in (True, False):
            result = openportrait.animate(
                portrait, driving, tmp_path, engine="mesh", provenance=wanted, side_by_side=True
            )
            assert result.side_by_side is not None
            for made in (result.path.read_bytes(), result.side_by_side.read_bytes()):
                assert (b"Synthetic: animated with OpenPortrait, mesh engine" in made) is wanted
                assert (b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in made) is wanted


def test_a_result_never_overwrites_an_input(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(short_talk.read_bytes())
    with pytest.raises(openportrait.MediaError, match="input and the output at once"):
        openportrait.animate(portrait, copy, copy, engine="mesh")
    assert copy.read_bytes() == short_talk.read_bytes()


def test_no_face_is_one_clear_line(short_talk: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    write_image(blank, np.full((300, 300, 3), 127, np.uint8))
    with pytest.raises(openportrait.NoFaceError, match=r"blank\.png") as caught:
        openportrait.animate(blank, short_talk, tmp_path / "o.mp4", engine="mesh")
    assert "\n" not in str(caught.value)


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(openportrait.OptionError, match="did you mean region"):
        openportrait.animate("a.jpg", "b.mp4", regoin="lip")  # type: ignore[call-arg]


def test_transparent_source_keeps_its_alpha(portrait: Path, tmp_path: Path) -> None:
    image = read_image(portrait).image
    alpha = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(alpha, (256, 300), 200, 255, -1)
    cutout = tmp_path / "cutout.png"
    write_image(cutout, image, alpha=alpha)
    result = openportrait.animate(cutout, EXAMPLES / "driving" / "surprise.jpg", tmp_path / "o.png", engine="mesh")
    kept = read_image(result.path).alpha
    assert kept is not None
    assert (kept == alpha).mean() > 0.95


def test_the_strongest_motion_leaves_the_border_of_the_picture_alone(portrait: Path, short_talk: Path) -> None:
    source = read_image(portrait).image
    with openportrait.stream(portrait, short_talk, engine="mesh", multiplier=5.0) as job:
        for picture in job:
            assert (picture.image[:, 0] == source[:, 0]).all()
            assert (picture.image[-1] == source[-1]).all()


def test_a_sequence_of_one_picture_and_a_clip_of_one_frame(portrait: Path, tmp_path: Path) -> None:
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    shots = tmp_path / "frames" / "%05d.png"
    result = openportrait.animate(portrait, surprise, shots, engine="mesh", side_by_side=True, save_template=True)
    assert (result.path, result.frames, result.rate) == (shots, 1, Fraction(25))
    assert (tmp_path / "frames" / "00000.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "frames.motion", "frames_concat"]
    for name in ("one.mp4", "one.gif"):
        made = openportrait.animate(portrait, surprise, tmp_path / name, engine="mesh")
        assert made.frames == 1
        assert len(frames_of(made.path)) == 1
    one = tmp_path / "one.mp4"
    still = openportrait.animate(one, surprise, tmp_path / "still.jpg", engine="mesh")
    assert (still.frames, still.rate) == (1, None)
    again = openportrait.animate(portrait, one, tmp_path / "again", engine="mesh")
    assert (again.path.name, again.frames) == ("officer--one.jpg", 1)


def test_one_frame_stays_as_long_as_the_other_clip_lasts(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.mp4"
    with open_writer(one, rate=Fraction(25)) as writer:
        writer.write(read_image(portrait).image)
    for source, driving in ((one, short_talk), (short_talk, one)):
        result = openportrait.animate(source, driving, tmp_path / "o.mp4", engine="mesh")
        assert (result.frames, result.rate) == (12, Fraction(25, 2))
        assert len(frames_of(result.path)) == 12


def test_a_result_counts_what_is_in_the_file(portrait: Path, talk: Path, tmp_path: Path) -> None:
    """A GIF shows at most 50 frames a second."""
    fast = tmp_path / "fast.mp4"
    with open_clip(talk, max_size=256) as clip, open_writer(fast, rate=Fraction(100)) as out:
        for frame in islice(clip, 12):
            out.write(frame.image)
    result = openportrait.animate(portrait, fast, tmp_path / "o.gif", engine="mesh")
    assert result.frames == len(frames_of(result.path)) == 6


@pytest.mark.parametrize(
    "name", ["o.xyz", "o.jpg", "frames/%05d.jpg", "o.tiff", "x" * 300 + ".mp4", "x" * 250 + ".mp4"]
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    portrait: Path, short_talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def engine(*_: object) -> None:
        pytest.fail("the work began")

    monkeypatch.setattr("openportrait.pipeline.tools.load", engine)
    with pytest.raises(openportrait.MediaError, match=r"not written as|written as PNG|too long"):
        openportrait.animate(portrait, short_talk, tmp_path / name, engine="mesh", side_by_side=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_pictures_is_not_written_over(portrait: Path, short_talk: Path, tmp_path: Path) -> None:
    source = tmp_path / "shots" / "00003.png"
    write_image(source, read_image(portrait, max_size=300).image)
    before = source.read_bytes()
    with pytest.raises(openportrait.MediaError, match=r"00003\.png: is an input"):
        openportrait.animate(source, short_talk, source.parent / "%05d.png", engine="mesh", overwrite=True)
    with pytest.raises(openportrait.MediaError, match="overwrite=True"):
        openportrait.animate(portrait, short_talk, source.parent / "%05d.png", engine="mesh")
    assert [path.name for path in source.parent.iterdir()] == ["00003.png"]
    assert source.read_bytes() == before


@pytest.mark.parametrize("role", ["source", "driving"])
def test_an_interrupt_in_the_midst_of_the_analysis_is_what_is_raised(
    portrait: Path, short_talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    def interrupted(frames: Iterator[Frame], *_: object, **__: object) -> None:
        next(frames)
        raise KeyboardInterrupt

    monkeypatch.setattr(f"openportrait.pipeline.{role}.track", interrupted)
    before = threading.active_count()
    source, driving = (short_talk, portrait) if role == "source" else (portrait, short_talk)
    with pytest.raises(KeyboardInterrupt):
        openportrait.animate(source, driving, tmp_path / "out.mp4", engine="mesh")
    assert threading.active_count() == before
    assert not list(tmp_path.iterdir())


def test_a_stream_that_is_left_half_way_ends_its_threads(portrait: Path, short_talk: Path) -> None:
    before = threading.active_count()
    with openportrait.stream(portrait, short_talk, engine="mesh") as job:
        pictures = iter(job)
        next(pictures)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_a_stopped_job_keeps_what_it_made_where_that_is_wanted(
    portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    told: list[Progress] = []
    stop: dict[str, Any] = {
        "progress": told.append,
        "cancel": lambda: bool(told) and told[-1].stage == "render" and told[-1].done > 4,
    }
    with pytest.raises(openportrait.Cancelled, match=r"^stopped; nothing was written$"):
        openportrait.animate(portrait, short_talk, tmp_path / "none.mp4", engine="mesh", **stop)
    assert not list(tmp_path.iterdir())
    told.clear()
    with pytest.raises(openportrait.Cancelled) as stopped:
        openportrait.animate(portrait, short_talk, tmp_path / "part.mp4", engine="mesh", keep_partial=True, **stop)
    assert [path.name for path in tmp_path.iterdir()] == ["part.mp4"]
    kept = len(frames_of(tmp_path / "part.mp4"))
    assert kept >= 4
    assert str(stopped.value) == f"stopped; the first {kept} frames are kept in {tmp_path / 'part.mp4'}"


def test_the_files_of_a_job_appear_together_or_not_at_all(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, template: object) -> None:
        raise openportrait.MediaError(f"{path}: cannot be written, the disk is full; free some space")

    monkeypatch.setattr("openportrait.pipeline.writing.save_template", full)
    with pytest.raises(openportrait.MediaError, match="the disk is full"):
        openportrait.animate(
            portrait, EXAMPLES / "driving/surprise.jpg", tmp_path, engine="mesh", side_by_side=True, save_template=True
        )
    assert list(tmp_path.iterdir()) == []
