"""Many clients at once: what they hand in, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PAUSE_SECONDS = 0.25
"""Between two looks of a client at its job."""
PROBE_SECONDS = 0.05


@dataclass
class Told:
    """What the clients saw."""

    accepted: int = 0
    done: int = 0
    refused: int = 0
    alive_seconds: list[float] = field(default_factory=list)
    """How long each answer of /healthz took."""


async def load(url: str, portrait: Path, driving: Path, *, clients: int, jobs: int) -> Told:
    """`clients` at once hand in so many jobs each and wait for them; meanwhile /healthz is asked."""
    told, ended = Told(), threading.Event()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits, trust_env=False) as client:
        probe = asyncio.create_task(asyncio.to_thread(_probed, url, told, ended))
        content = portrait.read_bytes(), driving.read_bytes()
        await asyncio.gather(
            *(_one(client, content, f"{number}-{job}", told) for number in range(clients) for job in range(jobs))
        )
        ended.set()
        await probe
    return told


def _probed(url: str, told: Told, ended: threading.Event) -> None:
    """In a thread of its own: the clients must not make it wait."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while not ended.wait(PROBE_SECONDS):
            began = time.perf_counter()
            answer = client.get("/healthz")
            told.alive_seconds.append(time.perf_counter() - began)
            assert answer.status_code == 200


async def _one(client: httpx.AsyncClient, content: tuple[bytes, bytes], key: str, told: Told) -> None:
    options = json.dumps({"multiplier": 1.0})
    while True:
        answer = await client.post(
            "/v1/jobs",
            files={"source": ("a.png", content[0]), "driving": ("b.png", content[1])},
            data={"options": options},
            headers={"Idempotency-Key": key},
        )
        if answer.status_code != 429:
            break
        told.refused += 1
        await asyncio.sleep(float(answer.headers["retry-after"]))
    assert answer.status_code == 202, answer.text
    told.accepted += 1
    job = answer.json()
    while job["state"] in ("queued", "running"):
        await asyncio.sleep(PAUSE_SECONDS)
        job = (await client.get(job["links"]["self"])).json()
    assert job["state"] == "done", job
    result = await client.get(job["links"]["result"])
    assert result.content.startswith(b"\xff\xd8")
    told.done += 1
