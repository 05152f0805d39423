"""Calls of the app through a real client, without a browser."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import EXAMPLES

PORTRAIT = EXAMPLES / "source" / "officer.jpg"


def line_of(answer: httpx.Response) -> str:
    """The one line of a refusal."""
    assert 400 <= answer.status_code < 500, answer.text
    line = str(answer.json()["error"])
    assert line
    assert len(line.splitlines()) == 1
    return line


def upload(client: httpx.Client, path: Path = PORTRAIT) -> str:
    answer = client.post("gradio_api/upload", files={"files": (path.name, path.read_bytes())})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def file_of(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def call(client: httpx.Client, name: str, *data: Any) -> tuple[str, Any]:
    """How a call of the API ended, and what it gave."""
    event = client.post(f"gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    told = client.get(f"gradio_api/call/{name}/{event}").text
    kind, text = re.findall(r"event: (error|complete)\ndata: (.*)", told)[-1]
    return kind, json.loads(text)


def refusal(client: httpx.Client, name: str, *data: Any) -> str:
    """The line with which a call is refused."""
    kind, told = call(client, name, *data)
    assert kind == "error"
    line = str(told["error"])
    assert line not in ("", "None")
    assert len(line.splitlines()) == 1
    return line


def event_of(client: httpx.Client, elem_id: str) -> Callable[[list[Any], str], dict[str, Any]]:
    """The first event of a component of the page, as a function from its first values and a session to its request."""
    config = client.get("config").json()
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    ids = [part["id"] for part in config["components"] if part["props"].get("elem_id") == elem_id]
    event = next(one for one in config["dependencies"] if any(target[0] in ids for target in one["targets"]))

    def request(first: list[Any], session: str) -> dict[str, Any]:
        rest = (values[part] for part in event["inputs"][len(first) :])
        return {"data": [*first, *rest], "fn_index": event["id"], "session_hash": session, "trigger_id": None}

    return request


def folders(root: Path) -> set[Path]:
    """The uploads under the app's folder."""
    return set(root.glob("upload-*"))


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def begun_upload(url: str, root: Path) -> socket.socket:
    """An upload of which the first half has arrived."""
    host, port = url.split("/")[2].split(":")
    before, stream = folders(root), socket.create_connection((host, int(port)))
    form = b'--b\r\nContent-Disposition: form-data; name="files"; filename="half.mp4"\r\n\r\n' + bytes(100_000)
    head = f"POST /gradio_api/upload?upload_id=u HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 900000\r\n"
    stream.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + form)
    wait_for(lambda: any(list(folder.iterdir()) for folder in folders(root) - before))
    return stream
