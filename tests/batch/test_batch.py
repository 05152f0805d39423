from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openportrait
from openportrait.errors import Cancelled, MediaError, OptionError
from openportrait.media import open_clip
from tests.batch.conftest import HIDDEN, Batch, is_running, wait_for
from tests.cli.conftest import Run

MANY = 6
Start = Callable[..., Batch]
BREAK = """
import os, sys
if "openportrait.batches.worker" in sys.orig_argv:
    import openportrait.pipeline as pipeline
    whole = pipeline.animate
    def animate(source, *args, **options):
        if str(getattr(source, "path", source)).endswith("crash.png") and not os.path.exists("{once}"):
            {then}
            os.abort()
        return whole(source, *args, **options)
    pipeline.animate = animate
"""
"""Loaded by each Python: workers break on a certain source."""


def write_list(folder: Path, *jobs: dict[str, object]) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("".join(f"{json.dumps(job)}\n" for job in jobs))
    return path


def job(files: Path, **more: object) -> dict[str, object]:
    return {"source": str(files / "portrait.png"), "driving": str(files / "clip.mp4"), **more}


def many(files: Path) -> list[dict[str, object]]:
    """Jobs that take a while: each is a clip of a second and a half."""
    clip = files / "clip.mp4"
    driving = [f"{clip}@end=loop", f"lip={clip}@offset=1.2"]
    return [job(files, driving=driving, length="longest", multiplier=1 + i / 10) for i in range(MANY)]


def same_pictures(one: Path, other: Path) -> bool:
    with open_clip(one) as first, open_clip(other) as second:
        pairs = zip_longest(first, second)
        return all(a is not None and b is not None and np.array_equal(a.image, b.image) for a, b in pairs)


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(HIDDEN))


def test_results_are_those_of_single_runs_and_are_made_once(run: Run, files: Path, tmp_path: Path) -> None:
    listed = write_list(
        tmp_path,
        job(files, output="named.mp4", region="lip", side_by_side=True),
        job(files, driving=str(files / "portrait.png"), save_template=True),
        job(files, source=str(files / "missing.png")),
        job(files, source=str(files / "blank.png")),
    )
    done = run("batch", listed, "-o", "out", "--json", "--workers", 2, "--multiplier", 1.5)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["jobs"], told["done"], told["done_earlier"], told["failed"]) == (4, 2, 0, 2)
    lines = done.stderr.splitlines()
    assert any(f"failed: {listed}, line 3: {files / 'missing.png'}: there is no such file" in line for line in lines)
    assert any(f"failed: {listed}, line 4: no face in" in line for line in lines)
    attempts = {outcome["where"]: outcome["attempts"] for outcome in told["outcomes"]}
    assert attempts[f"{listed}, line 4"] == 1, "a face is not there at the second look either"
    still = next(Path(outcome["result"]["path"]) for outcome in told["outcomes"] if outcome["where"].endswith("2"))
    assert still.suffix == ".jpg"
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == sorted((still.name, f"{still.stem}.motion", "openportrait-batch.sqlite"))
    assert (tmp_path / "named_concat.mp4").is_file()

    openportrait.animate(files / "portrait.png", files / "clip.mp4", tmp_path / "s.mp4", region="lip", multiplier=1.5)
    openportrait.animate(files / "portrait.png", files / "portrait.png", tmp_path / "s.jpg", multiplier=1.5)
    assert same_pictures(tmp_path / "named.mp4", tmp_path / "s.mp4")
    assert same_pictures(tmp_path / still, tmp_path / "s.jpg")

    born = {path: path.stat().st_mtime_ns for path in (tmp_path / "named.mp4", tmp_path / still)}
    again = json.loads(run("batch", listed, "-o", "out", "--json", "--multiplier", 1.5).stdout)
    assert (again["done"], again["done_earlier"], again["failed"]) == (0, 2, 2)
    assert born == {path: path.stat().st_mtime_ns for path in born}


def test_what_changed_is_made_again_and_nothing_else(files: Path, tmp_path: Path) -> None:
    source, other = tmp_path / "a.png", tmp_path / "b.png"
    for path in (source, other):
        path.write_bytes((files / "portrait.png").read_bytes())
    jobs = [
        openportrait.BatchJob(path, files / "portrait.png", tmp_path / f"{path.stem}.jpg") for path in (source, other)
    ]

    def made(**options: Any) -> set[str]:
        outcomes = list(openportrait.batch(jobs, ledger=tmp_path / "l.sqlite", workers=1, **options))
        assert not [outcome.error for outcome in outcomes if outcome.error]
        return {outcome.job.source_path.name for outcome in outcomes if outcome.attempts}

    assert made() == {"a.png", "b.png"}
    assert made() == set()
    os.utime(source, (1, 1))
    assert made() == {"a.png"}
    (tmp_path / "b.jpg").unlink()
    assert made() == {"b.png"}
    assert made(quality=40) == {"a.png", "b.png"}
    assert made() == {"a.png", "b.png"}, "what lies there now is that of another option"
    assert made() == set()


