"""Downloading weights from a hub, here a server of our own."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openportrait import weights
from openportrait.errors import Cancelled, WeightsError
from openportrait.weights import DownloadProgress, Release, WeightFile, hub
from tests.conftest import missing

CONTENT = {"x/first.pth": os.urandom(300_000), "x/second.pth": os.urandom(200_000)}
TOTAL = 500_000


def release_of(content: dict[str, bytes]) -> Release:
    files = (
        WeightFile(Path(path).stem, path, len(data), hashlib.sha256(data).hexdigest(), "MIT")
        for path, data in content.items()
    )
    return Release(("new/name", "old/name"), (), tuple(files))


RELEASE = release_of(CONTENT)


@dataclass
class Hub:
    """What the server gives, and what it was asked."""

    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    repository: str = "new/name"
    stop_after: int | None = None
    """Bytes after which the next answer breaks off; what follows it is refused."""
    refuses: bool = False
    ranges: list[str] = field(default_factory=list)
    """The Range header of each request for content, empty where there was none."""
    tokens: set[str | None] = field(default_factory=set)
    endpoint: str = ""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    if importlib.util.find_spec("huggingface_hub") is None:
        missing("huggingface_hub")
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            repository, _, path = self.path.strip("/").partition("/resolve/main/")
            if repository == state.repository and path in state.content:
                state.tokens.add(self.headers["Authorization"])
                self.send_response(302)
                self.send_header("Location", f"/cdn/{path}")
                self.end_headers()
            elif self.path.startswith("/cdn/"):
                self.give(state.content[self.path.removeprefix("/cdn/")])
            else:
                self.send_error(404)

        def give(self, data: bytes) -> None:
            if state.refuses:
                self.send_error(503)
                return
            asked = self.headers["Range"] or ""
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(data) - start))
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if state.stop_after is None:
                self.wfile.write(data[start:])
            else:
                self.wfile.write(data[start : start + state.stop_after])
                state.refuses = True
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    constants = importlib.import_module("huggingface_hub.constants")
    set_endpoint(monkeypatch, state.endpoint)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def set_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What HF_ENDPOINT does when the process starts with it."""
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".download.lock"
    }


def failure(folder: Path, release: Release = RELEASE) -> str:
    with pytest.raises(WeightsError) as caught:
        weights.download(folder, release=release)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_download(tmp_path: Path, served: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[DownloadProgress] = []
    weights.download(tmp_path / "w", seen.append, release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done)
    assert len(done) > 20
    assert done[-1] == TOTAL == seen[0].total_bytes
    assert {progress.file for progress in seen} == {"first", "second"}
    assert capfd.readouterr() == ("", "")
    weights.download(tmp_path / "w", release=RELEASE)
    assert len(served.ranges) == 2


def test_a_former_name_of_the_repository_will_do(tmp_path: Path, served: Hub) -> None:
    served.repository = "old/name"
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT


def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path, served: Hub) -> None:
    served.stop_after = 120_000
    message = failure(tmp_path / "w")
    assert message.startswith(f"the download of first from {served.endpoint} broke off (")
    assert "run `openportrait weights download` again to go on" in message
    left = files_in(tmp_path / "w")
    assert list(left) == ["x/first.pth.part"]
    assert left["x/first.pth.part"] == CONTENT["x/first.pth"][:120_000]
    served.stop_after, served.refuses = None, False
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT
    assert served.ranges[-2:] == ["bytes=120000-", ""]


def test_cancelling_keeps_what_came(tmp_path: Path, served: Hub) -> None:
    def stop(progress: DownloadProgress) -> None:
        if progress.done_bytes >= 50_000:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        weights.download(tmp_path / "w", stop, release=RELEASE)
    assert list(files_in(tmp_path / "w")) == ["x/first.pth.part"]
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT
    assert served.ranges[1] == "bytes=50000-"


@pytest.mark.parametrize(
    "given",
    [
        os.urandom(300_000),
        os.urandom(300_001),
        b"version https://git-lfs.github.com/spec/v1\nsize 300000\n",
        b"<html>Log in first</html>",
    ],
    ids=["other bytes", "longer", "pointer", "page"],
)
def test_what_is_not_the_published_file_is_not_kept(tmp_path: Path, served: Hub, given: bytes) -> None:
    served.content["x/first.pth"] = given
    message = failure(tmp_path / "w")
    assert f"what {served.endpoint} gave for first is not the published file" in message
    assert "set HF_ENDPOINT to another mirror" in message
    assert files_in(tmp_path / "w") == {}
    served.content = dict(CONTENT)
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT


@pytest.mark.parametrize("size", [1000, 300_000, 300_001], ids=["short", "full", "long"])
def test_a_spoilt_beginning_heals(tmp_path: Path, served: Hub, size: int) -> None:
    (tmp_path / "w" / "x").mkdir(parents=True)
    (tmp_path / "w" / "x" / "first.pth.part").write_bytes(b"\x00" * size)
    if size <= 300_000:
        assert "is not the published file" in failure(tmp_path / "w")
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT


def test_a_damaged_file_in_place_is_fetched_again(tmp_path: Path, served: Hub) -> None:
    weights.download(tmp_path / "w", release=RELEASE)
    (tmp_path / "w" / "x" / "second.pth").write_bytes(b"\x00" * 200_000)
    weights.download(tmp_path / "w", release=RELEASE)
    assert files_in(tmp_path / "w") == CONTENT
    assert len(served.ranges) == 3


def test_too_little_space_is_told_before_anything_is_fetched(
    tmp_path: Path, served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 299_999

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    assert "has 0 MB free where first needs 0 MB; free some space" in failure(tmp_path / "w")
    assert served.ranges == []


def test_a_disk_that_fills_up(tmp_path: Path, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub._Reporting, "write", full)
    assert failure(tmp_path / "w") == (f"{tmp_path / 'w'} is full; free some space there or download to another folder")
    assert list(files_in(tmp_path / "w")) == ["x/first.pth.part"]


def test_a_folder_that_cannot_be(tmp_path: Path, served: Hub) -> None:
    (tmp_path / "file").write_text("in the way")
    assert f"{tmp_path / 'file' / 'w'} cannot be written" in failure(tmp_path / "file" / "w")


def test_the_offline_switch(tmp_path: Path, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "first cannot be downloaded while HF_HUB_OFFLINE is set" in failure(tmp_path / "w")
    assert served.ranges == []
    assert files_in(tmp_path / "w") == {}


def test_a_hub_without_the_file(tmp_path: Path, served: Hub) -> None:
    served.repository = "neither/name"
    assert f"{served.endpoint} has no new/name/x/first.pth" in failure(tmp_path / "w")


def test_a_hub_that_does_not_answer(
    tmp_path: Path, served: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    set_endpoint(monkeypatch, "http://127.0.0.1:9")
    assert "the download of first from http://127.0.0.1:9 broke off (" in failure(tmp_path / "w")
    assert files_in(tmp_path / "w") == {}
    assert capfd.readouterr() == ("", "")


def test_two_processes_at_once_fetch_once(tmp_path: Path, served: Hub) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from openportrait.weights import Release, WeightFile, download\n"
        f"download(Path(sys.argv[1]), release={RELEASE!r})"
    )
    environment = {**os.environ, "HF_ENDPOINT": served.endpoint, "HF_TOKEN": "hf_secret"}
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "w")], env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    assert files_in(tmp_path / "w") == CONTENT
    assert served.ranges == ["", ""]
    assert served.tokens == {"Bearer hf_secret"}
