"""A clip in segments: the same file whoever renders it, and nothing left of it when that ends early."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from openportrait import Animator, Driving, MeasuredDriving, Portrait, pipeline
from openportrait.errors import Cancelled, EngineError
from openportrait.media import Sound, open_clip, open_writer, probe, read_image, write_image
from openportrait.options import Options
from openportrait.pipeline import crew, segments
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.tools import Tools
from openportrait.processes import cores
from openportrait.records import Image, Progress

FRAMES = 100
RATE = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clip(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small, with sound, and just long enough to be cut."""
    path = tmp_path_factory.mktemp("inputs") / "clip.mp4"
    with open_clip(talk, max_size=160) as read, open_writer(path, rate=RATE, sound=[Sound(talk)]) as writer:
        for frame in islice(read, FRAMES):
            writer.write(frame.image)
    return path


@pytest.fixture(scope="module")
def small(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inputs") / "small.png"
    write_image(path, read_image(portrait, max_size=200).image[:, :170])
    return path


@pytest.fixture(scope="module")
def opened(small: Path) -> Portrait:
    return Animator(engine="mesh").portrait(small)


@pytest.fixture(scope="module")
def driving(clip: Path) -> MeasuredDriving:
    return Animator(engine="mesh").driving(clip)


def pictures(path: Path) -> list[Image]:
    with open_clip(path) as read:
        return [frame.image for frame in read]


def difference(shown: Sequence[Image], wanted: Sequence[Image], shift: int = 0) -> float:
    """The mean difference of pictures from those that are wanted `shift` places on."""
    assert len(shown) == len(wanted)
    pairs = [(one, wanted[i + shift]) for i, one in enumerate(shown) if 0 <= i + shift < len(wanted)]
    return float(np.mean([np.abs(one.astype(int) - other).mean() for one, other in pairs]))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def workers_of(pid: int) -> list[int]:
    """The processes that render for another one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = entry.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid and b"openportrait.pipeline.worker" in entry.joinpath("cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("frames", [1, 95, 96, 100, 190, 1000, 1600, 1601, 90_000])
def test_where_a_clip_is_cut(frames: int) -> None:
    cut = segments.spans(frames)
    assert [i for span in cut for i in span] == list(range(frames))
    if frames < 2 * segments.SHORTEST:
        assert len(cut) == 1
        return
    assert all(segments.SHORTEST <= len(span) <= segments.LONGEST for span in cut[:-1])
    if 1000 <= frames < 2000:
        assert len(cut) % 16 == 0


@pytest.mark.slow
def test_the_file_is_the_same_for_any_number_of_workers(
    opened: Portrait, driving: MeasuredDriving, tmp_path: Path
) -> None:
    told: list[Progress] = []
    made = [
        opened.animate(driving, tmp_path / f"{n}.mp4", workers=n, side_by_side=True, quality=100, progress=told.append)
        for n in (1, 2, 3)
    ]
    for result in made:
        assert (result.frames, result.rate) == (FRAMES, RATE)
    one, *others = [(result.path.read_bytes(), (result.side_by_side or Path()).read_bytes()) for result in made]
    assert others == [one, one]
    for place in range(3):
        of_job = told[FRAMES * place :][:FRAMES]
        assert [now.done for now in of_job] == list(range(1, FRAMES + 1))
        assert any(now.frame is not None for now in of_job)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".mp4"] * 6
    info = probe(made[1].path)
    assert (info.rate, info.has_audio, info.variable_rate) == (RATE, True, False)
    with opened.stream(driving) as job:
        wanted = [picture.image for picture in job]
    shown = pictures(made[1].path)
    at_home, before, behind = (difference(shown, wanted, shift) for shift in (0, -1, 1))
    assert at_home < 0.8 * min(before, behind), "each picture is in its place"


def test_a_segment_that_was_sent_is_rendered_as_the_whole_job_does_it(small: Path, clip: Path, tmp_path: Path) -> None:
    options = Options.of(engine="mesh", quality=100, side_by_side=True)
    lips = Driving(clip, region="lip", start_seconds=1.2, offset_seconds=0.5)
    job = pipeline.open_job(small, [Driving(clip), lips], options, Watch())
    setting = segments.Setting.of(job, tmp_path / "out.mp4")
    segment = segments.Segment.of(job, 1, range(60, 66))
    sent, content = pickle.loads(pickle.dumps(setting)), pickle.dumps(segment)
    assert len(content) < 6 * 60_000, "it has nothing but its own pictures"
    part = segments.render_segment(sent, pickle.loads(content), tmp_path, Tools.load(options.engine), Watch())
    assert (part.number, part.frames, part.error) == (1, 6, None)
    whole, strips = tmp_path / "whole.mp4", tmp_path / "strips.mp4"
    with (
        open_writer(whole, rate=RATE, quality=100) as writer,
        open_writer(strips, rate=RATE, quality=100) as beside,
    ):
        for picture in islice(job, 60, 66):
            assert picture.close_ups.driving is not None, "the face of the clip is small"
            writer.write(picture.image)
            beside.write(picture.strip)
    assert part.strip is not None
    assert difference(pictures(part.result), pictures(whole)) < 1
    assert difference(pictures(part.strip), pictures(strips)) < 1


def test_what_is_short_or_no_video_file_takes_one_process(
    opened: Portrait, driving: MeasuredDriving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a process is begun")

    monkeypatch.setattr(crew, "start", forbidden)
    with pytest.raises(AssertionError):
        opened.animate(driving, tmp_path / "long.mp4", workers=2)
    if cores() > 1:
        with pytest.raises(AssertionError):
            opened.animate(driving, tmp_path / "long.mkv")
    assert opened.animate(driving, tmp_path / "%03d.png", workers=2).frames == FRAMES
    assert not list(tmp_path.glob("long*"))


@pytest.mark.slow
def test_a_caller_may_stop_and_keep_what_is_there(small: Path, driving: MeasuredDriving, tmp_path: Path) -> None:
    told: list[Progress] = []

    def cancel() -> bool:
        return len(told) > 70

    for keep in (False, True):
        told.clear()
        with pytest.raises(Cancelled) as stopped:
            Animator(engine="mesh").animate(
                small,
                driving,
                tmp_path / "out.mp4",
                workers=2,
                keep_partial=keep,
                progress=told.append,
                cancel=cancel,
            )
        assert ("frames are kept in" in str(stopped.value)) is keep
        assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"] * keep
    kept = int(str(stopped.value).split(" frames")[0].rpartition(" ")[2])
    assert 0 < kept <= FRAMES
    assert len(pictures(tmp_path / "out.mp4")) == kept


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_the_job_in_one_line(
    opened: Portrait, driving: MeasuredDriving, tmp_path: Path
) -> None:
    def kill(now: Progress) -> None:
        for pid in workers_of(os.getpid())[:1]:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match=r"out\.mp4: its worker was ended by SIGKILL; lower workers") as failed:
        opened.animate(driving, tmp_path / "out.mp4", workers=2, progress=kill)
    assert "\n" not in str(failed.value)
    assert not list(tmp_path.iterdir())
    assert not workers_of(os.getpid())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_no_worker_outlives_its_job(small: Path, clip: Path, tmp_path: Path, name: str) -> None:
    options = ("--engine", "mesh", "--workers", "2")
    args = ["animate", "-s", str(small), "-d", str(clip), "-o", str(tmp_path / "out.mp4"), *options]
    process = subprocess.Popen([sys.executable, "-m", "openportrait", *args], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.glob(".*/0.mp4")))
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.send_signal(signal.Signals[name])
    errors = process.communicate(timeout=300)[1]
    wait_for(lambda: not any(map(is_running, workers)))
    if name == "SIGINT":
        assert (process.returncode, errors) == (130, "openportrait: stopped; nothing was written\n")
        assert not list(tmp_path.iterdir())
    else:
        Animator(engine="mesh").animate(small, small, tmp_path / "next.png")
        assert [path.name for path in tmp_path.iterdir()] == ["next.png"], "the next job removes what is left"
