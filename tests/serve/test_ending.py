"""However the service or a worker ends, no job that was accepted is lost."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from openportrait.errors import OpenPortraitError
from openportrait.serve.options import ServeOptions
from openportrait.serve.server import serving
from tests.batch.conftest import children, is_running
from tests.cli.conftest import Run
from tests.serve.conftest import MESH, Client, Process, wait_for

Start = Callable[..., Process]
KILLS = [pytest.param(2, id="few"), pytest.param(20, id="many", marks=pytest.mark.long)]


def send(client: Client, files: Path, key: str) -> str | None:
    """A job's id, None where nobody answered."""
    try:
        answer = client.send(("source", files / "portrait.png"), ("driving", files / "portrait.png"), key=key)
    except httpx.TransportError:
        return None
    assert answer.status_code == 202, answer.text
    name: str = answer.json()["id"]
    return name


def none_runs(workers: list[int]) -> bool:
    return not any(map(is_running, workers))


@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_random_moments_it_loses_no_accepted_job(start: Start, files: Path, kills: int) -> None:
    moments = random.Random(5)
    accepted: dict[str, str] = {}
    sent = 0
    for _ in range(kills):
        running = start("--workers", 1)
        end = time.monotonic() + moments.uniform(0.05, 2.5)
        while time.monotonic() < end:
            key = f"job-{sent}"
            name = send(running.client, files, key)
            assert name is not None
            assert accepted.setdefault(key, name) == name
            sent += 1
            time.sleep(0.3)
        workers = children(running.process.pid)
        running.kill()
        wait_for(partial(none_runs, workers))
        # Whoever heard nothing sends the same again: here the last one, which was accepted.
        sent -= 1

    running = start("--workers", 2)
    assert accepted
    for key, name in accepted.items():
        assert send(running.client, files, key) == name, "it is known by its key"
        job = running.client.ended({"links": {"self": f"/v1/jobs/{name}"}})
        assert (job["state"], job["attempts"]) == ("done", 1), "a killed service is no fault of the job"
        assert running.client.http.get(job["links"]["result"]).content.startswith(b"\xff\xd8")


def test_told_to_stop_it_ends_what_runs_and_the_rest_is_done_after_the_next_start(start: Start, files: Path) -> None:
    running = start("--workers", 1)
    client = running.client
    jobs = [client.job(files) for _ in range(3)]
    wait_for(lambda: client.look(jobs[0])["state"] == "running")
    with client.http.stream("GET", jobs[2]["links"]["events"]) as events:
        assert running.terminate() == 0
        assert list(events.iter_lines()), "who watches is told before the end"
    states = dict(_rows(running, "SELECT id, state FROM jobs"))
    assert states[jobs[0]["id"]] == "done"
    assert states[jobs[2]["id"]] == "queued"
    again = start("--workers", 1).client
    assert all(again.ended(job)["state"] == "done" for job in jobs)


def test_told_to_stop_at_once_it_gives_running_jobs_back(start: Start, files: Path) -> None:
    running = start("--workers", 1, "--drain-seconds", 0)
    job = running.client.job(files)
    wait_for(lambda: running.client.look(job)["state"] == "running")
    assert running.terminate() == 0
    assert list(_rows(running, "SELECT state, attempts FROM jobs")) == [("queued", 0)]


def test_a_worker_that_crashes_fails_its_job_alone(start: Start, files: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BREAK)
    (files / "crash.mkv").write_bytes((files / "clip.mp4").read_bytes())
    client = start("--workers", 1, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}").client
    jobs = [client.job(files) for _ in range(2)]
    sent = (("source", files / "portrait.png"), ("driving", files / "crash.mkv"))
    jobs.insert(1, client.send(*sent).json())
    before, crashed, after = (client.ended(job) for job in jobs)
    assert (before["state"], after["state"]) == ("done", "done")
    assert (crashed["state"], crashed["attempts"]) == ("failed", 2)
    assert "its worker was ended by SIGABRT" in crashed["error"]


