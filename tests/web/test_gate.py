"""What programs and other sites' pages may ask of the app, through a real client."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as PillowImage

pytest.importorskip("gradio")

from openportrait.web.gate import Names
from openportrait.web.options import WebOptions
from openportrait.web.server import Served
from tests.web.calls import PORTRAIT, begun_upload, call, event_of, file_of, folders, line_of, refusal, upload, wait_for

FOREIGN = "http://evil.example"
CALLS = [
    "gradio_api/queue/join",
    "gradio_api/call/edit",
    "gradio_api/run/edit",
    "gradio_api/upload",
    "openportrait/live/x",
]


@pytest.fixture(scope="module")
def client(app: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, timeout=60) as opened:
        yield opened


@pytest.mark.parametrize("path", ["", "config", "gradio_api/info", "theme.css", *CALLS])
def test_a_foreign_name_is_refused_everywhere(app: Served, client: httpx.Client, path: str) -> None:
    port = app.url.split("/")[2].partition(":")[2]
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
    ):
        answer = client.request("POST" if path in CALLS else "GET", path, headers={"Host": host})
        assert "is no name of this app" in line_of(answer)
    forwarded = client.get(path, headers={"X-Forwarded-Host": "evil.example"})
    assert "is no name of this app" in line_of(forwarded)


def test_the_app_is_served_under_its_own_names(app: Served, client: httpx.Client) -> None:
    port = app.url.split("/")[2].partition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST", "localhost."):
        assert client.get("gradio_api/app_id", headers={"Host": host}).status_code == 200


def test_names_follow_from_where_the_app_listens() -> None:
    everywhere, one = Names(WebOptions(host="0.0.0.0")), Names(WebOptions(host="192.168.1.7"))
    assert "192.168.1.7:8890" in everywhere
    assert f"{socket.gethostname()}:8890" in everywhere
    assert "evil.example" not in everywhere
    assert "192.168.1.7" in one
    assert "192.168.1.8" not in one
    behind = Names(WebOptions(names="portrait.example, other.example"))
    assert "portrait.example" in behind
    assert behind.same_site("https://portrait.example", "127.0.0.1:8890")
    assert not behind.same_site("https://portrait.example.evil.example", "127.0.0.1:8890")
    behind.add("abc.gradio.live")
    assert "abc.gradio.live" in behind


@pytest.mark.parametrize("path", CALLS)
def test_pages_of_other_sites_may_post_nothing(app: Served, client: httpx.Client, path: str) -> None:
    others = (
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": f"http://{app.url.split('/')[2]}.evil.example"},
    )
    for headers in others:
        answer = client.post(path, headers=headers, files={"files": ("a.png", b"x")})
        assert "another site" in line_of(answer)
        assert "access-control-allow-origin" not in answer.headers
    assert not list(app.sessions.root.glob("upload-*/*/a.png"))


def test_other_sites_get_no_leave_to_ask_and_no_file(app: Served, client: httpx.Client) -> None:
    ask = {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}
    answer = client.options("gradio_api/upload", headers=ask)
    assert "another site" in line_of(answer)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert "another site" in line_of(client.get(f"gradio_api/file={upload(client)}", headers=embedded))
    follows = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = client.get("", headers=follows)
    assert page.status_code == 200, "a link to the page may be followed"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]


def test_a_browser_asks_for_the_scripts_once_and_for_the_page_each_time(client: httpx.Client) -> None:
    page = client.get("")
    script = re.search(r"assets/[^\"']+\.js", page.text)
    assert script
    assert "immutable" in client.get(script[0]).headers["cache-control"]
    for other in (page, client.get("assets/there-is-none.js")):
        assert "immutable" not in other.headers.get("cache-control", "")


def test_the_own_page_and_programs_may_post(app: Served, client: httpx.Client) -> None:
    own = {"Origin": f"http://{app.url.split('/')[2]}", "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, own):
        assert client.post("gradio_api/reset", json={"event_id": "x"}, headers=headers).status_code == 200


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """An address of this machine and what was sent to it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    heard.append(server.accept()[0].recv(100))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/officer.jpg", heard
        over.set()
        thread.join()


