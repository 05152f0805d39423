"""What a page of another site can do to the app through a visitor's browser."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from openportrait.web.server import Served
from tests.web.calls import folders

PAGE = b"<!doctype html><title>Another site</title><p>Hello"


@pytest.fixture
def elsewhere(browser: Any) -> Iterator[Any]:
    """A page of another site, open in a browser that has the app open as well."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://other.localhost:{site.server_port}/")
        yield page
        context.close()
        site.shutdown()


def test_another_site_can_neither_upload_nor_post_nor_read(elsewhere: Any, app: Served) -> None:
    before = folders(app.sessions.root)
    told = elsewhere.evaluate(
        """async url => {
            const form = new FormData();
            form.append('files', new Blob(['x']), 'a.png');
            const ask = (path, more) => fetch(url + path, more).then(answer => answer.status, () => 'refused');
            const image = new Image();
            image.src = url + 'favicon.ico';
            return [
                await ask('gradio_api/upload', {method: 'POST', body: form}),
                await ask('gradio_api/upload', {method: 'POST', body: form, mode: 'no-cors', credentials: 'include'}),
                await ask('gradio_api/call/edit', {method: 'POST', body: '{"data": []}', mode: 'no-cors'}),
                await ask('config'),
                await image.decode().then(() => 'shown', () => 'refused'),
            ];
        }""",
        app.url,
    )
    assert "shown" not in told
    assert 200 not in told
    assert folders(app.sessions.root) <= before


def test_a_name_that_leads_to_this_machine_opens_nothing(elsewhere: Any, app: Served) -> None:
    port = app.url.rstrip("/").rpartition(":")[2]
    answer = elsewhere.goto(f"http://rebound.localhost:{port}/")
    assert answer.status == 421
    assert "is no name of this app" in answer.text()


def test_a_link_to_the_page_may_be_followed(elsewhere: Any, app: Served) -> None:
    elsewhere.evaluate("url => { location.href = url; }", app.url)
    elsewhere.wait_for_selector("#animate-start")
