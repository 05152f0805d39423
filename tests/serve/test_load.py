"""Many clients at once lose nothing. How fast that is, benchmarks/serve.py tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serve.conftest import Process
from tests.serve.load import load

CLIENTS = 12


@pytest.mark.long
def test_many_clients_at_once_lose_nothing(start: Callable[..., Process], files: Path) -> None:
    running = start("--workers", 2, "--max-jobs", 8)
    portrait = files / "portrait.png"
    told = asyncio.run(load(running.url, portrait, portrait, clients=CLIENTS, jobs=1))
    assert (told.accepted, told.done) == (CLIENTS, CLIENTS)
    assert told.alive_seconds, "it said that it lives meanwhile"
    counts = [line for line in running.client.http.get("/metrics").text.splitlines() if 'state="done"' in line]
    assert f'openportrait_jobs{{state="done"}} {CLIENTS}.0' in counts
