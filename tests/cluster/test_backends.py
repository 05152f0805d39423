"""What holds wherever jobs are done: worker processes of this machine, and a Ray cluster."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import openportrait
from openportrait import BatchJob, BatchProgress, Outcome
from openportrait.errors import Cancelled, EngineError, OptionError
from tests.batch.test_batch import hidden, same_pictures
from tests.cluster.conftest import Nodes
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("cluster")  # one cluster for all of them

Backend = dict[str, Any]


def by_source(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {outcome.job.source_path.stem: outcome for outcome in outcomes}


def test_jobs_end_with_their_results_or_their_lines(
    backend: Backend, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("crash-once", "crash"):
        Path(f"{name}.png").write_bytes((files / "portrait.png").read_bytes())
    still = files / "portrait.png"
    jobs = [
        BatchJob(still, files / "clip.mp4", "named.mp4", {"region": "lip"}),
        BatchJob(files / "blank.png", still),
        BatchJob(files / "missing.png", still),
        BatchJob("crash-once.png", still),
        BatchJob("crash.png", still),
    ]
    seen: list[BatchProgress] = []
    given: dict[str, Any] = {"output": "out", "ledger": "l.sqlite", "retries": 1, **backend}
    found = by_source(list(openportrait.batch(jobs, progress=seen.append, **given)))

    made = found["portrait"].result
    assert made is not None
    assert made.path == Path("named.mp4")
    openportrait.animate(still, files / "clip.mp4", "single.mp4", region="lip")
    assert same_pictures(made.path, Path("single.mp4"))
    assert "no face in" in str(found["blank"].error)
    assert found["blank"].attempts == 1, "a face is not there at the second look either"
    assert "missing.png: there is no such file" in str(found["missing"].error)
    assert found["crash-once"].result is not None
    assert found["crash-once"].attempts == 2
    assert "its worker was ended by SIGABRT" in str(found["crash"].error)
    assert found["crash"].attempts == 2
    assert seen[0].total == 4, "what is missing is known before the work"
    assert seen[-1].frames >= made.frames
    assert not hidden(tmp_path)
    assert len(list(Path("out").iterdir())) == 1

    again = by_source(list(openportrait.batch(jobs[:1], **given)))
    assert again["portrait"].attempts == 0


def test_a_caller_may_stop_in_the_middle(backend: Backend, files: Path, tmp_path: Path) -> None:
    clip = files / "clip.mp4"
    jobs = [BatchJob(files / "portrait.png", clip, options={"multiplier": 1 + i / 10}) for i in range(4)]
    seen: list[BatchProgress] = []
    with pytest.raises(Cancelled, match="of 4 jobs are done"):
        for _ in openportrait.batch(
            jobs, output=tmp_path, progress=seen.append, cancel=lambda: bool(seen and seen[-1].done), **backend
        ):
            pass
    assert seen[-1].done == 1
    assert not hidden(tmp_path)
    assert 1 <= len(list(tmp_path.iterdir())) < len(jobs)


def test_no_room_is_said(nodes: Nodes, files: Path) -> None:
    nodes.fill()
    job = BatchJob(files / "portrait.png", files / "portrait.png")
    with pytest.raises(OptionError, match=r"no room for a worker \(2 CPU, 0 GPU\)"):
        list(openportrait.batch([job], cluster=nodes.address, worker_gpus=0.5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cluster": "127.0.0.1:1"}, "^127.0.0.1:1: no cluster answers .*; check the address"),
        ({"cluster": "http://cluster"}, "is no address of a cluster"),
        ({"cluster": "auto", "worker_gpus": 1.5}, "worker_gpus is 1.5; above 1 a whole number is due"),
    ],
)
def test_what_cannot_be_reached_is_one_line(options: dict[str, Any], said: str, files: Path) -> None:
    job = BatchJob(files / "portrait.png", files / "portrait.png")
    with pytest.raises((EngineError, OptionError), match=said) as refused:
        list(openportrait.batch([job], **options))
    assert "\n" not in str(refused.value)


def test_a_listener_that_is_no_cluster_is_told_from_one(files: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    job = BatchJob(files / "portrait.png", files / "portrait.png")
    with pytest.raises(EngineError, match="what answers there is no cluster; check the address"):
        list(openportrait.batch([job], cluster=f"127.0.0.1:{server.server_port}"))
    thread.join()
    server.server_close()


def test_ray_is_asked_for_where_it_is_missing(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openportrait.batches import cluster

    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    job = BatchJob(files / "portrait.png", files / "portrait.png")
    with pytest.raises(EngineError, match=r"a cluster needs a package; pip install '.*\[cluster\]'"):
        list(openportrait.batch([job], cluster="auto"))


def test_ray_is_imported_by_those_alone_who_ask_for_it() -> None:
    modules = "openportrait.cli, openportrait.batches.run, openportrait.batches.cluster"
    code = f"import sys, {modules}; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"
