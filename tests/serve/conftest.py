"""The service as a client meets it: a real server, real workers, real requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from openportrait.options import EngineOptions
from openportrait.serve.options import ServeOptions
from openportrait.serve.server import Serving, serving
from tests.cli.conftest import face_image as face_image
from tests.cli.conftest import files as files
from tests.cli.conftest import run as run

TOKENS = ("anna-anna-anna-anna", "boris-boris-boris-boris")
MESH = EngineOptions(engine="mesh")
SMALL: dict[str, Any] = {"max_upload_mb": 3, "max_megapixels": 4.0, "max_seconds": 30.0}
"""Limits that a test reaches soon."""
PATIENCE_SECONDS = 180.0
"""Of a test for what takes a second or two on an idle machine: jobs give way to all else."""


def wait_for(what: Callable[[], object]) -> None:
    """Until it is so; a test that waits in vain fails."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@dataclass
class Client:
    """One who has a token."""

    http: httpx.Client

    def send(
        self,
        *files: tuple[str, Path | bytes],
        to: str = "/v1/jobs",
        key: str | None = None,
        raw: dict[str, str] | None = None,
        **texts: Any,
    ) -> httpx.Response:
        """Send a form; texts that are none go as JSON."""
        parts: list[Any] = []
        for name, given in files:
            sent = (given.name, given.read_bytes()) if isinstance(given, Path) else (f"{name}.bin", given)
            parts.append((name, sent))
        parts += [
            (name, (None, value if isinstance(value, str) else json.dumps(value), "text/plain"))
            for name, value in texts.items()
        ]
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(to, files=parts, headers=headers)

    def job(self, files: Path, **texts: Any) -> dict[str, Any]:
        """Hand in a small job that is accepted."""
        answer = self.send(("source", files / "portrait.png"), ("driving", files / "clip.mp4"), **texts)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.get(job["links"]["self"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for its end."""
        wait_for(lambda: self.look(job)["state"] in ("done", "failed"))
        return self.look(job)

    def error(self, answer: httpx.Response, status: int) -> str:
        """What a refusal says: one line."""
        assert answer.status_code == status, answer.text
        line: str = answer.json()["error"]
        assert line
        assert "\n" not in line
        assert "/jobs/" not in line, "no path of the machine is told"
        return line


def client_of(url: str, token: str | None = None) -> Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False))


@pytest.fixture(scope="session")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokens.txt"
    path.write_text("# who may ask\n" + "\n".join(TOKENS) + "\n")
    return path


@pytest.fixture(scope="session")
def served(token_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service with one worker, two tokens and small limits."""
    folder = tmp_path_factory.mktemp("served") / "jobs"
    options = ServeOptions(port=0, folder=folder, tokens=token_file, workers=1, max_jobs=4, drain_seconds=0, **SMALL)
    with serving(options, MESH) as running:
        yield running


@pytest.fixture
def anna(served: Serving) -> Iterator[Client]:
    client = client_of(served.url, TOKENS[0])
    with client.http:
        yield client


@pytest.fixture
def boris(served: Serving) -> Iterator[Client]:
    client = client_of(served.url, TOKENS[1])
    with client.http:
        yield client


@dataclass
class Process:
    """`openportrait serve` as a process that can be killed."""

    process: subprocess.Popen[str]
    url: str

    @property
    def client(self) -> Client:
        return client_of(self.url)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """`start("--workers", 1)`: a service of the folder `jobs`."""
    begun: list[subprocess.Popen[str]] = []

    def openportrait(*args: object, **environment: str) -> Process:
        own = ("--port", 0, "--folder", tmp_path / "jobs", "--engine", "mesh", *args)
        with (tmp_path / "said.txt").open("a") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "openportrait", "serve", *map(str, own)],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, **environment},
            )
        begun.append(process)
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), (tmp_path / "said.txt").read_text()
        return Process(process, url)

    yield openportrait
    for process in begun:
        process.kill()
        process.communicate()
