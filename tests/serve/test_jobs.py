"""Jobs from the request to the result, and all that is refused."""

from __future__ import annotations

import errno
import json
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openportrait
from openportrait.media import write_image
from openportrait.serve.options import ServeOptions
from openportrait.serve.server import Serving, serving
from tests.batch.test_batch import same_pictures
from tests.serve.conftest import MESH, TOKENS, Client, client_of, wait_for


def test_a_job_is_what_the_command_makes_and_is_fetched_in_parts(anna: Client, files: Path, tmp_path: Path) -> None:
    job = anna.job(files, options={"region": "lip", "multiplier": 1.5, "side_by_side": True}, format="mov")
    assert job["state"] == "queued"
    with anna.http.stream("GET", job["links"]["events"]) as events:
        told = [json.loads(line.removeprefix("data: ")) for line in events.iter_lines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done", told[-1]
    assert told[-1]["result"]["frames"] == 8
    assert told[-1]["expires"] > told[-1]["ended"]

    whole = anna.http.get(told[-1]["links"]["result"])
    made = tmp_path / "served.mov"
    made.write_bytes(whole.content)
    openportrait.animate(
        files / "portrait.png", files / "clip.mp4", tmp_path / "own.mov", region="lip", multiplier=1.5, engine="mesh"
    )
    assert same_pictures(made, tmp_path / "own.mov")
    part = anna.http.get(told[-1]["links"]["result"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = anna.http.get(told[-1]["links"]["result"], headers={"Range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416
    assert anna.http.get(told[-1]["links"]["side_by_side"]).status_code == 200
    assert anna.http.get(f"{job['links']['self']}/result?file=template").status_code == 404


def test_several_drivings_each_move_their_part(anna: Client, files: Path) -> None:
    clip, still = files / "clip.mp4", files / "portrait.png"
    sent = (("source", still), ("driving", clip), ("driving", still), ("background", still))
    drivings = [{}, {"region": "lip", "offset_seconds": 0.1}]
    job = anna.ended(anna.send(*sent, drivings=drivings, options={"face": 0, "save_template": True}).json())
    assert job["error"] is None
    template = anna.http.get(job["links"]["template"]).content
    assert template.startswith(b"PK")


def test_a_template_drives_without_its_pixels(anna: Client, files: Path, tmp_path: Path) -> None:
    measured = anna.ended(anna.send(("driving", files / "clip.mp4"), to="/v1/templates").json())
    assert (measured["state"], measured["result"]["frames"]) == ("done", 8)
    template = tmp_path / "nod.motion"
    template.write_bytes(anna.http.get(measured["links"]["result"]).content)
    assert len(openportrait.load_template(template).motions) == 8
    job = anna.ended(anna.send(("source", files / "portrait.png"), ("driving", template)).json())
    assert job["result"]["frames"] == 8


def test_a_job_is_its_owners_alone_and_goes_when_removed(
    anna: Client, boris: Client, served: Serving, files: Path
) -> None:
    job = anna.job(files)
    place = job["links"]["self"]
    for path in (place, f"{place}/events", f"{place}/result"):
        boris.error(boris.http.get(path), 404)
    boris.error(boris.http.delete(place), 404)
    anna.ended(job)
    assert anna.http.delete(place).status_code == 204
    anna.error(anna.http.get(place), 404)
    anna.error(anna.http.delete(place), 404)
    assert not (served.service.options.folder / "jobs" / job["id"]).exists()


def test_a_job_is_ended_while_it_runs_and_the_next_is_done(
    anna: Client, served: Serving, files: Path, portrait: Path
) -> None:
    long = anna.send(
        ("source", portrait),
        ("driving", files / "clip.mp4"),
        ("driving", files / "portrait.png"),
        drivings=[{}, {"offset_seconds": 25, "region": "lip"}],
        options={"length": "longest"},
    ).json()
    with anna.http.stream("GET", long["links"]["events"]) as events:
        for line in events.iter_lines():
            if '"progress":{' in line:
                break
    anna.error(anna.http.get(f"{long['links']['self']}/result"), 409)
    assert anna.http.delete(long["links"]["self"]).status_code == 204
    assert anna.ended(anna.job(files))["state"] == "done"
    wait_for(lambda: not (served.service.options.folder / "jobs" / long["id"]).exists())


def test_the_same_request_with_the_same_key_is_one_job(anna: Client, boris: Client, files: Path) -> None:
    sent = (("source", files / "portrait.png"), ("driving", files / "portrait.png"))
    answers: list[dict[str, Any]] = []

    def send() -> None:
        answers.append(anna.send(*sent, key="one").json())

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job["id"] for job in answers}) == 1
    line = anna.error(anna.send(*sent, key="one", options={"region": "lip"}), 422)
    assert "Idempotency-Key" in line
    other = boris.send(*sent, key="one").json()
    assert other["id"] != answers[0]["id"]
    anna.ended(answers[0])
    boris.ended(other)


def test_what_has_no_face_fails_with_the_line_of_the_command(anna: Client, files: Path) -> None:
    sent = (("source", files / "blank.png"), ("driving", files / "clip.mp4"))
    job = anna.ended(anna.send(*sent).json())
    assert (job["state"], job["attempts"], job["result"]) == ("failed", 1, None)
    assert job["error"].startswith("no face in source.png; ")
    assert "--" not in job["error"]
    anna.error(anna.http.get(f"{job['links']['self']}/result"), 404)


def test_the_longest_time_is_that_of_the_part_that_is_used(anna: Client, files: Path, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * 40))
    both = (("source", files / "portrait.png"), ("driving", silence))
    part = {"driving_start": 5, "driving_end": 6}
    for options, drivings in ((part, []), ({}, [{"start_seconds": 5, "end_seconds": 6}])):
        job = anna.ended(anna.send(*both, options=options, drivings=drivings).json())
        assert (job["state"], job["result"]["frames"]) == ("done", 25), job
    made = anna.ended(anna.send(("driving", silence), to="/v1/templates", options=part).json())
    assert (made["state"], made["result"]["frames"]) == ("done", 25), made
    for options in ({}, {"driving_start": 5}, {"source_start": 5, "source_end": 6}):
        told = anna.error(anna.send(*both, options=options), 413)
        assert "s, the limit is 30 s; use less of it" in told


def test_refusals_are_one_clear_sentence(anna: Client, files: Path) -> None:
    portrait, clip = files / "portrait.png", files / "clip.mp4"
    both = (("source", portrait), ("driving", clip))
    wrong: list[tuple[int, str, Any]] = [
        (415, "multipart", anna.http.post("/v1/jobs", content=b"{}")),
        (422, "no driving", anna.send(("source", portrait))),
        (422, "no source", anna.send(("driving", portrait))),
        (415, "source.jpg", anna.send(("source", files / "words.jpg"), ("driving", clip))),
        (415, "driving.mp4", anna.send(("source", portrait), ("driving", files / "empty.mp4"))),
        (415, "driving.motion", anna.send(("source", portrait), ("driving", _damaged(files)))),
        (422, "nose", anna.send(*both, nose="x")),
        (422, "give at most 1", anna.send(*both, ("source", portrait))),
        (422, "there is no option regoin; did you mean region?", anna.send(*both, options={"regoin": "lip"})),
        (422, "region", anna.send(*both, options={"region": "nose"})),
        (422, "multiplier is 9", anna.send(*both, options={"multiplier": 9})),
        (422, "engine is chosen", anna.send(*both, options={"engine": "neural"})),
        (422, "workers is chosen", anna.send(*both, options={"workers": 2})),
        (422, "weights is chosen", anna.send(*both, options={"weights": "/etc"})),
        (422, "background", anna.send(*both, options={"background": "/etc/passwd"})),
        (422, "options: it is not JSON", anna.send(*both, options="{")),
        (422, "give an object", anna.send(*both, options=[1])),
        (422, "drivings[0]", anna.send(*both, drivings=[{"region": "nose"}])),
        (422, "drivings[0] has no nose", anna.send(*both, drivings=[{"nose": 1}])),
        (422, "for 1 files", anna.send(*both, drivings=[{}, {}])),
        (422, "offset_seconds is beyond 30 s", anna.send(*both, drivings=[{"offset_seconds": 31}])),
        (422, "format is 'doc'", anna.send(*both, format="doc")),
        (422, "addresses are not fetched", anna.send(("source", portrait), driving="http://127.0.0.1/x.mp4")),
        (422, "changes nothing here", anna.send(("driving", clip), to="/v1/templates", options={"region": "lip"})),
        (413, "larger than 3 MB", anna.send(("source", b"x" * 3_500_000), ("driving", clip))),
        (413, "megapixels", anna.send(("source", _large(files)), ("driving", clip))),
        (404, "not found", anna.http.get("/v1/nothing")),
        (405, "not allowed", anna.http.put("/v1/jobs")),
        (422, "name", anna.http.get("/v1/jobs/xyz")),
    ]  # fmt: skip
    for status, words, answer in wrong:
        assert words in anna.error(answer, status), (status, words, answer.text)


def _damaged(folder: Path) -> Path:
    path = folder / "damaged.motion"
    path.write_bytes(b"no template")
    return path


def _large(folder: Path) -> Path:
    path = folder / "large.png"
    write_image(path, np.zeros((2100, 2000, 3), np.uint8))
    return path


def test_too_many_jobs_are_refused_until_one_has_ended(anna: Client, files: Path) -> None:
    jobs = [anna.job(files) for _ in range(4)]
    refused = anna.send(("source", files / "portrait.png"), ("driving", files / "clip.mp4"))
    assert "of your jobs wait or run" in anna.error(refused, 429)
    assert int(refused.headers["retry-after"]) > 0
    for job in jobs:
        assert anna.ended(job)["state"] == "done"
    anna.ended(anna.job(files))


def test_only_those_with_a_token_are_let_in(served: Serving) -> None:
    for token in (None, "anna-anna-anna-ann", f"{TOKENS[0]}x", ""):
        stranger = client_of(served.url, token)
        for answer in (stranger.http.get("/v1/jobs/" + "0" * 32), stranger.http.post("/v1/jobs", content=b"")):
            stranger.error(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert stranger.http.get("/healthz").json() == {"status": "alive"}
        assert stranger.http.get("/readyz").status_code == 200


def test_results_go_after_their_time_and_pages_of_other_sites_are_kept_out(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openportrait.serve.server.SWEEP_SECONDS", 0.1)
    monkeypatch.delenv("OPENPORTRAIT_TOKENS", raising=False)
    with serving(ServeOptions(port=0, folder=tmp_path, workers=1, keep_hours=0.001), MESH) as running:
        client = client_of(running.url)
        job = client.job(files)
        assert client.ended(job)["state"] == "done"
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "same-origin"}):
            client.error(client.http.get(job["links"]["self"], headers=headers), 403)
        wait_for(lambda: client.http.get(job["links"]["self"]).status_code == 404)
        wait_for(lambda: not list((tmp_path / "jobs").iterdir()))


def test_a_full_disk_is_told_without_a_path_and_keeps_nothing(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENPORTRAIT_TOKENS", raising=False)
    with serving(ServeOptions(port=0, folder=tmp_path, workers=1), MESH) as running:
        client = client_of(running.url)

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "jobs"))

        with monkeypatch.context() as patch:
            patch.setattr("openportrait.serve.service._sync", full)
            refused = client.send(("source", files / "portrait.png"), ("driving", files / "portrait.png"), key="a")
        assert str(tmp_path) not in client.error(refused, 503)
        assert not list((tmp_path / "jobs").iterdir())
        sent = client.send(("source", files / "portrait.png"), ("driving", files / "portrait.png"), key="a")
        assert client.ended(sent.json())["state"] == "done"
