"""Pictures that are answered at once, and the figures of the service."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import openportrait
from openportrait.records import Image
from openportrait.serve.portraits import Portraits
from tests.serve.conftest import Client


def pixels(content: bytes) -> Image:
    with Pillow.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def test_an_edited_picture_is_that_of_the_command(anna: Client, files: Path, tmp_path: Path) -> None:
    sliders = {"smile": 1.0, "yaw_degrees": 8}
    sent = ("picture", files / "portrait.png")
    answer = anna.send(sent, to="/v1/edit", edit=sliders, options={"source_scale": 2.4}, format="png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert isinstance(json.loads(answer.headers["openportrait-warnings"]), list)
    own = tmp_path / "own.png"
    edit = openportrait.FaceEdit(smile=1.0, yaw_degrees=8)
    openportrait.edit(files / "portrait.png", edit, own, engine="mesh", source_scale=2.4)
    assert np.array_equal(pixels(answer.content), pixels(own.read_bytes()))
    clear = anna.send(sent, to="/v1/edit", options={"background": "transparent"})
    assert (clear.headers["content-type"], pixels(clear.content).shape[2]) == ("image/png", 4)
    assert anna.send(sent, to="/v1/edit").headers["content-type"] == "image/jpeg"


def test_the_faces_are_those_of_the_command(anna: Client, files: Path) -> None:
    found = anna.send(("picture", files / "portrait.png"), to="/v1/faces", options={"detection_threshold": 0.4}).json()
    assert [face["number"] for face in found["faces"]] == [0]
    left, top, right, bottom = found["faces"][0]["box"]
    assert 0 < left < right < found["width"]
    assert 0 < top < bottom < found["height"]
    assert anna.send(("picture", files / "blank.png"), to="/v1/faces").json()["faces"] == []


def test_what_cannot_be_edited_is_refused_in_one_line(anna: Client, files: Path) -> None:
    picture = ("picture", files / "portrait.png")
    for status, words, answer in (
        (422, "there is no picture", anna.send(to="/v1/edit", edit={})),
        (422, "no face in the picture", anna.send(("picture", files / "blank.png"), to="/v1/edit")),
        (415, "the picture", anna.send(("picture", files / "words.jpg"), to="/v1/edit")),
        (415, "is a clip", anna.send(("picture", files / "clip.mp4"), to="/v1/edit")),
        (415, "the picture", anna.send(("picture", files / "truncated.mp4"), to="/v1/faces")),
        (413, "larger than 3 MB", anna.send(("picture", b"x" * 3_500_000), to="/v1/edit")),
        (422, "smile is 99", anna.send(picture, to="/v1/edit", edit={"smile": 99})),
        (422, "no slider nose", anna.send(picture, to="/v1/edit", edit={"nose": 1})),
        (422, "region changes nothing here", anna.send(picture, to="/v1/edit", options={"region": "lip"})),
        (422, "background", anna.send(picture, to="/v1/edit", options={"background": "/etc/passwd"})),
        (422, "format is 'mp4'", anna.send(picture, to="/v1/edit", format="mp4")),
        (422, "picture is a text", anna.send(to="/v1/faces", picture="http://127.0.0.1/a.png")),
    ):
        assert words in anna.error(answer, status), (status, words, answer.text)


def test_figures_tell_of_jobs_and_requests_alone(anna: Client, files: Path) -> None:
    anna.ended(anna.job(files))
    for number in range(3):
        anna.http.get(f"/made/up/{number}")
    text = anna.http.get("/metrics").text
    assert 'openportrait_job_seconds_count{kind="animate",state="done"}' in text
    assert 'openportrait_requests_total{method="POST",route="/v1/jobs",status="202"}' in text
    assert "made" not in text, "what others make up is no label"
    anna.http.headers.pop("Authorization")
    anna.error(anna.http.get("/metrics"), 401)


def test_a_picture_that_is_sent_again_is_the_same_file_until_it_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openportrait.serve.forms import Part

    portraits = Portraits(tmp_path / "portraits")

    def sent(content: bytes) -> Part:
        return Part("picture", ".png", io.BytesIO(content))

    with portraits.held(sent(b"one"), 1) as first:
        born = first.stat().st_mtime_ns
        with portraits.held(sent(b"one"), 1) as again, portraits.held(sent(b"two"), 1) as other:
            assert again == first
            assert other != first
    assert first.stat().st_mtime_ns == born
    monkeypatch.setattr("openportrait.serve.portraits.KEPT_SECONDS", 0.0)
    portraits.sweep()
    assert not list((tmp_path / "portraits").iterdir())
