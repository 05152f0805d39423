"""Arrays, PIL's pictures, clips in memory and content, given in place of a path."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, ImageSequence
from PIL import Image as Pillow

from openportrait.errors import MediaError, NoFaceError, OpenPortraitError, OptionError
from openportrait.media import Frames, Inputs, inputs, open_clip, read_image
from openportrait.records import Image, Result
from openportrait.templates import is_template
from tests.properties import JUNK, in_one_line

from .make import PRINT_PEAK, Video, corners, picture


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def noise(*shape: int) -> Image:
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_in_memory_is_read_bit_for_bit(channels: int, place: Path) -> None:
    array = noise(41, 30, channels)
    with Inputs() as files:
        assert np.array_equal(read_image(files.file(array, "source")).pixels, array)
        turned = array[::-1, ::2]
        assert np.array_equal(read_image(files.file(turned, "source")).pixels, turned)
    assert not list(place.iterdir())


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 1, 4), (37, 51, 3), (64, 96, 4)])
@pytest.mark.parametrize("rate", [25, 29.5, "30000/1001", Fraction(24000, 1001), 14.285714, 240, 1])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_clip_in_memory_is_read_bit_for_bit_at_its_rate(
    shape: tuple[int, ...], rate: Any, count: int, place: Path
) -> None:
    pictures = noise(count, *shape)
    with Inputs() as files, open_clip(files.file(Frames(pictures, rate), "driving")) as clip:
        assert clip.info.kind == "video"
        assert clip.info.frames == count
        assert clip.info.rate == Fraction(rate).limit_denominator(10**6)
        assert np.array_equal([frame.pixels for frame in clip], pictures)
    assert not list(place.iterdir())


def test_a_clip_may_come_picture_by_picture() -> None:
    one = noise(20, 30, 3)

    def made() -> Iterator[Image | Pillow.Image]:
        buffer = one.copy()
        for n in range(5):
            buffer[0, 0] = n  # the same array every time, as cameras give it
            yield buffer if n % 2 else Pillow.fromarray(buffer)

    with Inputs() as files, open_clip(files.file(Frames(made(), 12.5), "driving")) as clip:
        assert [int(frame.image[0, 0, 0]) for frame in clip] == [0, 1, 2, 3, 4]


def test_pictures_of_pil_are_read_as_their_files_are(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Pillow.fromarray(picture()).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    deep = np.linspace(0, 65535, 96 * 64).astype(np.uint16).reshape(64, 96)
    Pillow.fromarray(deep).save(tmp_path / "deep.png")
    Pillow.fromarray(picture()).convert("P").save(tmp_path / "palette.png", transparency=0)
    with Inputs() as files:
        for path in sorted(tmp_path.glob("*.*g")):
            with Pillow.open(path) as opened:
                found = read_image(files.file(opened, "source")).pixels
            assert np.array_equal(found, read_image(path).pixels), path.name
    assert corners(read_image(tmp_path / "turned.jpg").image)[:2] == (".", "r")


def test_an_animation_of_pil_is_a_clip(tmp_path: Path) -> None:
    pictures = [Pillow.fromarray(picture(blue=40 + 40 * n)) for n in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:])
    with Pillow.open(tmp_path / "a.gif") as opened, Inputs() as files:
        path = files.file(Frames(ImageSequence.Iterator(opened), 10), "driving")
        with open_clip(path) as clip:
            assert len(list(clip)) == 3


def test_content_is_what_a_file_holds(tmp_path: Path) -> None:
    path = Video(frames=4).save(tmp_path / "clip.mp4")
    content = path.read_bytes()
    used = io.BytesIO(content)
    used.read()  # as it is left by who has just written it
    with Inputs() as files, path.open("rb") as opened:
        for given in (content, bytearray(content), memoryview(content), used, opened):
            assert files.file(given, "driving").read_bytes() == content
        assert files.file(path, "driving") == path
        assert files.file(str(path), "driving") == path
        template = files.file(b"\x80\x04N.", "driving")
        assert is_template(template)


def test_a_stream_without_a_way_back_is_taken_as_it_comes() -> None:
    class Stream(io.RawIOBase):
        left = 3 * 2**20 + 5

        def read(self, count: int = -1) -> bytes:
            piece = b"x" * min(count, 2**19, self.left)
            self.left -= len(piece)
            return piece

    with Inputs() as files:
        assert files.file(Stream(), "source").stat().st_size == 3 * 2**20 + 5


def test_a_stream_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(inputs, "MOST_BYTES", 2**22)
    with (
        Path("/dev/zero").open("rb") as endless,
        pytest.raises(MediaError, match="source: is larger than 4 MB; "),
        Inputs() as files,
    ):
        files.file(endless, "source")
    assert not list(place.iterdir())


UNIT = np.linspace(0, 1, 75).reshape(5, 5, 3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (noise(5, 5), r"source: an array of shape \(5, 5\); give \(height, width, 3 or 4\) uint8, RGB"),
        (noise(3, 5, 5), r"shape \(3, 5, 5\); give \(height, .* np\.moveaxis\(array, 0, -1\)"),
        (noise(5, 5, 1), r"shape \(5, 5, 1\)"),
        (noise(0, 5, 3), r"shape \(0, 5, 3\)"),
        (noise(2, 5, 5, 3), r"an array of shape \(2, 5, 5, 3\) has no rate; give Frames\(pictures, rate\)"),
        (UNIT, r"source: an array of float64; give uint8 from 0 to 255, as \(array \* 255\)\.round\(\)"),
        (UNIT * 255, r"float64; .* as array\.clip\(0, 255\)\.round\(\)"),
        (UNIT * np.nan, "float64; it holds values that are no finite numbers"),
        ((UNIT * 65535).astype(np.uint16), r"uint16; .* \(array // 257\)"),
        (UNIT > 0.5, r"bool; .* as array\.astype\(np\.uint8\) \* 255"),
        (UNIT.astype(complex), "complex128; give uint8"),
        (UNIT.astype(str), "give uint8"),
        (np.broadcast_to(np.uint8(0), (20000, 10000, 3)), "source: 10000 × 20000 is more than 100 megapixels; reduce"),
        (iter([noise(5, 5, 3)]), "has no rate; give Frames"),
        ([noise(5, 5, 3)], "source: a list has no rate; give Frames"),
        (None, "source: nothing is no input; give a path, bytes"),
        (5, "source: 5 is no input; give"),
        (b"", "source: is empty; give"),
        (io.StringIO("text"), "source: is a file of str; open it with mode 'rb'"),
        (Frames([], 25), "source: holds no frame; give"),
        (Frames(noise(5, 5, 3), 25), r"source: an array of shape \(5, 5, 3\); give \(frames, height, width, 3 or 4\)"),
        (Frames(noise(0, 5, 5, 3), 25), "source: holds no frame"),
        (Frames(5, 25), "source: 5 is no clip; give"),  # type: ignore[arg-type]
        (Frames("clip.mp4", 25), "source, frame 0: 'c' is no picture; give"),  # type: ignore[arg-type]
        (
            Frames([noise(5, 5, 3), noise(5, 6, 3)], 25),
            r"source, frame 1: has shape \(5, 6, 3\) and the first \(5, 5, 3\); give",
        ),
        (Frames([noise(5, 5, 3), noise(5, 5, 4)], 25), r"frame 1: has shape \(5, 5, 4\)"),
        (Frames([noise(5, 5, 3), UNIT], 25), "source, frame 1: an array of float64; give"),  # type: ignore[list-item]
        (
            Frames(np.broadcast_to(np.uint8(0), (2, 7000, 7000, 3)), 25),
            "source: 7000 × 7000 is more than 36 megapixels",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_argument(wrong: Any, said: str, place: Path) -> None:
    with pytest.raises((OptionError, MediaError), match=said) as caught, Inputs() as files:
        files.file(wrong, "source")
    assert str(caught.value).isprintable()
    assert not list(place.iterdir())


@given(JUNK)
def test_whatever_is_no_input_is_one_line(value: Any) -> None:
    with Inputs() as files:
        try:
            assert files.file(value, "source") == Path(value)
        except OpenPortraitError as error:
            in_one_line(error, "source")


@pytest.mark.parametrize("rate", [0, -1, 241, float("nan"), float("inf"), "1e3", "25/0", "fast", None, [25]])
def test_a_rate_that_no_clip_has_is_refused(rate: Any) -> None:
    with pytest.raises(OptionError, match=r"rate is .*; 1 to 240 is due; give frames a second"):
        Frames([], rate)


@given(st.fractions(1, 240))
def test_a_rate_is_exact(rate: Fraction) -> None:
    assert abs(Frames([], rate).rate - rate) <= Fraction(1, 10**6)


def test_a_clip_without_an_end_is_refused(place: Path) -> None:
    def endless() -> Iterator[Image]:
        while True:
            yield noise(1000, 1000, 3)

    with pytest.raises(MediaError, match=r"driving: more than .* raise --max-gigapixels"), Inputs(0.01) as files:
        files.file(Frames(endless(), 25), "driving")
    assert not list(place.iterdir())


def test_an_error_of_the_caller_passes_and_leaves_nothing(place: Path) -> None:
    def broken() -> Iterator[Image]:
        yield noise(5, 5, 3)
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"), Inputs() as files:
        files.file(Frames(broken(), 25), "driving")
    assert not list(place.iterdir())


def test_later_stages_name_the_argument_and_no_temporary_file(place: Path) -> None:
    with pytest.raises(MediaError) as caught, Inputs() as files:
        open_clip(files.file(b"no picture at all" * 99, "driving"))
    assert str(caught.value).startswith("driving (bytes): cannot be read as a picture or clip")

    files = Inputs()
    source, driving = files.file(noise(9, 9, 3), "source"), files.file(Frames(noise(2, 9, 9, 3), 25), "driving")
    with pytest.raises(NoFaceError) as lost, files.named_in_errors():
        raise NoFaceError(f"no face in frame 3 of {driving}; use another")
    assert str(lost.value) == "no face in frame 3 of driving (frames); use another"
    result = Result(Path("out.mp4"), 2, None, 0.1, "mesh", 1, warnings=(f"{source}: the face is small", "a.jpg: too"))
    assert files.named_in(result).warnings == ("source (array): the face is small", "a.jpg: too")
    assert source.stem == "source", "by which a result without a name is called"
    files.close()
    assert not list(place.iterdir())


def test_nobody_else_may_look(place: Path) -> None:
    with Inputs() as files:
        files.file(noise(5, 5, 3), "source")
        assert [path.stat().st_mode & 0o777 for path in place.iterdir()] == [0o700]


def test_what_is_forgotten_is_removed(place: Path) -> None:
    files = Inputs()
    files.file(noise(5, 5, 3), "source")
    assert list(place.iterdir())
    del files
    gc.collect()
    assert not list(place.iterdir())


def test_where_no_file_can_be_written_is_told(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place / "nowhere"))
    with (
        pytest.raises(MediaError, match="source: its temporary file: cannot be written, there is no such folder"),
        Inputs() as files,
    ):
        files.file(noise(5, 5, 3), "source")


WAITING = """
import sys, time
import numpy as np
from openportrait import leaving
from openportrait.media import Frames, Inputs
if sys.argv[1] == "answers":
    leaving.answer_signals()
