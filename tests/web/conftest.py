"""The app as a visitor meets it: a real server, a real browser."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from openportrait.media import Samples, read_image, write_image
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.options import EngineOptions
from openportrait.records import Face, Image
from openportrait.web.options import WebOptions
from tests.conftest import EXAMPLES, missing

pytest.importorskip("gradio")

from openportrait.web.server import Served, served

CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
PATIENCE_MS = 90_000
"""Not a measure of speed: browsers share their cores with whatever else runs there."""


@pytest.fixture(scope="session")
def camera_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera shows, as motion JPEG: the bundled talking face, for ever."""
    import cv2

    from openportrait.media import open_clip

    path = tmp_path_factory.mktemp("camera") / "talk.mjpeg"
    with open_clip(EXAMPLES / "driving" / "talk.mp4", max_size=360) as clip, path.open("wb") as stream:
        for frame in clip:
            stream.write(cv2.imencode(".jpg", frame.image[:, :, ::-1])[1].tobytes())
    return path


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears, as a WAV file: the bundled voice, for ever."""
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    Samples(np.concatenate(list(listen(EXAMPLES / "driving" / "speech.ogg"))), HEARD_RATE).write(path)
    return path


@pytest.fixture(scope="session")
def browser(camera_clip: Path, spoken: Path) -> Iterator[Any]:
    """Chromium without a window, with a camera that shows a talking face and a microphone that hears a voice."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        captured = [f"--use-file-for-fake-video-capture={camera_clip}", f"--use-file-for-fake-audio-capture={spoken}"]
        flags = [*CHROMIUM, *captured]
        browser = driver.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app saves results."""
    return tmp_path_factory.mktemp("saved") / "animations"


@pytest.fixture(scope="session")
def mesh_app(saved: Path) -> Iterator[Served]:
    """The app on the mesh engine; small limits, so that refusals can be tried."""
    limits = WebOptions(port=0, max_upload_mb=3, max_megapixels=4.0, max_seconds=30.0, folder=saved)
    with served(limits, EngineOptions(engine="mesh")) as running:
        yield running


@pytest.fixture(scope="module")
def app(mesh_app: Served) -> Served:
    """The app that a module's visitors meet."""
    return mesh_app


