"""The service with the cluster behind it: the same answers as from processes of one machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

import openportrait
from openportrait.records import FaceEdit
from tests.cli.conftest import Run
from tests.cluster.conftest import Nodes
from tests.serve.conftest import Process, wait_for
from tests.serve.conftest import start as start

pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.slow]


@pytest.fixture
def begin(nodes: Nodes, start: Callable[..., Process]) -> Callable[[], Process]:
    """A service with a core for jobs and one for pictures. It is a process of its own: threads of Ray Serve ask the
    cluster even after it was left, and then join it again or end the process."""
    wanted = ("--cluster", nodes.address, "--workers", 1, "--most-pictures", 1, "--drain-seconds", 0)
    return lambda: start(*wanted)


def test_jobs_and_pictures_are_done_there_and_a_restart_goes_on(
    nodes: Nodes, begin: Callable[[], Process], files: Path, tmp_path: Path
) -> None:
    nodes.fill()
    portrait, clip = files / "portrait.png", files / "clip.mp4"
    service = begin()
    client = service.client
    with client.http:
        done = client.ended(client.job(files, options={"region": "lip"}))
        assert done["state"] == "done", done
        alone = openportrait.animate(portrait, clip, tmp_path / "alone.mp4", engine="mesh", region="lip", workers=1)
        assert client.http.get(done["links"]["result"]).content == alone.path.read_bytes()

        sliders = {"smile": 1.0, "yaw_degrees": 5.0}
        edited = openportrait.edit(portrait, FaceEdit(**sliders), tmp_path / "alone.png", engine="mesh").path
        for _ in range(2):
            answer = client.send(("picture", portrait), to="/v1/edit", edit=sliders, format="png")
            assert answer.content == edited.read_bytes(), answer.text
        assert len(client.send(("picture", portrait), to="/v1/faces").json()["faces"]) == 1
        for picture, status in ((files / "blank.png", 422), (files / "words.jpg", 415)):
            client.error(client.send(("picture", picture), to="/v1/edit", edit=sliders), status)
        faceless = client.send(("source", files / "blank.png"), ("driving", portrait)).json()
        assert client.ended(faceless)["error"].startswith("no face in source")

        waiting = [client.job(files) for _ in range(3)]
        wait_for(lambda: client.look(waiting[0])["state"] != "queued")
        assert client.look(waiting[2])["state"] == "queued"
    assert service.terminate() == 0
    service = begin()
    client = service.client
    with client.http:
        assert [client.ended(job)["state"] for job in waiting] == ["done"] * 3
        assert client.http.get(waiting[2]["links"]["self"]).json()["attempts"] == 1
    assert service.terminate() == 0


def test_a_wrong_address_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("serve", "--cluster", "127.0.0.1:1", "--port", 0, "--folder", tmp_path / "jobs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("openportrait: error: 127.0.0.1:1: no cluster answers")
    assert len(done.stderr.splitlines()) == 1
