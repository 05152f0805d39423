"""What is refused, and how it is worded; without a browser."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio")

from openportrait.errors import MediaError, NoFaceError, OpenPortraitError, OptionError
from openportrait.expressions import Key, Timeline
from openportrait.media import open_writer
from openportrait.options import FaceEdit, RetargetOptions, specs
from openportrait.web.checks import check_timeline, check_upload, plainly
from openportrait.web.controls import plain, step_of
from openportrait.web.options import WebOptions
from openportrait.web.sessions import Sessions
from tests.conftest import EXAMPLES


def test_messages_name_files_and_labels_but_no_folders(tmp_path: Path) -> None:
    error = NoFaceError(f"no face in {tmp_path}/ab12/a b.jpg; lower --detection-threshold (now 0.5)")
    assert plainly(error, tmp_path) == "no face in a b.jpg; lower “Detection threshold” (now 0.5)"


def test_long_clips_templates_and_timelines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with open_writer(path, rate=Fraction(2)) as writer:
        for _ in range(6):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    check_upload(path, WebOptions(max_seconds=3))
    with pytest.raises(MediaError, match="lasts 3 s, the limit is 2 s"):
        check_upload(path, WebOptions(max_seconds=2))
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


def test_a_closed_page_is_not_opened_anew_by_its_last_events(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    uploads = [tmp_path / name / "a.png" for name in ("one", "two")]
    for path in uploads:
        path.parent.mkdir()
        path.touch()
    first = sessions.of("a", uploads)
    sessions.of("b", uploads[:1])
    (first.room() / "result.mp4").touch()
    sessions.close("a")
    assert not first.folder.exists()
    assert [path.exists() for path in uploads] == [True, False], "what another page uses stays"
    with pytest.raises(OpenPortraitError, match="closed"):
        sessions.of("a")
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