@pytest.fixture(scope="session")
def window(browser: Any) -> Iterator[Any]:
    """What pages of an ordinary size share: what was loaded once is at hand for the next."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@dataclass
class Visitor:
    """A page of the app, and what it asked for."""

    page: Any
    hosts: set[str]

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def upload(self, elem_id: str, path: Path) -> None:
        """Hand in a file, in place of one that is there."""
        clear = self.page.locator(f"#{elem_id}").get_by_label("Clear")
        if clear.count():
            clear.first.click()
        self.page.set_input_files(f"#{elem_id} input[type=file]", str(path))

    def load(self, elem_id: str, path: Path) -> None:
        """Hand in a file through a button."""
        with self.page.expect_file_chooser() as chooser:
            self.page.click(f"#{elem_id}")
        chooser.value.set_files(str(path))

    def wait_for_preview(self, elem_id: str) -> None:
        self.page.wait_for_selector(f"#{elem_id}-faces img", timeout=PATIENCE_MS)

    def status(self, tab: str) -> str:
        return str(self.page.inner_text(f"#{tab}-status"))

    def wait_for_status(self, tab: str, text: str) -> None:
        self.wait_for_text(f"{tab}-status", text)

    def click_face(self, elem_id: str, source: Image, face: Face) -> None:
        """Click a face in the preview of a picture."""
        self.wait_for_preview(elem_id)
        self.page.wait_for_timeout(500)
        left, top, right, bottom = face.box
        picture = self.page.locator(f"#{elem_id}-faces img")
        box = picture.bounding_box()
        scale = min(box["width"] / source.shape[1], box["height"] / source.shape[0])
        x = (box["width"] - scale * source.shape[1]) / 2 + scale * (left + right) / 2
        y = (box["height"] - scale * source.shape[0]) / 2 + scale * (top + bottom) / 2
        picture.click(position={"x": x, "y": y})

    def add_driving(self, number: int, path: Path) -> None:
        """Add a further driving."""
        self.page.click("#animate-add-driving")
        self.page.wait_for_selector(f"#animate-driving-{number}", state="visible")
        self.upload(f"animate-driving-{number}-file", path)
        self.wait_for_preview(f"animate-driving-{number}-file")

    def run(self, tab: str) -> None:
        self.page.click(f"#{tab}-start")
        self.wait_for_status(tab, "Done")

    def message(self) -> str:
        """The newest error message of the page; it is closed again."""
        self.page.wait_for_selector(".toast-body", timeout=PATIENCE_MS)
        text = str(self.page.inner_text(".toast-body"))
        self.page.click(".toast-close")
        self.page.wait_for_selector(".toast-body", state="detached")
        return text

    def option(self, accordion: str, group: str) -> None:
        """Unfold a group of options."""
        self.page.locator(f"#{accordion} > button").click()
        self.page.locator(f"#{accordion}").get_by_role("button", name=group).click()

    def choose(self, elem_id: str, value: str) -> None:
        """Choose from a list of options."""
        box = self.page.locator(f"#{elem_id} input")
        box.fill(value)
        box.press("Enter")

    def video(self, elem_id: str) -> dict[str, float]:
        """Ready state, duration and size of a video that can be played."""
        script = "id => document.querySelector(`#${id} video`)?.readyState >= 2"
        self.page.wait_for_function(script, arg=elem_id, timeout=PATIENCE_MS)
        found: dict[str, float] = self.page.evaluate(
            """async id => {
                const video = document.querySelector(`#${id} video`);
                const start = video.currentTime;
                await video.play();
                await new Promise(done => setTimeout(done, 300));
                return {ready: video.readyState, seconds: video.duration, width: video.videoWidth,
                        height: video.videoHeight, played: Math.abs(video.currentTime - start)};
            }""",
            elem_id,
        )
        return found

    def fetch(self, selector: str, folder: Path) -> Path:
        """The file behind a video, picture or link of the page."""
        script = "s => { const e = document.querySelector(s); return e.currentSrc || e.src || e.href; }"
        self.page.wait_for_selector(selector, state="attached", timeout=PATIENCE_MS)
        url = str(self.page.evaluate(script, selector))
        path = folder / url.rsplit("/", 1)[-1]
        path.write_bytes(self.page.request.get(url).body())
        return path

    def edited(self) -> Image:
        """The picture of the editor."""
        url = str(self.page.get_attribute("#edit-picture img", "src"))
        with PillowImage.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
            return np.asarray(picture.convert("RGB"))

    def when_edited(self, act: Callable[[], object]) -> float:
        """Do something that changes the edited picture; ms until the new one is there."""
        script = "() => { window.before = document.querySelector('#edit-picture img').src; }"
        self.page.evaluate(script)
        act()
        return float(
            self.page.evaluate(
                """async patience => {
                    const image = document.querySelector('#edit-picture img');
                    const start = performance.now();
                    const decoded = () => image.decode().then(() => true, () => false);
                    // There is none while a file is exchanged; one that a newer one takes the place of is not decoded.
                    // Each turn waits for a timer: a loop of refused promises alone would stop the page for ever.
                    while (!image.src || image.src === window.before || !await decoded()) {
                        if (performance.now() - start > patience) throw new Error('there is no new picture');
                        await new Promise(done => setTimeout(done, 2));
                    }
                    return performance.now() - start;
                }""",
                PATIENCE_MS,
            )
        )

    def settle(self) -> None:
        """Wait until the edited picture has stayed the same for a while."""
        self.page.evaluate(
            """async patience => {
                const image = document.querySelector('#edit-picture img');
                const start = performance.now();
                let shown = image.src, since = start;
                while (performance.now() - since < 600) {
                    if (performance.now() - start > patience) throw new Error('the picture never rests');
                    await new Promise(done => setTimeout(done, 50));
                    if (image.src !== shown) [shown, since] = [image.src, performance.now()];
                }
            }""",
            PATIENCE_MS,
        )

    def wait_for_text(self, elem_id: str, text: str, patience_ms: int = PATIENCE_MS) -> None:
        script = "([id, text]) => document.getElementById(id)?.innerText.includes(text)"
        self.page.wait_for_function(script, arg=[elem_id, text], timeout=patience_ms)

    def slide(self, elem_id: str, value: float) -> None:
        """Move a slider."""
        self.page.evaluate(
            """([id, value]) => {
                const slider = document.querySelector(`#${id} input[type=range]`);
                slider.value = value;
                slider.dispatchEvent(new Event('input', {bubbles: true}));
                slider.dispatchEvent(new PointerEvent('pointerup', {bubbles: true}));
            }""",
            [elem_id, value],
        )

    def tick(self, elem_id: str) -> None:
        """Change a check box."""
        self.page.click(f"#{elem_id} input[type=checkbox]")

    def ticked(self, tab: str) -> set[str]:
        """The parts that a tab's check boxes show as moving."""
        boxes = self.page.locator(f"[id^={tab}-moves-] input[type=checkbox]")
        script = "(all, start) => all.filter(each => each.checked).map(each => each.closest('.block').id.slice(start))"
        return set(boxes.evaluate_all(script, len(f"{tab}-moves-")))

    def preset(self, tab: str, name: str) -> None:
        """Choose a region by its name, and wait for its check boxes."""
        before = self.ticked(tab)
        self.page.locator(f"#{tab}-region").get_by_label(name, exact=True).check()
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while self.ticked(tab) == before:
            assert time.monotonic() < deadline, "the check boxes stay as they are"
            self.page.wait_for_timeout(20)

    def slider(self, name: str) -> float:
        return float(self.page.input_value(f"#slider-{name} input[type=number]"))