def test_no_address_is_fetched(client: httpx.Client, listener: tuple[str, list[bytes]], monkeypatch: Any) -> None:
    address, heard = listener
    looked_up: list[Any] = []
    real = socket.getaddrinfo

    def look_up(*args: Any, **more: Any) -> Any:
        looked_up.append(args[0])
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for path in (
        address,
        "http://portraits.example/a.jpg",
        "ftp://portraits.example/a",
        "file:///etc/passwd",
        "data:,x",
    ):
        assert "is an address; download the file first" in refusal(client, "edit", file_of(path), {}, {})
        assert "is an address" in refusal(client, "edit", file_of(upload(client)), {"smile": file_of(path)}, {})
        assert "is an address" in refusal(client, "edit", file_of(upload(client)), {}, [[{"deep": file_of(path)}]])
    for path in (f"gradio_api/file={address}", f"gradio_api/proxy={address}", f"gradio_api/file/{address}"):
        line_of(client.get(path))
    kind, _ = call(client, "edit", file_of(upload(client), url=address), {}, {"engine": "mesh"})
    assert kind == "complete", "what its sender says besides the path is of no account"
    assert not heard
    assert not [name for name in looked_up if "example" in str(name)]


def test_paths_of_the_machine_are_no_files(app: Served, client: httpx.Client) -> None:
    root, mine = app.sessions.root, upload(client)
    strange = (
        str(PORTRAIT),
        "/etc/passwd",
        "/dev/zero",
        "",
        ".",
        "officer.jpg",
        str(root),
        f"{mine}/../../../..{PORTRAIT}",
    )
    for path in strange:
        assert "is no file of this page" in refusal(client, "edit", file_of(path), {}, {})
    assert "is no longer here" in refusal(client, "edit", file_of(str(Path(mine).parent)), {}, {})


def test_a_result_and_an_upload_are_their_own_session_s(client: httpx.Client) -> None:
    mine = upload(client)
    kind, made = call(client, "edit", file_of(mine), {"smile": 1.0}, {"engine": "mesh"})
    assert kind == "complete"
    result = made[0][0]["path"]
    assert client.get(f"gradio_api/file={result}").status_code == 200
    for path in (mine, result):
        assert "is no file of this page" in refusal(client, "edit", file_of(path), {}, {})


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("edit", [None, {}, {}], "there is no source yet"),
        ("edit", ["/etc/passwd", {}, {}], "do not fit the call"),
        ("edit", [], "do not fit the call"),
        ("edit", [{}, {}, {}], "do not fit the call"),
        ("edit", [None, "smile", {}], "sliders is no object"),
        ("edit", [None, {"smile": "wide"}, {}], "“Smile” is"),
        ("edit", [None, {}, {"weights": "/etc"}], "the weights are chosen where the app is started"),
        ("edit", [None, {}, {"background": "/etc/logo.png"}], "give keep, transparent or a colour"),
        ("animate", [None, None, {"region": ["lip"]}], "“Region”: a list is no region"),
        ("animate", [None, None, {"strength": "lip=9"}], "“Strength”: "),
        ("animate", [None, None, {}, {"file": 7}], "there is no source yet"),
        ("animate", [None, None, 7], "options is no object"),
        ("edit", [[[]] * 40, {}, {}], "do not fit the call"),
    ],
)
def test_every_refusal_of_a_call_has_its_line(client: httpx.Client, name: str, data: list[Any], line: str) -> None:
    assert line in refusal(client, name, *data)