@pytest.mark.slow
def test_a_job_that_takes_too_long_has_failed(start: Start, files: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BREAK.replace("os.abort()", "import time; time.sleep(1000)"))
    (files / "endless.mkv").write_bytes((files / "clip.mp4").read_bytes())
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    client = start("--workers", 1, "--job-minutes", 0.05, PYTHONPATH=path).client
    endless = client.send(("source", files / "portrait.png"), ("driving", files / "endless.mkv")).json()
    following = client.job(files)
    failed = client.ended(endless)
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert failed["error"].startswith(
        "this took longer than 0.05 minutes, the most that a job may; give a shorter clip"
    )
    assert not list((tmp_path / "jobs" / "jobs" / endless["id"]).iterdir())
    wait_for(lambda: client.look(following)["state"] != "queued")


BREAK = """
import os, sys
if "openportrait.serve.worker" in sys.orig_argv:
    import openportrait.pipeline as pipeline
    whole = pipeline.animate
    def animate(source, drivings, *args, **options):
        if str(drivings[0].path).endswith(".mkv"):
            os.abort()
        return whole(source, drivings, *args, **options)
    pipeline.animate = animate
"""
"""Loaded by each Python: workers break on a certain driving."""


def test_what_is_wrong_with_the_command_is_told_in_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENPORTRAIT_TOKENS", raising=False)
    short = tmp_path / "short.txt"
    short.write_text("secret\n")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "plain").touch()
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / "jobs.sqlite") as rows:
        rows.execute("CREATE TABLE mine (x)")
    with serving(ServeOptions(port=0, folder=tmp_path / "jobs", workers=1), MESH) as running:
        port = int(running.url.rpartition(":")[2])
        wrong: list[tuple[str, dict[str, Any]]] = [
            (f"port {port} of 127.0.0.1 is taken", {"port": port}),
            ("is no address of this machine", {"host": "192.0.2.1", "tokens": _tokens(tmp_path)}),
            ("lets other machines in", {"host": "0.0.0.0"}),
            ("nothing.txt: there is no such file", {"tokens": tmp_path / "nothing.txt"}),
            ("holds no token", {"tokens": tmp_path / "empty.txt"}),
            ("token 1 is none", {"tokens": short}),
            ("cannot be written, a part of the path is a file", {"folder": tmp_path / "plain" / "x"}),
            ("is another database", {"folder": other}),
            ("another service works with this list of jobs", {"folder": tmp_path / "jobs"}),
        ]
        for words, given in wrong:
            with (
                pytest.raises(OpenPortraitError, match=re.escape(words)) as refused,
                serving(ServeOptions(**{"port": 0, "folder": tmp_path / "new", **given}), MESH),
            ):
                pass
            assert "secret" not in str(refused.value)
            assert "\n" not in str(refused.value)
        done = run("serve", "--port", port)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"openportrait: error: port {port} of 127.0.0.1 is taken; ")
        assert len(done.stderr.splitlines()) == 1
    monkeypatch.setattr("openportrait.serve.server._NEEDED", ("no_such_package",))
    with pytest.raises(OpenPortraitError, match=r"pip install .*\[serve\]"), serving(ServeOptions(port=0), MESH):
        pass


def _tokens(folder: Path) -> Path:
    path = folder / "good.txt"
    path.write_text("0123456789abcdef\n")
    return path


def _rows(running: Process, query: str) -> Any:
    """What is in the file of a service that has ended."""
    folder = Path(running.process.args[running.process.args.index("--folder") + 1])  # type: ignore[union-attr,index,arg-type]
    with sqlite3.connect(folder / "jobs.sqlite") as rows:
        return rows.execute(query).fetchall()


def test_ended_by_a_second_signal_it_leaves_at_once(start: Start, files: Path) -> None:
    running = start("--workers", 1, "--drain-seconds", 600)
    long = running.client.send(
        ("source", files / "portrait.png"),
        ("driving", files / "clip.mp4"),
        ("driving", files / "portrait.png"),
        drivings=[{}, {"offset_seconds": 500, "region": "lip"}],
        options={"length": "longest"},
    ).json()
    wait_for(lambda: running.client.look(long)["state"] == "running")
    workers = children(running.process.pid)
    running.process.send_signal(signal.SIGTERM)
    wait_for(lambda: running.client.http.get("/readyz").status_code == 503)
    assert running.client.send(to="/v1/jobs").status_code == 503
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 143
    wait_for(partial(none_runs, workers))
    assert list(_rows(running, "SELECT state FROM jobs")) == [("running",)]