@pytest.fixture
def visit(browser: Any, window: Any, app: Served) -> Iterator[Callable[..., Visitor]]:
    """`visit()` opens a page of its own; nothing may be asked of other hosts, and no script may fail."""
    opened: list[tuple[Any, Visitor, list[str]]] = []

    def visitor(**settings: Any) -> Visitor:
        context = browser.new_context(**settings) if settings else window
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        found, failures = Visitor(page, set()), list[str]()
        page.on("request", lambda request: found.hosts.add(request.url.split("/")[2] if "//" in request.url else ""))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(app.url)
        page.wait_for_selector("#animate-start")
        opened.append((page if context is window else context, found, failures))
        return found

    yield visitor
    own = app.url.split("/")[2]
    for page_or_context, found, failures in opened:
        page_or_context.close()
        assert {host for host in found.hosts if host and not host.startswith("gradio")} <= {own}
        assert not failures


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()


@pytest.fixture(scope="session")
def large_portrait(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait of 3 megapixels: a job with it takes long enough to be stopped, also where the test is slow."""
    path = tmp_path_factory.mktemp("large") / "officer.jpg"
    write_image(path, np.repeat(np.repeat(read_image(portrait).image, 3, 0), 3, 1))
    return path


@pytest.fixture(scope="session")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two people: the officer on the left, the astronaut (smaller) on the right."""
    officer, astronaut = (
        read_image(EXAMPLES / "source" / name, max_size=480).image for name in ("officer.jpg", "astronaut.jpg")
    )
    height = min(officer.shape[0], astronaut.shape[0])
    path = tmp_path_factory.mktemp("couple") / "couple.png"
    write_image(path, np.hstack([officer[:height], astronaut[:height]]))
    return path
