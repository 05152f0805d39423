"""Visitors side by side: nothing is shared, nothing is left, nothing else of the machine can be read."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from openportrait.media import probe, read_image
from openportrait.options import EngineOptions
from openportrait.web.options import WebOptions
from openportrait.web.server import Served, served
from tests.conftest import EXAMPLES, ROOT
from tests.pipeline.test_animate import change, frames_of, parts
from tests.web.conftest import Visitor


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_two_visitors_at_once_get_their_own_results(
    visit: Callable[..., Visitor], app: Served, portrait: Path, short_talk: Path, tmp_path: Path
) -> None:
    sources = (portrait, EXAMPLES / "source" / "astronaut.jpg")
    visitors = [visit() for _ in sources]
    for visitor, source in zip(visitors, sources, strict=True):
        visitor.upload("animate-source", source)
        visitor.upload("animate-driving", short_talk)
    for visitor in visitors:
        visitor.page.click("#animate-start")
    for visitor, source in zip(visitors, sources, strict=True):
        visitor.wait_for_status("animate", "Done")
        made = probe(visitor.fetch("#animate-result-video video", tmp_path))
        picture = read_image(source).image
        assert made.path.name == f"{source.stem}--short_talk.mp4"
        assert abs(made.width / made.height - picture.shape[1] / picture.shape[0]) < 0.02
    assert len(app.sessions) >= 2


def test_jobs_wait_in_line_and_can_be_stopped_there(
    visit: Callable[..., Visitor], large_portrait: Path, talk: Path
) -> None:
    first, second = visit(), visit()
    for visitor in (first, second):
        visitor.upload("animate-source", large_portrait)
        visitor.upload("animate-driving", talk)
        visitor.wait_for_preview("animate-driving")
    first.page.click("#animate-start")
    first.wait_for_status("animate", "frames/s")
    second.page.click("#animate-start")
    second.wait_for_status("animate", "Waiting for its turn")
    second.page.click("#animate-cancel")
    second.wait_for_status("animate", "Stopped")
    assert "of 190 frames" in first.status("animate")
    first.page.click("#animate-cancel")
    first.wait_for_status("animate", "Stopped")


def is_there(root: Path, name: str) -> bool:
    """Whether a visitor's folder has the file; a folder that goes while it is listed may still have it."""
    try:
        return bool(list(root.glob(f"*/*/{name}")))
    except FileNotFoundError:
        return True


def test_files_are_removed_when_a_visitor_leaves(
    app: Served, portrait: Path, visit: Callable[..., Visitor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.sessions, "keep_seconds", 1.0)
    staying, leaving = visit(), visit()
    for visitor in (staying, leaving):
        visitor.upload("animate-source", portrait)
        visitor.wait_for_preview("animate-source")
    own = tmp_path / "own.png"
    own.write_bytes((EXAMPLES / "source" / "astronaut.jpg").read_bytes())
    leaving.upload("animate-driving", own)
    leaving.wait_for_preview("animate-driving")
    root: Path = app.sessions.root
    folders = set(root.glob("session-*"))
    assert list(root.glob("*/*/own.png"))
    leaving.page.close()
    deadline = time.monotonic() + 20
    while is_there(root, "own.png") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not is_there(root, "own.png")
    assert set(root.glob("session-*")) < folders
    assert list(root.glob("*/*/officer.jpg")), "the other visitor still has his"
    staying.upload("animate-driving", EXAMPLES / "driving" / "surprise.jpg")
    staying.run("animate")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", str(ROOT / "pyproject.toml"), "app.py"])
def test_no_other_file_of_the_machine_can_be_read(app: Served, path: str) -> None:
    quoted = urllib.parse.quote(path)
    assert status_of(f"{app.url}gradio_api/file={quoted}") in (403, 404)
    assert status_of(f"{app.url}gradio_api/file={app.sessions.root}/../..{quoted}") in (403, 404)
    example = EXAMPLES / "source" / "officer.jpg"
    for place in (example, app.sessions.root, f"{app.sessions.root}/session-x", ".", example.parent):
        assert status_of(f"{app.url}gradio_api/file={place}") in (403, 404)


def test_the_documented_example_runs(
    app: Served, portrait: Path, short_talk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "WEB.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    code = code.replace("http://127.0.0.1:8890/", app.url)
    code = code.replace('"portrait.jpg"', repr(str(portrait))).replace('"clip.mp4"', repr(str(short_talk)))
    code = code.replace('"eyes.jpg"', repr(str(EXAMPLES / "driving" / "surprise.jpg")))
    capsys.readouterr()
    exec(compile(code, "docs/WEB.md", "exec"), {})
    told = (line for line in capsys.readouterr().out.splitlines() if str(Path("officer--")) in line)
    animated, joined, edited = told
    for line in (animated, joined):
        path, frames, rate = line.split()
        assert (frames, rate) == ("12", "25/2")
        assert probe(Path(path)).frames == 12
    source = read_image(portrait).image
    first, eyes = frames_of(Path(path))[0], parts(source)["eyes"]
    assert change(first, source, eyes) > 4, "the second driving's eyes"
    assert change(read_image(Path(edited)).image, source, parts(source)["mouth"]) > 5


def test_calls_copied_from_the_description_of_the_api_run(app: Served) -> None:
    described = httpx.get(f"{app.url}gradio_api/info").json()["named_endpoints"]
    for name, file in (("/animate", "officer--surprise.jpg"), ("/edit", "officer--edit.jpg")):
        told: list[Any] = []
        exec(described[name]["code_snippets"]["python"], {"print": told.append})
        files, facts = told[0]
        assert Path(files[0]).name == file
        assert facts["frames"] == 1
    sample = described["/edit"]["parameters"][0]["example_input"]["url"]
    assert httpx.get(sample).content == (EXAMPLES / "source" / "officer.jpg").read_bytes()
    assert httpx.get(f"{sample}x").status_code == 404


def test_the_api_tells_what_is_wrong(app: Served, portrait: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(app.url, verbose=False)
    wrong = {
        "there is no slider smil": ({"smil": 1.0}, {}),
        "“Smile” is 9": ({"smile": 9.0}, {}),
        "did you mean region": ({}, {"regoin": "lip"}),
        "the weights are chosen where the app is started": ({}, {"weights": "/etc"}),
    }
    for message, (sliders, options) in wrong.items():
        with pytest.raises(AppError, match=re.escape(message)):
            client.predict(handle_file(str(portrait)), sliders, options, api_name="/edit")
    client.close()


def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "app.py"), "--server_port", "0", "--engine", "mesh"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert status_of(url) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not list(tmp_path.iterdir())


def test_a_taken_port_and_a_wrong_login_are_refused_in_one_line(app: Served) -> None:
    port = urllib.parse.urlparse(app.url).port
    for flags, message in (
        (("--port", port), f"port {port} of 127.0.0.1 is taken"),
        (("--auth", "me"), "USER:PASSWORD"),
    ):
        command = [sys.executable, "-m", "openportrait", "web", *map(str, flags)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (1, 2)
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_login_guards_the_page_and_its_files(browser: object) -> None:
    with served(WebOptions(port=0, auth="me:secret", save="session"), EngineOptions(engine="mesh")) as guarded:
        assert status_of(f"{guarded.url}gradio_api/file={EXAMPLES / 'source' / 'officer.jpg'}") == 401
        assert status_of(f"{guarded.url}config") == 401
