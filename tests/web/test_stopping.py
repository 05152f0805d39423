"""The app ends at once and leaves nothing, whatever is going on; what a killed one left is swept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

pytest.importorskip("gradio")

from openportrait.web.folders import NAME, own_folder
from tests.conftest import EXAMPLES, ROOT
from tests.web.calls import PORTRAIT, begun_upload, event_of, file_of, upload, wait_for

PATIENCE_SECONDS = 60


def left(folder: Path) -> list[Path]:
    return list(folder.glob(f".{NAME}*"))


def live_recording(client: httpx.Client) -> None:
    """A live session whose recording has begun."""
    assert client.post("gradio_api/queue/join", json=event_of(client, "live-start")([file_of(upload(client))], "page"))
    with client.stream("GET", "gradio_api/queue/data?session_hash=page") as told:
        done = next(line for line in told.iter_lines() if "process_completed" in line)
    answer = json.loads(done.removeprefix("data: "))
    address = answer["output"]["data"][0]["address"]
    begun = client.post("gradio_api/run/predict", json=event_of(client, "live-record")([], "page"))
    assert begun.status_code == 200, begun.text
    assert client.post(address, content=PORTRAIT.read_bytes()).headers["X-Face"] == "1"


def test_stopping_in_the_middle_of_everything_is_clean(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "openportrait", "web", "--port", "0", "--engine", "mesh"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=ROOT, env=environment, **pipes) as process:  # type: ignore[call-overload]
        url = process.stdout.readline().strip()
        root = left(tmp_path)[0]
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
            live_recording(client)
            talk = upload(client, EXAMPLES / "driving" / "talk.mp4")
            job = {"data": [file_of(upload(client)), file_of(talk), {}]}
            assert client.post("gradio_api/call/animate", json=job).status_code == 200
            wait_for(lambda: bool(list(root.glob("session-*/*/.*.part*"))))
            heartbeat = threading.Thread(target=until_it_breaks_off, args=(url,))
            heartbeat.start()
            with begun_upload(url, root):
                process.terminate()
                assert process.wait(15) == 0
            heartbeat.join()
        told = process.stderr.read().splitlines()
    assert [line for line in told if not line.startswith("openportrait: ")] == []
    assert told[-1] == "openportrait: stopped"
    assert not list(tmp_path.iterdir())


def until_it_breaks_off(url: str) -> None:
    """Keep a page's connection open."""
    try:
        httpx.get(f"{url}gradio_api/heartbeat/other", timeout=PATIENCE_SECONDS)
    except httpx.HTTPError:
        return


def test_what_a_killed_app_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, tempfile; from openportrait.web.folders import own_folder; kept = own_folder();"
        "(kept.__enter__() / 'session').mkdir(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False, timeout=60)
    assert len(left(tmp_path)) == 1
    with own_folder() as root:
        assert left(tmp_path) == [root]
        with own_folder() as other:
            assert sorted(left(tmp_path)) == sorted((root, other)), "what another app uses stays"
        assert root.stat().st_mode & 0o077 == 0
    assert not left(tmp_path)