@pytest.mark.parametrize(
    ("drivings", "line"),
    [
        ({"file": 7}, "the drivings are no list"),
        ([7], "driving 2 is no object"),
        ([{}], "there is no driving 2 yet"),
        ([{"file": "/etc/passwd"}], "the file of driving 2 is none"),
        ([{"file": {"path": "/etc/passwd"}}], "is no file of this page"),
        ([{"file": file_of("/etc/passwd")}], "is no file of this page"),
        ([{"file": file_of("http://portraits.example/a.jpg")}], "is an address"),
        ([{"regoin": "lip"}], "driving 2 has no option"),
        ([{"file": None}] * 64, "give at most 64"),
    ],
)
def test_further_drivings_of_a_call_are_judged(client: httpx.Client, drivings: Any, line: str) -> None:
    assert line in refusal(client, "animate", file_of(upload(client)), file_of(upload(client)), {}, drivings)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"region": "ears"}, "there is no region"),
        ({"offset_seconds": 31}, "driving 2: “Offset seconds” is 31, the limit is 30"),
        ({"offset_seconds": 1e9}, "“Offset seconds” is"),
        ({"end": "sing"}, "“End” is"),
        ({"face": "the tall one"}, "choose one of"),
        ({}, "are both to move the same face"),
    ],
)
def test_what_a_further_driving_does_is_judged(client: httpx.Client, values: dict[str, Any], line: str) -> None:
    further = [{"file": file_of(upload(client)), **values}]
    told = refusal(client, "animate", file_of(upload(client)), file_of(upload(client)), {"engine": "mesh"}, further)
    assert line in told
    assert "openportrait-web" not in told


def test_calls_may_leave_out_what_has_a_default(client: httpx.Client) -> None:
    further: tuple[Any, ...]
    for further in ((), ([],), (None,)):
        kind, told = call(
            client, "animate", file_of(upload(client)), file_of(upload(client)), {"engine": "mesh"}, *further
        )
        assert kind == "complete", told
        assert told[1]["warnings"] == []


def test_what_a_result_says_names_no_folder_and_no_flag(client: httpx.Client) -> None:
    kind, told = call(
        client, "animate", file_of(upload(client)), file_of(upload(client)), {"engine": "mesh", "region": "pose"}
    )
    assert kind == "complete", told
    (warning,) = told[1]["warnings"]
    assert warning.startswith("officer.jpg is a single picture")
    assert "untick “Relative”" in warning


def test_what_cannot_be_read_is_refused_in_one_line(client: httpx.Client, tmp_path: Path) -> None:
    words = tmp_path / "words--smile.jpg"
    words.write_text("This is no picture.")
    line = refusal(client, "edit", file_of(upload(client, words)), {}, {})
    assert line.startswith("words--smile.jpg")
    assert "openportrait-web" not in line


def test_events_of_the_page_called_by_hand_are_refused_in_one_line(client: httpx.Client) -> None:
    config = client.get("config").json()
    for event in config["dependencies"]:
        body = {"data": [7] * len(event["inputs"]), "fn_index": event["id"], "session_hash": "byhand"}
        answer = client.post("gradio_api/run/predict", json=body)
        if answer.status_code >= 400:
            told = answer.json()
            line = told.get("error") or told.get("detail")
            assert line, event
            assert len(str(line).splitlines()) == 1


