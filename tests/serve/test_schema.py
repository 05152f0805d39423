"""The service against its own description: Schemathesis sends what it allows, and what it does not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from openportrait.serve.server import Serving
from tests.serve.conftest import TOKENS

schemathesis = pytest.importorskip("schemathesis")

HEADERS = {"Authorization": f"Bearer {TOKENS[0]}"}
EXAMPLES = 12
"""Of each route and kind of request: those that it describes, and those that it does not."""


def test_no_request_is_answered_otherwise_than_described(served: Serving) -> None:
    api = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    # Bytes that are made up are no picture, and no job has a name that is made up: such requests are refused rightly.
    excluded = [schemathesis.checks.positive_data_acceptance]
    tried = set()
    for found in api.get_all_operations():
        route = found.ok()
        for mode in schemathesis.GenerationMode:

            @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
            @given(case=route.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                tried.add(case.operation.label)
                case.call_and_validate(headers=HEADERS, excluded_checks=excluded, timeout=60)

            with suppress(Unsatisfiable):  # a route without parameters takes no wrong ones
                check()
    assert len(tried) == 11


def test_each_route_is_described_with_an_example(served: Serving) -> None:
    import httpx

    described = httpx.get(f"{served.url}/openapi.json", trust_env=False).json()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route["description"], where
            body = route.get("requestBody", {}).get("content", {})
            assert all(content["examples"] for content in body.values()), where
    job = described["components"]["schemas"]["JobView"]
    assert all("examples" in field for name, field in job["properties"].items() if name != "progress")
