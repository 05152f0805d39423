"""What docs/SERVE.md, Dockerfile and compose.yaml say runs as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from openportrait.cli.flags import groups
from openportrait.cli.serve import Serve
from openportrait.media import open_clip, read_image
from openportrait.serve.asked import EDIT_FILES, EDIT_TEXTS, JOB_FILES, JOB_TEXTS
from openportrait.serve.server import Serving
from tests.conftest import ROOT, missing
from tests.serve.conftest import TOKENS, Process, client_of

PAGE = (ROOT / "docs" / "SERVE.md").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def block(language: str, marker: str) -> str:
    """The block of a language that holds a text."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(found for found in blocks if marker in found)


def test_the_client_of_the_page_makes_a_clip(served: Serving, files: Path, tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(block("python", "httpx"))

    def client(source: Path, token: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, program, served.url, source, files / "clip.mp4", tmp_path / "out.mp4", token]
        return subprocess.run(list(map(str, line)), capture_output=True, text=True, timeout=120, check=False)

    done = client(files / "portrait.png", TOKENS[1])
    assert (done.returncode, done.stdout) == (0, "8 frames\n"), done.stderr
    with open_clip(tmp_path / "out.mp4") as clip:
        assert len(list(clip)) == 8
    assert client(files / "portrait.png", "").stderr.startswith("no valid token")
    assert client(files / "blank.png", TOKENS[1]).stderr.startswith("no face in source.png")


def test_the_commands_of_the_page_answer(start: Callable[..., Process], files: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    running = start("--workers", 1)
    shutil.copy(files / "portrait.png", tmp_path / "portrait.jpg")
    shutil.copy(files / "clip.mp4", tmp_path / "clip.mp4")
    done = subprocess.run(
        ["sh", "-e"],
        input=block("sh", "curl"),
        cwd=tmp_path,
        env={**os.environ, "SERVICE": running.url, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert read_image(tmp_path / "smiling.jpg").image.shape[2] == 3
    faces, _, template = done.stdout.partition("}{")
    assert json.loads(f"{faces}}}")["faces"]
    assert json.loads(f"{{{template}")["kind"] == "template"


def test_the_page_names_every_flag_and_part() -> None:
    own, options, cluster, _ = groups(Serve)
    told = (*options.arguments, *cluster.arguments)
    assert not [argument.name for argument in told if f"`{argument.flags[0]}" not in PAGE]
    parts = {*JOB_FILES, *JOB_TEXTS, *EDIT_FILES, *EDIT_TEXTS}
    assert not [part for part in parts if f"| `{part}` |" not in PAGE]
    assert not own.arguments


def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return found


def test_the_image_is_made_of_what_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [*re.findall(r"EXTRAS=([\w,]+)", DOCKERFILE), *re.findall(r"EXTRAS=([\w,]+)", PAGE)]
    assert len(named) == 2
    assert {extra for line in named for extra in line.split(",")} <= set(extras)
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == kept, "no more is sent to the builder"
    assert 'ENTRYPOINT ["openportrait"]' in DOCKERFILE
    command = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
    assert command == compose()["services"]["serve"]["command"]


@pytest.mark.long
def test_the_commands_of_the_containers_run(tmp_path: Path) -> None:
    services = compose()["services"]
    assert set(services) == {"serve", "page"}
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])
    assert "${OPENPORTRAIT_TOKENS:?" in services["serve"]["environment"]["OPENPORTRAIT_TOKENS"]

    # Without tokens the service of a container does not start: it is open to more than this machine.
    refused = _started(services["serve"]["command"], tmp_path, tokens="")
    assert refused.communicate(timeout=60)[1].startswith("openportrait: error: --host 0.0.0.0 lets other machines in")
    serve = _started(services["serve"]["command"], tmp_path, tokens=TOKENS[0])
    page = _started(services["page"]["command"], tmp_path, tokens="")
    try:
        assert serve.stdout is not None
        url = serve.stdout.readline().strip()
        client = client_of(url, TOKENS[0])
        assert client.http.get("/v1/jobs/" + "0" * 32).status_code == 404
        kind, *check = services["serve"]["healthcheck"]["test"]
        port = services["serve"]["ports"][0].rpartition(":")[2]
        assert kind == "CMD"
        asked = [sys.executable, *(part.replace(f":{port}/", f":{url.rpartition(':')[2]}/") for part in check[1:])]
        assert subprocess.run(asked, timeout=60, check=False).returncode == 0
        assert page.stdout is not None
        assert page.stdout.readline().startswith("http://localhost:")
    finally:
        for process in (serve, page):
            process.terminate()
            process.communicate(timeout=60)
    assert (serve.returncode, page.returncode) == (0, 0)


def _started(command: Sequence[str], folder: Path, tokens: str) -> subprocess.Popen[str]:
    """A container's command, with a folder of this machine in place of its own, and a free port."""
    args = [part.replace("/data", str(folder)) for part in command]
    return subprocess.Popen(
        [sys.executable, "-m", "openportrait", *args, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENPORTRAIT_TOKENS": tokens},
    )
