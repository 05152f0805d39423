"""Figures of the service for Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from openportrait.serve.records import Kind, State
from openportrait.serve.store import Store

MEDIA_TYPE = CONTENT_TYPE_LATEST
_STATES: tuple[State, ...] = ("queued", "running", "done", "failed")
_REQUEST_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20, 60)
"""Upper ends of the classes in which the time of requests is counted."""
_JOB_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
"""The same for jobs."""


class Metrics:
    """The figures of one service. Any thread may call its methods; only `text` may wait for a disk."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        self._jobs = Gauge("openportrait_jobs", "Jobs on disk.", ["state"], registry=self._all)
        self._ended = Histogram(
            "openportrait_job_seconds",
            "How long jobs ran that have ended.",
            ["kind", "state"],
            buckets=_JOB_SECONDS,
            registry=self._all,
        )
        self._answered = Histogram(
            "openportrait_request_seconds",
            "How long requests took until their answer was sent.",
            ["method", "route"],
            buckets=_REQUEST_SECONDS,
            registry=self._all,
        )
        self._statuses = Counter(
            "openportrait_requests", "Requests that were answered.", ["method", "route", "status"], registry=self._all
        )

    def job_ended(self, kind: Kind, state: State, seconds: float) -> None:
        """A job ended after so many seconds."""
        self._ended.labels(kind, state).observe(seconds)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: as it is declared, so that there are few of them."""
        self._answered.labels(method, route).observe(seconds)
        self._statuses.labels(method, route, status).inc()

    def text(self, store: Store) -> bytes:
        """All of them as Prometheus reads them."""
        counts = store.counts()
        for state in _STATES:
            self._jobs.labels(state).set(counts.get(state, 0))
        return generate_latest(self._all)
