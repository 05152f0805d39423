"""What is shown of a file before a job runs is what the job will take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from openportrait import Animator, Driving
from openportrait.engines import load
from openportrait.engines.base import Engine
from openportrait.errors import NoFaceError
from openportrait.faces import FaceNetworks
from openportrait.media import read_image, write_image
from openportrait.options import EngineOptions, Options
from openportrait.pipeline.driving import MeasuredDriving, open_driving, options_of
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.preview import measured_near, picture_at, preview_driving, preview_source
from openportrait.pipeline.source import ImageSource
from openportrait.pipeline.tools import Tools
from openportrait.records import CropRule, Face, Image
from tests.conftest import EXAMPLES
from tests.faces.conftest import moved, turn


@pytest.mark.parametrize("left", [True, False])
def test_centre_is_the_pictures_not_that_of_the_faces(left: bool, tmp_path: Path) -> None:
    faces = [read_image(EXAMPLES / "source" / name, max_size=300).image for name in ("officer.jpg", "astronaut.jpg")]
    height = min(len(face) for face in faces)
    empty = np.full((height, 400, 3), 90, np.uint8)
    couple = [face[:height] for face in faces]
    path = tmp_path / "couple.png"
    # The empty part beside them brings one of the two to the middle.
    write_image(path, np.hstack([empty, *couple] if left else [*couple, empty]))
    options = Options.of(face="centre", driving_face="centre")
    for preview in (preview_source(path, options), preview_driving(path, options)):
        assert len(preview.faces) == 2
        (chosen,) = preview.chosen
        places = sorted(face.landmarks[:, 0].mean() for face in preview.faces)
        assert chosen.landmarks[:, 0].mean() == places[0 if left else 1]


class Turning:
    """The mesh engine, asking for upright crops of 512 px and with landmarks of its own, as the neural one does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.crop_rule = CropRule(size=512, rotate=True, native=False)

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def refine(self, image: Image, face: Face, before: object) -> object:
        """203 points within the mesh, a little to one side."""
        return face.landmarks[:203, :2] + [6.0, -4.0]


def test_the_crop_is_the_one_the_job_cuts(portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_image(portrait).image
    matrix, side = turn(image, 20)
    write_image(tmp_path / "tilted.png", moved(image, matrix, side, side))
    engines: list[Any] = [load(EngineOptions(engine="mesh")), Turning(load(EngineOptions(engine="mesh")))]
    for engine in engines:
        monkeypatch.setattr("openportrait.pipeline.tools.load", lambda _, engine=engine: engine)
        options = Options.of(source_scale=1.8)
        (sitter,) = next(ImageSource(tmp_path / "tilted.png", Tools(engine, FaceNetworks()), options).scenes()).sitters
        assert sitter is not None
        assert np.array_equal(preview_source(tmp_path / "tilted.png", options).crop, sitter.crop.image)


def test_a_driving_is_shown_as_it_is_cut(talk: Path, portrait: Path) -> None:
    square = preview_driving(talk, Options.of(engine="mesh"))
    assert square.crop is square.image, "square frames are taken as they are"
    cut = preview_driving(portrait, Options.of(engine="mesh", max_size=256))
    assert cut.crop.shape == (512, 512, 3)
    assert cut.image.shape == (600, 512, 3), "the limit is the source's"


def test_one_picture_is_that_of_the_whole_job(portrait: Path, short_talk: Path) -> None:
    """Of a picture, and of a clip, whose frames before it are looked at, too."""
    animator, lips = Animator(engine="mesh"), Driving(short_talk, region="lip", offset_seconds=0.2)
    jobs: list[tuple[Path, list[Path | Driving]]] = [(portrait, [short_talk, lips]), (short_talk, [portrait])]
    for source, drivings in jobs:
        with animator.stream(source, drivings, max_size=200) as job:
            alone = {place: picture_at(job, (place + 0.5) / 12.5) for place in (5, 2)}
            behind = picture_at(job, 99)
            whole = list(job)
        assert all(picture.index == place for place, picture in alone.items())
        assert all(np.array_equal(picture.image, whole[place].image) for place, picture in alone.items())
        assert np.array_equal(behind.image, whole[-1].image)


def test_a_speck_is_not_animated_unasked(tmp_path: Path) -> None:
    """As the mirror image in an animal's eye; a small face in a large picture is taken, with a warning."""
    face = read_image(EXAMPLES / "source" / "astronaut.jpg").image
    for size, name in ((100, "speck.png"), (320, "small.png")):
        canvas = np.full((1200, 1600, 3), 120, np.uint8)
        canvas[400 : 400 + size, 500 : 500 + size] = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
        write_image(tmp_path / name, canvas)
    speck, small = tmp_path / "speck.png", tmp_path / "small.png"
    tools = Tools.load(EngineOptions(engine="mesh"))
    with pytest.raises(NoFaceError, match=r"speck\.png .* px, 1\.\d % .* score .* --face 0"):
        ImageSource(speck, tools, Options())
    with pytest.raises(NoFaceError, match=r"--driving-face 0"):
        preview_driving(speck, Options.of(engine="mesh"))
    for path, options in ((speck, Options.of(face="0")), (small, Options())):
        (said,) = [line for line in ImageSource(path, tools, options).warnings if "the face is small" in line]
        assert f"{path}: the face is small" in said
    assert ImageSource(EXAMPLES / "source" / "astronaut.jpg", tools, Options()).warnings == ()


def test_one_frame_of_a_clip_needs_its_start_and_what_is_around_it(talk: Path) -> None:
    options = Options.of(engine="mesh", driving_end=4.0)
    tools, measured = Tools.load(options.engine), list[MeasuredDriving]()

    def measure(part: Driving) -> MeasuredDriving:
        measured.append(open_driving(part.path, tools, options_of(part, options), Watch()))
        return measured[-1]

    near = measured_near(Driving(talk), options, 3.0, tools, measure)
    assert near is not None
    whole = measure(Driving(talk))
    assert [len(each.motions) for each in measured] == [12, 25, 100]
    assert len(near.motions) == 100
    assert near.trim == whole.trim
    moved = np.abs(whole.motions[75].expression - whole.motions[0].expression).max()
    for place in (0, 75):
        assert np.abs(near.motions[place].expression - whole.motions[place].expression).max() < 0.1 * moved
    [(shown, _)] = [item for item in near.footage([75]).frames() if item is not None]
    [(expected, _)] = [item for item in whole.footage([75]).frames() if item is not None]
    assert (shown == expected).all()
    auto = Driving(talk, neutral_frame="auto")
    assert measured_near(auto, options, 3.0, tools, measure) is None, "each frame counts for the most neutral one"
    assert len(measured) == 3, "nothing is measured in vain"
