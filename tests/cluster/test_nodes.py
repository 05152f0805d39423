"""A batch as a process, on a cluster that changes under it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import openportrait
from openportrait.batches.ledger import DEFAULT_NAME
from openportrait.media import open_clip
from tests.batch.conftest import Batch, wait_for
from tests.batch.test_batch import MANY, hidden, many, same_pictures, write_list
from tests.cluster.conftest import Nodes

pytestmark = pytest.mark.xdist_group("cluster")  # one cluster for all of them

Start = Callable[..., Batch]


def engines() -> list[int]:
    """The processes that do jobs, wherever they belong."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"openportrait.batches.worker" in words:
            found.append(int(path.parent.name))
    return found


def test_a_node_is_killed_and_every_job_is_there_once(
    nodes: Nodes, start: Start, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.fill()
    listed = write_list(tmp_path, *many(files))
    batch = start(listed, "--cluster", nodes.address, "--json", "--retries", 0)
    wait_for(batch.results)
    nodes.kill_one()
    out, err = batch.process.communicate(timeout=120)
    assert batch.process.returncode == 0, err
    assert [line for line in err.splitlines() if not line.startswith("openportrait: ")] == []
    told = json.loads(out)
    assert (told["jobs"], told["done"], told["failed"]) == (MANY, MANY, 0)
    assert {outcome["attempts"] for outcome in told["outcomes"]} == {1}, "the end of a node is no fault of a job"
    paths = {outcome["where"]: tmp_path / outcome["result"]["path"] for outcome in told["outcomes"]}
    assert sorted(paths.values()) == sorted(batch.results())

    for outcome in openportrait.batch(listed, output=tmp_path / "here"):
        assert outcome.result is not None
        assert same_pictures(paths[outcome.job.where], outcome.result.path)
    monkeypatch.chdir(tmp_path)
    again = openportrait.batch(listed, output="out", ledger=Path("out", DEFAULT_NAME))
    assert [outcome.attempts for outcome in again] == [0] * MANY


@pytest.mark.long
def test_stopped_it_leaves_whole_results_and_no_process(
    nodes: Nodes, start: Start, files: Path, tmp_path: Path
) -> None:
    before = set(engines())
    batch = start(write_list(tmp_path, *many(files)), "--cluster", nodes.address)
    wait_for(batch.results)
    batch.process.send_signal(signal.SIGINT)
    out, err = batch.process.communicate(timeout=60)
    assert batch.process.returncode == 130
    assert len(err.splitlines()) == 1
    assert err.startswith("openportrait: stopped; ")
    assert set(engines()) <= before
    assert not hidden(tmp_path)
    assert 0 < len(batch.results()) < MANY
    assert len(out.splitlines()) <= len(batch.results())
    for path in batch.results():
        with open_clip(path) as clip:
            assert sum(1 for _ in clip) > 0