def test_a_click_on_a_face_reads_no_file_that_the_preview_refuses(client: httpx.Client, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    PillowImage.new("L", (2600, 2000)).save(large)
    request = event_of(client, "animate-source-faces")([file_of(upload(client, large))], "clicks")
    answer = client.post("gradio_api/run/predict", json={**request, "event_data": {"index": [9, 9], "value": None}})
    assert answer.json()["error"].startswith("large.png has 5.2 megapixels, the limit is 4")


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/call/nothing",
        "gradio_api/run/nothing",
        "gradio_api/component_server",
        "gradio_api/process_recording",
    ],
)
def test_what_is_not_there_is_refused_in_one_line(client: httpx.Client, path: str) -> None:
    answer = client.post(path, json={"data": []})
    assert 400 <= answer.status_code < 600
    assert len(str(answer.json()["detail"]).splitlines()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b'{"data": 7}', b"[" * 100_000, b'{"data": [' + b"9" * 9999 + b"]}"]
)
def test_bodies_that_are_no_calls_are_refused(client: httpx.Client, body: bytes) -> None:
    for path in ("gradio_api/call/edit", "gradio_api/queue/join", "gradio_api/run/edit", "gradio_api/cancel"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert len(str(answer.json()["detail"]).splitlines()) == 1


def test_an_event_that_is_not_there_is_told_so(client: httpx.Client) -> None:
    for number in (-1, 9999, 2**70):
        body = {"data": [], "fn_index": number, "session_hash": "a"}
        for path in ("gradio_api/queue/join", "gradio_api/run/predict"):
            assert "there is no such call" in line_of(client.post(path, json=body))
    assert "404" in client.get("gradio_api/call/edit/guessed").text


def test_large_bodies_and_uploads_are_refused(app: Served, client: httpx.Client) -> None:
    before = set(app.sessions.root.glob("upload-*/*/*.mp4"))
    assert "larger than 4 MB" in line_of(client.post("gradio_api/call/edit", content=b"x" * 4_100_000))
    answer = client.post("gradio_api/upload", files={"files": ("a.mp4", bytes(3_100_000))})
    assert (answer.status_code, "larger than 3 MB" in answer.text) == (413, True)
    many = client.post("gradio_api/upload", files=[("files", (f"{i}.mp4", bytes(1_000_000))) for i in range(4)])
    assert many.status_code == 413
    assert set(app.sessions.root.glob("upload-*/*/*.mp4")) <= before


def test_an_upload_that_breaks_off_leaves_nothing(app: Served) -> None:
    before = folders(app.sessions.root)
    stream = begun_upload(app.url, app.sessions.root)
    stream.close()
    wait_for(lambda: folders(app.sessions.root) <= before)


def test_an_upload_that_stands_still_is_given_up(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openportrait.listening.IDLE_SECONDS", 0.2)
    before = folders(app.sessions.root)
    with begun_upload(app.url, app.sessions.root) as stream:
        stream.settimeout(60)
        assert stream.recv(100).startswith(b"HTTP/1.1 408")
    wait_for(lambda: folders(app.sessions.root) <= before)


@pytest.mark.parametrize(
    "form", [b"", b"x", b"--b--", b"--b\r\n\r\nx", b'--b\r\nContent-Disposition: form-data; name="files"']
)
def test_broken_forms_are_refused(app: Served, client: httpx.Client, form: bytes) -> None:
    before = folders(app.sessions.root)
    for kind in ("multipart/form-data; boundary=b", "multipart/form-data", "text/plain"):
        answer = client.post("gradio_api/upload", content=form, headers={"Content-Type": kind})
        assert answer.status_code in (200, 400)
        assert len(answer.text.splitlines()) == 1
    assert folders(app.sessions.root) <= before


def test_names_of_uploads_stay_in_their_folder(app: Served, client: httpx.Client) -> None:
    for name in ("../../a.png", "/etc/a.png", "..", "a\0.png", "é" * 300 + ".png", ""):
        answer = client.post("gradio_api/upload", files={"files": (name, b"x")})
        for path in answer.json() if answer.status_code == 200 else ():
            assert Path(path).resolve().is_relative_to(app.sessions.root)
            assert Path(path).parents[1].name.startswith("upload-")


def test_a_slow_event_holds_up_nobody(app: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    seen = threading.Semaphore(0)

    def slowly(*given: object) -> None:
        seen.release()
        go_on.wait(30)

    show = event_of(client, "retarget-source")
    monkeypatch.setattr("openportrait.web.context.check_upload", slowly)

    def preview(session: str) -> httpx.Response:
        body = show([file_of(upload(client))], session)
        return client.post("gradio_api/queue/join", json=body)

    try:
        for _ in range(6):
            assert preview("slow-one").status_code == 200
        for _ in range(2):
            assert seen.acquire(timeout=60)
        assert not seen.acquire(timeout=0.5), "no more than two of one visitor at once"
        assert preview("other").status_code == 200
        assert seen.acquire(timeout=60), "another visitor has his turn"
        assert client.get("config").status_code == 200
    finally:
        go_on.set()


def test_sixteen_calls_at_once_all_end_with_a_result_or_a_line(client: httpx.Client) -> None:
    def one(_: int) -> str:
        return call(client, "edit", file_of(upload(client)), {"smile": 1.0}, {"engine": "mesh", "max_size": 256})[0]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(16))) == ["complete"] * 16