def test_a_clash_is_refused_before_the_work(run: Run, files: Path, tmp_path: Path) -> None:
    def refusal(*jobs: dict[str, object]) -> str:
        with pytest.raises(OptionError) as refused:
            openportrait.batch(write_list(tmp_path, *jobs), output=tmp_path / "out")
        return str(refused.value)

    result = str(tmp_path / "x.mp4")
    assert "as does" in refusal(job(files), job(files))
    assert "an input of" in refusal(job(files, output=result), job(files, driving=result))
    assert "line 1: " in refusal(job(files, output="x.doc"))
    assert "line 2: there is no option" in refusal(job(files), job(files, nose=1))
    assert "numbered" in refusal(job(files, output="memory://x/%05d.png"))
    listed = write_list(tmp_path, job(files, output="x.mp4"), job(files, output="./y/../x.mp4", region="lip"))
    done = run("batch", listed, "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"openportrait: error: {listed}, line 2: writes ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert run("batch").stderr == "openportrait: error: give a list of jobs, or --sources and --drivings\n"


def test_one_source_and_driving_with_other_options_have_other_names(files: Path, tmp_path: Path) -> None:
    still = files / "portrait.png"
    jobs = [openportrait.BatchJob(still, still, options={"region": region}) for region in ("lip", "eyes")]
    paths = {outcome.result.path for outcome in openportrait.batch(jobs, output=tmp_path, workers=1) if outcome.result}
    assert len(paths) == 2
    assert all(path.parent == tmp_path and path.is_file() for path in paths)


def test_killed_in_the_middle_it_goes_on_where_it_was(start: Start, run: Run, files: Path, tmp_path: Path) -> None:
    listed = write_list(tmp_path, *many(files))
    batch = start(listed, "--workers", 2)
    wait_for(batch.results)
    workers = batch.workers()
    assert len(workers) == 2
    batch.process.kill()
    batch.process.wait()
    wait_for(lambda: not any(map(is_running, workers)))
    born = {path: path.stat().st_mtime_ns for path in batch.results()}
    assert 0 < len(born) < MANY

    done = run("batch", listed, "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # What was moved to its place when the ledger had not yet been told is made again.
    assert len(born) - 2 <= told["done_earlier"] <= len(born)
    assert told["done"] + told["done_earlier"] == MANY
    unchanged = [path for path, when in born.items() if path.stat().st_mtime_ns == when]
    assert len(unchanged) == told["done_earlier"]
    assert len(batch.results()) == MANY
    assert not hidden(tmp_path)
    clip = files / "clip.mp4"
    drivings = [openportrait.Driving(clip, end="loop"), openportrait.Driving(clip, region="lip", offset_seconds=1.2)]
    openportrait.animate(files / "portrait.png", drivings, tmp_path / "single.mp4", length="longest")
    first = next(Path(outcome["result"]["path"]) for outcome in told["outcomes"] if outcome["where"].endswith("line 1"))
    assert same_pictures(tmp_path / first, tmp_path / "single.mp4")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_it_leaves_whole_results_alone(start: Start, files: Path, tmp_path: Path, name: str) -> None:
    batch = start(write_list(tmp_path, *many(files)), "--workers", 2)
    wait_for(batch.results)
    workers = batch.workers()
    number = signal.Signals[name]
    batch.process.send_signal(number)
    out, err = batch.process.communicate(timeout=60)
    assert batch.process.returncode == 128 + number
    assert len(err.splitlines()) == 1
    assert err.startswith("openportrait: stopped; ")
    assert not any(map(is_running, workers))
    assert not hidden(tmp_path)
    assert 0 < len(batch.results()) < MANY
    assert len(out.splitlines()) <= len(batch.results())


def test_a_second_batch_on_one_ledger_is_refused(start: Start, run: Run, files: Path, tmp_path: Path) -> None:
    listed = write_list(tmp_path, *many(files))
    batch = start(listed, "--workers", 1)
    wait_for(batch.workers)
    done = run("batch", listed, "-o", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "another batch works with this ledger" in done.stderr


@pytest.mark.parametrize(("recovers", "attempts"), [(True, 2), (False, 3)])
def test_a_crash_concerns_its_job_alone(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recovers: bool, attempts: int
) -> None:
    once = tmp_path / "crashed"
    then = f"open({str(once)!r}, 'w').close()" if recovers else "pass"
    (tmp_path / "sitecustomize.py").write_text(BREAK.format(once=once, then=then))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    for name in ("a", "crash", "c"):
        (tmp_path / f"{name}.png").write_bytes((files / "portrait.png").read_bytes())
    jobs = [openportrait.BatchJob(tmp_path / f"{name}.png", files / "portrait.png") for name in ("a", "crash", "c")]
    outcomes = list(openportrait.batch(jobs, output=tmp_path / "out", workers=1, retries=2))
    of = {outcome.job.source_path.stem: outcome for outcome in outcomes}
    assert of["a"].result and of["c"].result
    assert of["crash"].attempts == attempts
    assert bool(of["crash"].result) is recovers
    if not recovers:
        assert "its worker was ended by SIGABRT" in str(of["crash"].error)
    assert not hidden(tmp_path / "out")


def test_a_caller_may_stop_and_may_leave(files: Path, tmp_path: Path) -> None:
    still = files / "portrait.png"
    jobs = [openportrait.BatchJob(still, still, options={"quality": quality}) for quality in range(50, 60)]
    outcomes = openportrait.batch(jobs, output=tmp_path, workers=1)
    assert next(outcomes).result is not None
    outcomes.close()
    assert not hidden(tmp_path)
    assert len(list(tmp_path.iterdir())) < len(jobs)
    seen: list[openportrait.BatchProgress] = []
    with pytest.raises(Cancelled, match="1 of 10 jobs are done"):
        for _ in openportrait.batch(
            jobs, output=tmp_path, workers=1, progress=seen.append, cancel=lambda: bool(seen and seen[-1].done)
        ):
            pass
    assert seen[-1].frames >= 1
    assert not hidden(tmp_path)


def test_what_is_no_ledger_stays_as_it_is(files: Path, tmp_path: Path) -> None:
    import sqlite3

    jobs = [openportrait.BatchJob(files / "portrait.png", files / "portrait.png")]
    words, foreign = tmp_path / "words.sqlite", tmp_path / "foreign.sqlite"
    words.write_text("This is no database. " * 100)
    with sqlite3.connect(foreign) as rows:
        rows.execute("CREATE TABLE jobs (name TEXT)")
    rows.close()
    for path, said in ((words, "is no ledger"), (foreign, "is another database")):
        before = path.read_bytes()
        with pytest.raises(MediaError, match=said):
            list(openportrait.batch(jobs, output=tmp_path / "out", ledger=path, workers=1))
        assert path.read_bytes() == before
    with pytest.raises(OptionError, match="workers is 0"):
        openportrait.batch(jobs, workers=0)


def test_inputs_and_results_may_be_urls(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    from openportrait.batches import addresses

    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pipe_file("memory://in/portrait.png", (files / "portrait.png").read_bytes())
    listed = write_list(
        tmp_path,
        {
            "source": "memory://in/portrait.png",
            "driving": f"file://{files / 'clip.mp4'}",
            "output": "memory://out/a.mp4",
        },
        {"source": "memory://in/portrait.png", "driving": "lip=memory://in/portrait.png", "side_by_side": True},
        {"source": "memory://in/none.png", "driving": "memory://in/portrait.png"},
    )

    def outcomes() -> list[openportrait.Outcome]:
        given: dict[str, Any] = {"output": "memory://out", "ledger": tmp_path / "l.sqlite"}
        return list(openportrait.batch(listed, workers=1, retries=0, **given))

    first = outcomes()
    missing = next(outcome for outcome in first if outcome.error is not None)
    assert "memory://in/none.png: there is no such file" in str(missing.error)
    names = sorted(name for name in memory.store if name.startswith("/out"))
    assert len(names) == 3
    assert names[0] == "/out/a.mp4"
    (tmp_path / "a.mp4").write_bytes(memory.cat_file("memory://out/a.mp4"))
    openportrait.animate(files / "portrait.png", files / "clip.mp4", tmp_path / "b.mp4")
    assert same_pictures(tmp_path / "a.mp4", tmp_path / "b.mp4")
    assert {outcome.attempts for outcome in outcomes() if outcome.result} == {0}
    memory.pipe_file("memory://in/portrait.png", (files / "portrait.png").read_bytes())
    assert {outcome.attempts for outcome in outcomes() if outcome.result} == {1}, "its time of change is another"
    monkeypatch.setattr(addresses, "MOST_BYTES", 1000)
    memory.rm("memory://out/a.mp4")
    assert sorted(str(outcome.error) for outcome in outcomes() if outcome.error)[1].endswith("give a smaller file")