def frames():
    for n in range(10**6):
        if n == 3:
            print("ready", flush=True)
        time.sleep(0.01)
        yield np.zeros((64, 64, 3), np.uint8)
with Inputs() as files:
    files.file(Frames(frames(), 25), "driving")
"""


def interrupt(sent: signal.Signals, mode: str, place: Path) -> None:
    """Send a signal to a process that takes in a clip, and wait for its end."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, mode],
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert list(place.iterdir())
        process.send_signal(sent)
        process.wait(60)


@pytest.mark.parametrize(("sent", "answers"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, True)])
def test_a_signal_leaves_nothing(sent: signal.Signals, answers: bool, place: Path) -> None:
    interrupt(sent, "answers" if answers else "", place)
    assert not list(place.iterdir())


def test_what_a_killed_process_left_goes_with_the_next(place: Path) -> None:
    interrupt(signal.SIGKILL, "", place)
    assert list(place.iterdir())
    with Inputs() as files:
        files.file(noise(5, 5, 3), "source")
    assert not list(place.iterdir())


TAKE = """
import sys
import numpy as np
from openportrait.media import Frames, Inputs
with Inputs() as files:
    files.file(Frames((np.zeros((512, 512, 3), np.uint8) for _ in range(int(sys.argv[1]))), 25), "driving")
"""


def test_peak_memory_does_not_grow_with_length() -> None:
    """300 more frames are 236 MB of pixels; none of them may stay."""
    peaks = []
    for frames in (20, 320):
        command = [sys.executable, "-c", TAKE + PRINT_PEAK, str(frames)]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    assert peaks[1] - peaks[0] < 25, peaks
