"""Addresses as inputs: never of a private network, whatever a name leads to, and within bounds."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openportrait.serve.fetching import fetch, is_public
from openportrait.serve.records import Refused

PRIVATE = """
127.0.0.1 10.0.0.1 172.16.3.4 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255
::1 :: fe80::1 fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2001:0:1::1
"""


def test_private_networks_are_known_in_every_spelling() -> None:
    assert not [address for address in PRIVATE.split() if is_public(ipaddress.ip_address(address))]
    assert all(is_public(ipaddress.ip_address(address)) for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1/x", "private"),
        ("http://localhost/x", "private"),
        ("https://[::1]/x", "private"),
        ("http://[::ffff:10.0.0.1]/x", "private"),
        ("http://2130706433/x", "private"),
        ("http://0x7f.1/x", "private"),
        ("file:///etc/passwd", "no address"),
        ("ftp://example.org/x", "no address"),
        ("http://", "no address"),
        ("http://a:b@example.org/x", "user's name"),
        ("http://example.org/a\r\nHost: b", "no address"),
        ("http://no-such-host.invalid/x", "leads nowhere"),
    ],
)
def test_what_is_not_of_the_open_internet_is_refused(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=words) as refused:
        fetch(url, tmp_path / "x", 1000)
    assert refused.value.status == 422
    assert not (tmp_path / "x").exists()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host of the open internet, as far as fetching knows."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = {"/on": "/file", "/home": "http://127.0.0.2/secret", "/round": "/round"}.get(self.path)
            self.send_response(302 if place else 200 if self.path == "/file" else 404)
            if place:
                self.send_header("Location", place)
            self.end_headers()
            if self.path == "/file":
                self.wfile.write(b"x" * 500)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = ipaddress.ip_address("127.0.0.1")
    monkeypatch.setattr("openportrait.serve.fetching.is_public", lambda address: address == own)
    real = socket.getaddrinfo

    def leads_here(name: str, *args: Any, **named: Any) -> Any:
        return real("127.0.0.1" if name == "public.example" else name, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", leads_here)
    yield f"http://public.example:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_within_bounds_and_redirects_are_judged_too(host: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    fetch(f"{host}/on", path, 500)
    assert path.read_bytes() == b"x" * 500
    for place, most, status, words in (
        ("/file", 499, 413, "larger than"),
        ("/home", 500, 422, "private"),
        ("/round", 500, 422, "leads on"),
        ("/none", 500, 422, "answers with 404"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            fetch(host + place, path, most)
        assert refused.value.status == status
