"""Fetches files of other hosts: by http and https only, and never from a private network, whatever a name resolves
to."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from openportrait.bounds import shown
from openportrait.files import spell_bytes, told
from openportrait.serve.records import Refused

ANSWER_SECONDS = 10.0
"""Time that a host has for each answer and each piece."""
WHOLE_SECONDS = 120.0
"""Time that it has for a whole file."""
MOST_REDIRECTS = 3
"""Followed for one file."""
_PIECE_BYTES = 2**18
"""Read at a time."""
_REDIRECTS = (301, 302, 303, 307, 308)
_EMBEDDING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""Networks whose addresses hold one of the older kind, which could be private: NAT64, 6to4 and Teredo."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def fetch(url: str, path: Path, most_bytes: int) -> None:
    """Write what lies at `url` to `path`. Raises Refused."""
    end = time.monotonic() + WHOLE_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        connection, target = _connection(url)
        try:
            connection.request("GET", target, headers={"User-Agent": "openportrait", "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            if answer.status in _REDIRECTS and answer.getheader("Location"):
                url = urljoin(url, answer.getheader("Location"))
                continue
            if answer.status != http.client.OK:
                raise Refused(422, f"{shown(url)} answers with {answer.status}; check the address")
            _write(answer, path, url, most_bytes, end)
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused(422, f"{shown(url)} cannot be fetched ({told(error)}); check the address") from error
        finally:
            connection.close()
    raise Refused(422, f"{shown(url)} leads on more than {MOST_REDIRECTS} times; give the last address")


def is_public(address: Address) -> bool:
    """Whether an address is public, and leads to no private one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _write(answer: http.client.HTTPResponse, path: Path, url: str, most_bytes: int, end: float) -> None:
    left = most_bytes
    with path.open("wb") as file:
        while piece := answer.read(_PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise Refused(413, f"{shown(url)} is larger than {spell_bytes(most_bytes)}; give a smaller file")
            if time.monotonic() > end:
                raise Refused(422, f"{shown(url)} takes longer than {WHOLE_SECONDS:.0f} s; send the file itself")
            file.write(piece)


def _connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the host of an address, and what to ask it for. Raises Refused."""
    try:
        parts = urlsplit(url)
        host, secure, wanted = parts.hostname, parts.scheme == "https", parts.port
    except ValueError as error:
        raise Refused(422, f"{shown(url)} is no address; give http:// or https://") from error
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(422, f"{shown(url)} is no address; give http:// or https://")
    if parts.username is not None:
        raise Refused(422, "an address with a user's name is not asked; give one without")
    port = wanted or (443 if secure else 80)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    kind = _Secure if secure else _Plain
    return kind(host, port, _public_address(url, host, port)), target


def _public_address(url: str, host: str, port: int) -> str:
    """The address that a name resolves to now. The connection goes to this address, as the name may change at any
    time."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(422, f"{shown(url)} leads nowhere ({told(error)}); check the address") from error
    numbers = [str(one[4][0]) for one in found]
    if not all(is_public(ipaddress.ip_address(number.partition("%")[0])) for number in numbers):
        raise Refused(422, f"{shown(url)} leads to a private network; send the file itself")
    return numbers[0]


class _Plain(http.client.HTTPConnection):
    """A connection to one address, whatever the name of the host leads to."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=ANSWER_SECONDS)
        self._address = address

    def connect(self) -> None:
        """Connect to the address."""
        self.sock = socket.create_connection((self._address, self.port), ANSWER_SECONDS)


class _Secure(_Plain):
    """The same, encrypted, to a host that proves its name."""

    def connect(self) -> None:
        """Connect to the address."""
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
