"""What is refused, and how it is worded; without a browser."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio")

from openportrait.errors import MediaError, NoFaceError, OpenPortraitError, OptionError
from openportrait.expressions import Key, Timeline
from openportrait.limits import check_upload
from openportrait.media import open_writer
from openportrait.options import FaceEdit, RetargetOptions, specs
from openportrait.pipeline.preview import Preview
from openportrait.records import Face
from openportrait.trim import Trim
from openportrait.web.checks import check_timeline, plainly
from openportrait.web.controls import plain, step_of
from openportrait.web.faces import drawn, face_at
from openportrait.web.line import MOST_OF_ONE, Line
from openportrait.web.options import WebOptions
from openportrait.web.sessions import UPLOADS_KEPT, Sessions
from tests.conftest import EXAMPLES


def test_a_click_near_a_small_face_counts() -> None:
    faces = tuple(Face(np.array([[x, 100.0], [x + 20, 120.0]])) for x in (100.0, 400.0))
    seen = Preview(np.zeros((720, 720, 3), np.uint8), faces, faces[:1], np.zeros((8, 8, 3), np.uint8))
    assert [face_at(seen, x, 110) for x in (80, 140, 390, 250)] == [0, 0, 1, None]
    inside = drawn(seen)[100:121, 400:421]
    assert not inside.any(), "what is drawn does not fill a small face"


def test_messages_name_files_and_labels_but_no_folders(tmp_path: Path) -> None:
    error = NoFaceError(f"no face in {tmp_path}/ab12/a b.jpg; lower --detection-threshold (now 0.5)")
    assert plainly(error, tmp_path) == "no face in a b.jpg; lower “Detection threshold” (now 0.5)"


def test_names_with_dashes_and_words_that_look_like_flags_stay(tmp_path: Path) -> None:
    path = tmp_path / "ab12" / "my --smile, officer--talk.mp4"
    path.parent.mkdir()
    path.touch()
    error = MediaError(
        f"{path}: is no clip; raise --max-size (now 0) or leave out --no-relative, not officer--talk.mp4"
    )
    assert plainly(error, tmp_path) == (
        "my --smile, officer--talk.mp4: is no clip; raise “Max size” (now 0) or tick “Relative”, not officer--talk.mp4"
    )
    unknown = OptionError(f"there is no {tmp_path}/cd34/officer--yaw-degrees.mp4; see --elsewhere")
    assert plainly(unknown, tmp_path) == "there is no officer--yaw-degrees.mp4; see --elsewhere"


def test_the_line_goes_by_turns_between_visitors() -> None:
    line = Line(1)
    first = [line.join("a") for _ in range(3)]
    second = line.join("b")
    assert [place.turn.is_set() for place in (*first, second)] == [True, False, False, False]
    line.leave(first[0])
    assert second.turn.is_set(), "who has waited less often than the first visitor is next"
    line.leave(second)
    assert first[1].turn.is_set()
    line.leave(first[2])
    line.leave(first[1])
    for _ in range(MOST_OF_ONE):
        line.join("c")
    with pytest.raises(OptionError, match="jobs of this page are under way"):
        line.join("c")
    assert not line.join("d").turn.is_set()


def test_long_clips_templates_and_timelines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with open_writer(path, rate=Fraction(2)) as writer:
        for _ in range(6):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    check_upload(path, WebOptions(max_seconds=3))
    with pytest.raises(MediaError, match="lasts 3 s, the limit is 2 s"):
        check_upload(path, WebOptions(max_seconds=2))
    check_upload(path, WebOptions(max_seconds=1), None)
    check_upload(path, WebOptions(max_seconds=1), Trim.of(1.5, 2.5))
    with pytest.raises(MediaError, match=r"the part of .* lasts 2 s, the limit is 1 s"):
        check_upload(path, WebOptions(max_seconds=1), Trim.of(1.5, None))
    with pytest.raises(MediaError, match="the limit is 1 s"):
        check_upload(EXAMPLES / "driving" / "talk.motion", WebOptions(max_seconds=1))
    with pytest.raises(MediaError, match="the timeline lasts 90 s"):
        check_timeline(Timeline((Key(0, FaceEdit()), Key(90, FaceEdit()))), WebOptions(max_seconds=60))


def test_large_files_and_pictures_are_refused() -> None:
    portrait = EXAMPLES / "source" / "officer.jpg"
    check_upload(portrait, WebOptions())
    with pytest.raises(MediaError, match=r"0\.3 megapixels, the limit is 0\.2"):
        check_upload(portrait, WebOptions(max_megapixels=0.2))


def test_limits_are_checked_when_they_are_set() -> None:
    with pytest.raises(OptionError, match="--concurrency is 0"):
        WebOptions(concurrency=0)


def handed_in(sessions: Sessions, root: Path) -> Path:
    """An upload that no page has named yet."""
    folder = sessions.new_upload()
    (folder / "a.png").touch()
    sessions.offer(folder)
    return folder / "a.png"


def test_a_page_may_name_its_own_files_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    sessions = Sessions(root)
    upload, result = handed_in(sessions, root), sessions.of("a").room() / "result.mp4"
    result.touch()
    other = tmp_path / "other.png"
    other.touch()
    assert sessions.own_file("a", str(upload)) == upload
    assert sessions.own_file("a", str(result)) == result
    os.mkfifo(upload.parent / "pipe")
    refused = {
        "is no file of this page": [
            *("", "a.png", str(root), str(other), "/etc/passwd", f"{upload}/../../../other.png", f"{root}/\0"),
            str(EXAMPLES / "source" / "officer.jpg"),
        ],
        "is an address; download": [
            "http://127.0.0.1/a.png",
            "HTTPS://a",
            "ftp://a/b",
            "file:///etc/passwd",
            "data:,a",
        ],
        "no longer here": [
            f"{upload.parent}",
            f"{upload.parent}/b.png",
            f"{upload.parent}/pipe",
            f"{upload}/{'a' * 999}",
        ],
    }
    for line, texts in refused.items():
        for text in texts:
            with pytest.raises(OpenPortraitError, match=line):
                sessions.own_file("a", text)
    for path in (upload, result):
        with pytest.raises(OptionError, match="is no file of this page"):
            sessions.own_file("b", str(path))
    with pytest.raises(OptionError, match="names no session"):
        sessions.own_file("", str(upload))


def test_uploads_that_nobody_uses_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(tmp_path)
    used, left = handed_in(sessions, tmp_path), handed_in(sessions, tmp_path)
    sessions.own_file("a", str(used))
    sessions.sweep()
    assert left.exists()
    monkeypatch.setattr("openportrait.web.sessions.UNCLAIMED_SECONDS", -1.0)
    sessions.sweep()
    assert used.exists()
    assert not left.parent.exists()
    for _ in range(UPLOADS_KEPT):
        sessions.own_file("a", str(handed_in(sessions, tmp_path)))
    assert not used.exists(), "a page keeps so many"


def test_a_closed_page_is_not_opened_anew_by_its_last_events(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    uploads = [handed_in(sessions, tmp_path) for _ in range(2)]
    for name, path in zip(("a", "b"), uploads, strict=True):
        assert sessions.own_file(name, str(path)) == path
    first = sessions.of("a")
    (first.room() / "result.mp4").touch()
    sessions.close("a")
    assert not first.folder.exists()
    assert [path.exists() for path in uploads] == [False, True], "what another page uses stays"
    with pytest.raises(OpenPortraitError, match="closed"):
        sessions.of("a")
    for late in (first.room, lambda: first.picture(np.zeros((8, 8, 3), np.uint8))):
        with pytest.raises(OpenPortraitError, match="closed"):
            late()
        assert not first.folder.exists()
    sessions.close_all()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_optional_numbers_are_texts_that_may_be_empty() -> None:
    lip = next(spec for spec in specs(RetargetOptions) if spec.name == "lip")
    assert [plain(lip, text) for text in ("", " ", "0.25")] == [None, None, 0.25]
    with pytest.raises(OptionError, match="give a number"):
        RetargetOptions(lip=plain(lip, "wide"))


def test_sliders_move_in_round_steps() -> None:
    steps = {spec.name: step_of(spec) for spec in specs(FaceEdit)}
    assert (steps["yaw_degrees"], steps["smile"], steps["move_z"]) == (0.1, 0.005, 0.001)
